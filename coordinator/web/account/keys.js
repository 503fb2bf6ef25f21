// API keys for programs: made, shown once, removed.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import { attempt, button, card, confirm, empty, field, once, select, table } from "../ui.js";
import { bound, fresh } from "../admin/parts.js";
import { accountTop } from "./parts.js";
import { shownOnce } from "./secret.js";

const AGAIN_S = 30;
const LIVES = [30, 90, 365, 0];
const DAY_MS = 86_400_000;

export async function open(context) {
  const state = { items: [], made: null, values: { days: "90" } };
  const read = async () => ({ items: (await api.get("/auth/keys", { signal: context.signal })).items });
  const again = fresh(context, state, read, AGAIN_S);
  await again();
  return { title: () => t("account.keys"), render: () => view(state, again, context) };
}

function view(state, again, context) {
  const seen = () => {
    state.made = null;
    context.update();
  };
  return [
    accountTop("keys", state),
    h("p", { class: "soft lead" }, t("keys.lead")),
    state.made && shownOnce(t("keys.made", { name: state.made.name }), state.made.key, t("keys.usage"), seen),
    card(t("keys.make"), form(state, again, context)),
    state.items.length ? list(state.items, again) : empty("key", t("keys.none")),
  ];
}

function form(state, again, context) {
  const { values } = state;
  const submit = async (event) => {
    event.preventDefault();
    const days = Number(values.days);
    const expires_at = days ? new Date(Date.now() + days * DAY_MS).toISOString() : null;
    state.made = (await attempt(() => api.post("/auth/keys", { name: values.name, expires_at }))) ?? null;
    if (state.made) values.name = "";
    again();
  };
  const lives = LIVES.map((days) => [String(days), days ? t("keys.days", { days }) : t("keys.for_ever")]);
  return h("form", { class: "grid-form", onsubmit: once(submit) },
    field(t("keys.name"), bound(values, "name", { required: true, maxlength: 100, autocomplete: "off" }), { hint: t("keys.name_hint") }),
    field(t("keys.life"), select("days", values.days, lives, (days) => ((values.days = days), context.update()))),
    h("div", { class: "buttons" }, h("button", { class: "button main" }, t("keys.make"))));
}

function list(items, again) {
  const remove = async (key) => {
    if (!(await confirm(t("keys.remove_ask", { name: key.name }), { action: t("keys.remove"), detail: t("keys.remove_detail") }))) return;
    await attempt(() => api.remove(`/auth/keys/${key.id}`), t("keys.removed", { name: key.name }));
    again();
  };
  return table([
    { name: t("keys.name"), cell: (key) => key.name },
    { name: t("keys.begins"), cell: (key) => h("code", {}, `${key.prefix}…`) },
    { name: t("keys.since"), cell: (key) => format.day(key.created_at) },
    { name: t("keys.used"), cell: (key) => (key.last_used_at ? format.ago(key.last_used_at) : t("users.never")) },
    { name: t("keys.until"), cell: (key) => (key.expires_at ? format.day(key.expires_at) : t("keys.for_ever")) },
    { name: t("act"), cell: (key) => button("", () => remove(key), { kind: "quiet", image: "trash", label: t("keys.remove_of", { name: key.name }) }) },
  ], items, { caption: t("account.keys") });
}
