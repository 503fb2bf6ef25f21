// The nodes: who is there, what each is doing, and letting them in or sending them away.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import * as live from "../live.js";
import * as router from "../router.js";
import { empty, facts, select } from "../ui.js";
import * as machine from "./machine.js";
import { adminTop, bound, fresh, seldom } from "./parts.js";
import { stateBadge, verbs } from "./steering.js";

const STATES = ["pending", "online", "busy", "draining", "offline", "quarantined", "revoked"];
const AGAIN_S = 10;
const SOON_S = 1;
/** The counts cost the server more than the nodes, and matter less. */
const COUNTS_EVERY = 2;
const TYPING_MS = 250;

export async function open(context) {
  const state = { nodes: [], heard: [], stats: null, turn: 0, values: { q: context.query.get("q") || "" }, state: context.query.get("state") || "" };
  const read = async () => {
    const path = api.query("/admin/interfaces", { q: state.values.q, state: state.state });
    const options = { signal: context.signal };
    const counts = state.turn++ % COUNTS_EVERY === 0 ? api.get("/stats", options) : state.stats;
    state.heard = []; // while the answer is on its way, which may be older
    const [nodes, stats] = await Promise.all([api.all(path, { ...options, most: 500 }), counts]);
    for (const node of state.heard) put(nodes, node);
    return { nodes, stats };
  };
  const again = fresh(context, state, read, AGAIN_S);
  const soon = seldom(again, SOON_S, context.signal);
  live.want(["interfaces", "queue"], context.signal);
  live.on("interface", (node) => moved(state, node, context) || soon(), context.signal);
  live.on("queue", (counts) => counted(state, counts, context), context.signal);
  await again();
  return { title: () => t("admin.nodes"), render: () => view(state, again, context) };
}

/** Show a node as it is now; false when the list itself has to be read again. */
function moved(state, node, context) {
  if (node.state === "removed" || (state.state && state.state !== node.state)) return false;
  state.heard.push(node);
  if (!put(state.nodes, node)) return false;
  context.update();
  return true;
}

function put(nodes, node) {
  const at = nodes.findIndex((one) => one.id === node.id);
  if (at >= 0) nodes[at] = node;
  return at >= 0;
}

function counted(state, { queue, interfaces }, context) {
  if (state.stats) Object.assign(state.stats, { queue, interfaces });
  context.update();
}

function view(state, again, context) {
  const done = (node) => moved(state, node, context) || again();
  return [
    adminTop("nodes", state),
    state.stats && overview(state.stats),
    filters(state, again),
    state.nodes.length
      ? h("ul", { class: "nodes", "aria-label": t("admin.nodes") }, state.nodes.map((node) => card(node, done)))
      : empty("nodes", t(state.values.q || state.state ? "node.none_here" : "node.none")),
  ];
}

function overview({ interfaces, queue, last_hour: hour }) {
  return h("section", { class: "card", "aria-label": t("admin.now") }, facts([
    [t("admin.online"), t("admin.of", { part: interfaces.online, all: Object.values(interfaces.by_admission).reduce((sum, one) => sum + one, 0) })],
    [t("admin.busy_slots"), t("admin.of", { part: interfaces.busy_slots, all: interfaces.slots })],
    [t("admin.waiting_tasks"), format.number(queue.waiting_tasks)],
    [t("admin.done_hour"), format.number(hour.completed)],
    [t("admin.failed_hour"), format.number(hour.failed)],
    [t("admin.frames_hour"), format.number(hour.frames)],
  ]));
}

function filters(state, again) {
  const choose = (value) => {
    state.state = value;
    router.remember({ state: value });
    again();
  };
  const typed = (event) => {
    state.values.q = event.target.value;
    clearTimeout(state.typing);
    state.typing = setTimeout(() => {
      router.remember({ q: state.values.q });
      again();
    }, TYPING_MS);
  };
  const options = [["", t("node.any_state")], ...STATES.map((one) => [one, t(`node.${one}`)])];
  return h("div", { class: "filters" },
    select("state", state.state, options, choose, { "aria-label": t("node.state"), class: "short" }),
    bound(state.values, "q", { type: "search", placeholder: t("node.search"), "aria-label": t("node.search"), oninput: typed }));
}

function card(node, done) {
  const where = [machine.slots(node), t(`node.lane_${node.lane}`), node.software_version && t("node.version", { version: node.software_version })];
  return h("li", { key: node.id, class: `card node ${node.state}` },
    h("header", { class: "node-head" }, h("h2", {}, h("a", { href: `/admin/nodes/${node.id}` }, node.name)), stateBadge(node), machine.heard(node)),
    h("p", { class: "soft" }, where.filter(Boolean).join(" · ")),
    h("div", { class: "node-body" },
      h("div", {}, h("h3", {}, t("node.gpus")), machine.cards(node)),
      h("div", {}, h("h3", {}, t("node.models")), machine.models(node)),
      h("div", {}, h("h3", {}, t("node.work")), machine.work(node))),
    h("div", { class: "buttons" }, verbs(node, done)));
}
