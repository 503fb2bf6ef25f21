// A secret that is shown once: to be copied, then gone.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { button, toast } from "../ui.js";

export function shownOnce(title, secret, how, seen) {
  const copy = async () => {
    await navigator.clipboard.writeText(secret);
    toast(t("secret.copied"));
  };
  return h("section", { key: "secret", class: "card secret", role: "status" },
    h("h2", {}, title),
    h("p", {}, t("secret.once")),
    h("code", { class: "shown-secret" }, secret),
    how && h("p", { class: "soft" }, how),
    h("div", { class: "buttons" }, navigator.clipboard && button(t("secret.copy"), copy, { image: "file" }), button(t("secret.seen"), seen, { kind: "main" })));
}
