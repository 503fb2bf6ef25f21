// Your tasks.

import { t } from "../i18n.js";
import { heading } from "../ui.js";

export function open() {
  return { title: () => t("nav.tasks"), render: () => [heading(t("nav.tasks"))] };
}
