// An address that shows nothing.

import { t } from "../i18n.js";
import { empty, heading, linkButton } from "../ui.js";

export function open() {
  const home = () => linkButton(t("not_found.home"), "/", { kind: "main" });
  return { title: () => t("not_found.title"), render: () => [heading(t("not_found.title")), empty("help", t("not_found.text"), home())] };
}
