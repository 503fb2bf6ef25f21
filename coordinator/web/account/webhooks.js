// Webhooks: the secret that signs them, trying a receiver out, and what was delivered.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { knows, t } from "../i18n.js";
import * as lists from "../lists.js";
import { attempt, badge, button, card, confirm, empty, field, notice, once, table } from "../ui.js";
import { bound, codeWords, fresh } from "../admin/parts.js";
import { accountTop } from "./parts.js";
import { shownOnce } from "./secret.js";

const AGAIN_S = 10;
const PAGE = 25;
const DELIVERIES = "/webhooks/deliveries";
const TONES = { delivered: "good", dead: "bad", waiting: "wait", queued: "wait" };

export async function open(context) {
  const { signal } = context;
  const state = { secrets: [], items: [], next: null, made: null, values: {}, trial: null, busy: false };
  const read = async () => {
    const [secrets, found] = await Promise.all([api.get("/webhooks/secrets", { signal }), lists.again(state, DELIVERIES, PAGE, signal)]);
    return { secrets: secrets.items, ...found };
  };
  const again = fresh(context, state, read, AGAIN_S);
  await again();
  return { title: () => t("account.webhooks"), render: () => view(state, again, context) };
}

function view(state, again, context) {
  const seen = () => {
    state.made = null;
    context.update();
  };
  return [
    accountTop("webhooks", state),
    h("p", { class: "soft lead" }, t("hooks.lead")),
    state.made && shownOnce(t("hooks.made"), state.made.secret, t("hooks.usage"), seen),
    card(t("hooks.secrets"), secrets(state, again)),
    card(t("hooks.test"), trial(state, context)),
    h("h2", { class: "over" }, t("hooks.deliveries")),
    state.items.length ? deliveries(state.items, again) : empty("list", t("hooks.none")),
    state.next && h("p", { class: "more" }, button(t("more"), () => lists.more(state, DELIVERIES, PAGE, context))),
  ];
}

function secrets(state, again) {
  const make = async () => {
    const replaces = state.secrets.length > 0;
    if (replaces && !(await confirm(t("hooks.replace_ask"), { action: t("hooks.replace"), detail: t("hooks.replace_detail"), danger: false }))) return;
    state.made = (await attempt(() => api.post("/webhooks/secrets"))) ?? null;
    again();
  };
  const remove = async (secret) => {
    if (!(await confirm(t("hooks.remove_ask"), { action: t("hooks.remove"), detail: t("hooks.remove_detail") }))) return;
    await attempt(() => api.remove(`/webhooks/secrets/${secret.id}`), t("hooks.removed"));
    again();
  };
  const rows = state.secrets.map((secret) => h("li", { key: secret.id },
    h("code", {}, `${secret.hint}…`),
    h("span", { class: "soft" }, t("hooks.since", { day: format.day(secret.created_at) }), secret.expires_at && ` · ${t("hooks.until", { moment: format.moment(secret.expires_at) })}`),
    button("", () => remove(secret), { kind: "quiet", image: "trash", label: t("hooks.remove_of", { hint: secret.hint }) })));
  return [
    rows.length ? h("ul", { class: "offers", "aria-label": t("hooks.secrets") }, rows) : h("p", { class: "soft lead" }, t("hooks.no_secret")),
    h("div", { class: "buttons" }, button(t(rows.length ? "hooks.replace" : "hooks.make"), make, { kind: rows.length ? "plain" : "main", image: "key" })),
  ];
}

function trial(state, context) {
  const { values } = state;
  const submit = async (event) => {
    event.preventDefault();
    Object.assign(state, { busy: true, trial: null });
    context.update();
    state.trial = (await attempt(() => api.post("/webhooks/test", { url: values.url }))) ?? null;
    state.busy = false;
    context.update();
  };
  return h("form", { onsubmit: once(submit) },
    field(t("hooks.url"), bound(values, "url", { type: "url", required: true, maxlength: 1000, placeholder: "https://" }), { hint: t("hooks.url_hint") }),
    state.trial && outcome(state.trial),
    h("div", { class: "buttons" }, h("button", { class: "button main", disabled: state.busy }, t("hooks.send"))));
}

function outcome(found) {
  const said = { status: found.status, took: format.duration(found.took_s) };
  if (found.ok) return notice(t("hooks.ok", said), "good");
  const known = `fault.${found.error.code}`;
  const words = found.status ? t("hooks.answered", said) : knows(known) ? t(known) : t("hooks.failed");
  return [notice(words), h("p", { class: "soft lead" }, found.error.detail)];
}

function deliveries(items, again) {
  const redo = (row) => attempt(() => api.post(`/webhooks/deliveries/${row.id}/redeliver`), t("hooks.redone")).then(again);
  return table([
    { name: t("hooks.when"), cell: (row) => h("time", { datetime: row.created_at, title: format.moment(row.created_at) }, format.ago(row.created_at)) },
    { name: t("hooks.type"), cell: (row) => h("code", {}, row.type) },
    { name: t("hooks.to"), class: "long", cell: (row) => row.url },
    { name: t("hooks.state"), cell: (row) => badge(t(`delivery.${row.state}`), TONES[row.state] || "off") },
    { name: t("hooks.tries"), class: "number", cell: (row) => format.number(row.tries) },
    { name: t("hooks.answer"), cell: (row) => (row.error ? codeWords(row.error.code) : (row.status ?? "–")) },
    { name: t("act"), cell: (row) => (row.state === "queued" ? null : button("", () => redo(row), { kind: "quiet", image: "retry", label: t("hooks.redo_of", { type: row.type }) })) },
  ], items, { caption: t("hooks.deliveries") });
}
