// One node: everything that it says of itself, what it was given, and what was done to it.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { knows, t } from "../i18n.js";
import * as lists from "../lists.js";
import * as live from "../live.js";
import { badge, button, card, empty, facts, heading, notice, table } from "../ui.js";
import * as machine from "./machine.js";
import { codeWords, fresh, provider, seldom, speed } from "./parts.js";
import { stateBadge, verbs } from "./steering.js";

const AGAIN_S = 10;
const SOON_S = 1;
const PAGE = 25;
const TONES = { completed: "good", failed: "bad", lost: "bad", running: "busy", offered: "busy", reported: "busy" };

export async function open(context) {
  const { params, signal } = context;
  const path = `/admin/interfaces/${params.id}`;
  const state = { node: null, history: { items: [], next: null }, audit: [] };
  const read = async () => {
    const [node, history, audit] = await Promise.all([
      api.get(path, { signal }),
      lists.again(state.history, `${path}/history`, PAGE, signal),
      api.get(api.query("/admin/audit", { target: params.id, limit: PAGE }), { signal }),
    ]);
    return { node, audit: audit.items, history: { ...state.history, ...history } };
  };
  const again = fresh(context, state, read, AGAIN_S);
  const soon = seldom(again, SOON_S, signal);
  live.want(["interfaces"], signal);
  live.on("interface", (node) => node.id === params.id && soon(), signal);
  await again();
  return { title: () => state.node?.name || t("admin.nodes"), render: () => view(state, again, path, context) };
}

function view(state, again, path, context) {
  const back = { href: "/admin", text: t("admin.nodes") };
  if (!state.node) return [heading(t("admin.nodes"), { back }), state.error && notice(state.error)];
  const { node } = state;
  return [
    heading(node.name, { back, actions: verbs(node, again), below: h("p", { class: "node-head" }, stateBadge(node), machine.heard(node)) }),
    state.error && notice(state.error),
    card(t("node.about"), about(node)),
    h("div", { class: "pair" }, card(t("node.gpus"), machine.cards(node)), card(t("node.models"), machine.models(node))),
    card(t("node.work"), machine.work(node)),
    h("h2", { class: "over" }, t("node.history")),
    state.history.items.length ? history(state.history.items) : empty("list", t("node.no_history")),
    state.history.next && h("p", { class: "more" }, button(t("more"), () => lists.more(state.history, `${path}/history`, PAGE, context))),
    h("h2", { class: "over" }, t("node.done_to_it")),
    state.audit.length ? deeds(state.audit) : empty("list", t("node.no_deeds")),
  ];
}

function about(node) {
  return facts([
    [t("node.slots_name"), machine.slots(node)],
    [t("node.lane"), t(`node.lane_${node.lane}`)],
    [t("node.address"), node.address],
    [t("node.software"), node.software_version],
    [t("node.provider"), provider(node.provider)],
    [t("node.disk"), node.disk_free_mb === null ? null : format.bytes(node.disk_free_mb * 2 ** 20)],
    [t("node.health"), node.health === "healthy" ? t("node.healthy") : node.health],
    [t("node.unreachable"), node.unreachable ? t("node.unreachable_yes") : null],
    [t("node.quarantined_until"), node.quarantined_until && format.moment(node.quarantined_until)],
    [t("node.joined"), format.moment(node.created_at)],
  ]);
}

const part = (row) => (row.kind === "segment" && row.ord !== null ? t("node.part", { part: row.ord + 1 }) : row.kind && knows(`kind.${row.kind}`) ? t(`kind.${row.kind}`) : "");

function history(rows) {
  return table([
    { name: t("node.began"), cell: (row) => h("time", { datetime: row.offered_at, title: format.moment(row.offered_at) }, format.ago(row.offered_at)) },
    { name: t("node.task"), cell: (row) => [row.task_name === null ? t("node.task_gone") : h("a", { href: `/tasks/${row.task_id}` }, row.task_name || t("task.unnamed")), h("span", { class: "soft" }, ` ${part(row)}`)] },
    { name: t("node.owner"), cell: (row) => row.owner || "–" },
    { name: t("node.how"), cell: (row) => badge(t(`attempt.${row.state}`), TONES[row.state] || "off") },
    { name: t("node.speed"), cell: (row) => speed(row.fps) },
    { name: t("node.took"), cell: (row) => (row.ended_at && row.started_at ? format.duration((new Date(row.ended_at) - new Date(row.started_at)) / 1000) : "–") },
    { name: t("node.wrong"), cell: (row) => (row.error ? codeWords(row.error.code) : "") },
  ], rows, { caption: t("node.history") });
}

function deeds(rows) {
  return table([
    { name: t("audit.at"), cell: (row) => format.moment(row.at) },
    { name: t("audit.actor"), cell: (row) => row.actor },
    { name: t("audit.action"), cell: (row) => (knows(`action.${row.action}`) ? t(`action.${row.action}`) : row.action) },
  ], rows, { key: (row) => row.seq, caption: t("node.done_to_it") });
}
