// The queue in the order in which it is served: who waits, why, and who goes before whom.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import * as live from "../live.js";
import { waiting as reasons } from "../parts/waiting.js";
import { ask, attempt, button, empty, table } from "../ui.js";
import { adminTop, fresh, seldom } from "./parts.js";

const AGAIN_S = 10;
const SOON_S = 1;
const MOST = 100;

export async function open(context) {
  const state = { items: [], waiting: 0 };
  const read = async () => {
    const found = await api.get(api.query("/admin/queue", { limit: MOST }), { signal: context.signal });
    return { items: found.items, waiting: found.waiting };
  };
  const again = fresh(context, state, read, AGAIN_S);
  live.want(["queue"], context.signal);
  live.on("queue", seldom(again, SOON_S, context.signal), context.signal);
  await again();
  return { title: () => t("admin.queue"), render: () => view(state, again) };
}

function view(state, again) {
  const shown = state.items.length < state.waiting ? t("queue.first", { shown: state.items.length, all: format.number(state.waiting) }) : t("queue.all", { all: format.number(state.waiting) });
  return [
    adminTop("queue", state),
    h("p", { class: "soft lead", "aria-live": "polite" }, state.waiting ? shown : ""),
    state.items.length ? list(state.items, again) : empty("tasks", t("queue.empty")),
  ];
}

function list(items, again) {
  const places = new Map(items.map((item, at) => [item.id, at + 1]));
  return table([
    { name: t("queue.place"), class: "number", cell: (item) => format.number(places.get(item.id)) },
    { name: t("queue.task"), cell: (item) => [h("a", { href: `/tasks/${item.id}` }, item.name || t("task.unnamed")), h("br"), h("span", { class: "soft" }, `${item.owner} · ${item.model}`)] },
    { name: t("queue.since"), cell: (item) => (item.submitted_at ? format.ago(item.submitted_at) : "–") },
    { name: t("queue.why"), cell: (item) => [why(item), " ", button(t("queue.more"), () => explain(item), { kind: "quiet", label: t("queue.more_of", { name: item.name }) })] },
    { name: t("queue.class"), class: "number", cell: (item) => format.number(item.class) },
    { name: t("queue.priority"), class: "number", cell: (item) => format.number(item.priority) },
    { name: t("queue.order"), cell: (item) => h("div", { class: "buttons" }, turn(item, 1, again), turn(item, -1, again)) },
  ], items, { caption: t("admin.queue") });
}

function why(item) {
  const time = item.begins_s === null ? "" : format.duration(Math.max(1, Math.round(item.begins_s)));
  return h("span", {}, t(item.why === "later" ? "queue.later_why" : `queue.${item.why}`, { node: item.node ?? "", time, model: item.model }));
}

/** Tasks of a higher class go before all others, whoever they belong to. */
function turn(item, step, again) {
  const wanted = item.class + step;
  const name = step > 0 ? "sooner" : "later";
  const act = () => attempt(() => api.put(`/tasks/${item.id}/priority`, { class: wanted }), t("queue.changed", { name: item.name })).then(again);
  return button(t(`queue.${name}`), act, { key: name, label: t(`queue.${name}_of`, { name: item.name }), disabled: Math.abs(wanted) > 100 });
}

async function explain(item) {
  const found = await attempt(() => api.get(`/tasks/${item.id}/explain`));
  if (found) await ask(t("queue.why_of", { name: item.name }), reasons(found), [{ text: t("close"), value: true, kind: "main" }]);
}
