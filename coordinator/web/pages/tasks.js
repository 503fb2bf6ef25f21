// Your tasks: a list that moves by itself.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import * as lists from "../lists.js";
import * as live from "../live.js";
import * as router from "../router.js";
import { empty, heading, linkButton, button, notice, toldOf } from "../ui.js";
import { isPreview } from "../parts/preview.js";
import * as parts from "../parts/tasks.js";

const FILTERS = {
  all: [],
  live: parts.LIVE,
  completed: ["completed"],
  failed: ["failed", "cancelled"],
  draft: parts.DRAFT,
};
const PAGE = 50;
const TYPING_MS = 250;

export async function open(context) {
  const { query, signal } = context;
  const state = { items: [], next: null, filter: query.get("show") || "all", q: query.get("q") || "", error: null, turn: 0, heard: null };
  if (!(state.filter in FILTERS)) state.filter = "all";
  await reload(state, context);
  live.on("task", (task) => changed(state, task, context), signal);
  live.on("resync", () => reload(state, context), signal);
  return { title: () => t("nav.tasks"), render: () => view(state, context) };
}

const listPath = (state) => api.query("/tasks", { state: FILTERS[state.filter], q: state.q });

/** Read again what is shown. Of two readings the one counts that began last; and what the socket told meanwhile is newer
 *  than the answer may be. */
async function reload(state, { signal, update }) {
  const turn = (state.turn += 1);
  const heard = (state.heard = []);
  const found = await lists.again(state, listPath(state), PAGE, signal).then((list) => ({ ...list, error: null }), toldOf);
  if (turn !== state.turn) return;
  Object.assign(state, found, { heard: null });
  for (const task of heard) put(state, task);
  update();
}

/** Stills of the wizard's preview come and go; they are nobody's tasks. */
const isShown = (task) => !isPreview(task);

function changed(state, task, { update }) {
  state.heard?.push(task);
  if (put(state, task)) update();
}

/** Show a task as it is now, where it belongs; false when that changes nothing. */
function put(state, task) {
  const at = state.items.findIndex((one) => one.id === task.id);
  const fits = task.state !== "removed" && matches(state, task);
  if (at >= 0 && fits) state.items[at] = task;
  else if (at >= 0) state.items.splice(at, 1);
  else if (fits) insert(state.items, task);
  else return false;
  return true;
}

function matches(state, task) {
  const states = FILTERS[state.filter];
  const named = !state.q || (task.name || "").toLowerCase().includes(state.q.toLowerCase());
  return named && (!states.length || states.includes(task.state));
}

function insert(items, task) {
  const at = items.findIndex((one) => one.created_at < task.created_at);
  items.splice(at < 0 ? items.length : at, 0, task);
}

function view(state, context) {
  const shown = state.items.filter(isShown);
  const create = linkButton(t("tasks.new"), "/new", { kind: "main", image: "add" });
  return [
    heading(t("nav.tasks"), { actions: [create] }),
    filters(state, context),
    state.error && notice(state.error),
    shown.length ? list(shown, state, context) : nothing(state),
    state.next && h("p", { class: "more" }, button(t("tasks.more"), () => lists.more(state, listPath(state), PAGE, context))),
  ];
}

function filters(state, context) {
  const choose = (filter) => {
    Object.assign(state, { filter, next: null });
    router.remember({ show: filter === "all" ? null : filter });
    reload(state, context);
  };
  const choices = Object.keys(FILTERS).map((name) =>
    h("button", { type: "button", class: "chip", "aria-pressed": String(state.filter === name), onclick: () => choose(name) }, t(`tasks.${name}`)),
  );
  const search = { type: "search", name: "q", value: state.q, placeholder: t("tasks.search"), "aria-label": t("tasks.search"), oninput: searching(state, context) };
  return h("div", { class: "filters" }, h("div", { class: "chips", role: "group", "aria-label": t("tasks.filter") }, choices), h("input", search));
}

function searching(state, context) {
  return (event) => {
    Object.assign(state, { q: event.target.value, next: null });
    clearTimeout(state.typing);
    state.typing = setTimeout(() => {
      router.remember({ q: state.q });
      reload(state, context);
    }, TYPING_MS);
  };
}

function nothing(state) {
  const filtered = state.filter !== "all" || state.q;
  if (filtered) return empty("tasks", t("tasks.none_here"));
  return empty("library", t("tasks.none"), linkButton(t("tasks.first"), "/new", { kind: "main", image: "add" }));
}

function list(shown, state, context) {
  const done = (task) => changed(state, task, context);
  return h("ul", { class: "task-list", "aria-label": t("nav.tasks") }, shown.map((task) => row(task, done)));
}

function row(task, done) {
  const link = h("a", { class: "task-name", href: parts.addressOf(task) }, parts.nameOf(task));
  const below = h("p", { class: "soft" }, backgroundLine(task));
  return h("li", { key: task.id, class: `task-row ${task.state}` },
    parts.thumbnail(task.thumbnail_url),
    h("div", { class: "task-what" }, link, below),
    h("div", { class: "task-how" }, h("div", { class: "task-state" }, parts.stateBadge(task), h("span", { class: "soft" }, told(task))), parts.LIVE.includes(task.state) && parts.bar(task)),
    h("div", { class: "task-do" }, parts.isDraft(task) && linkButton(t("tasks.go_on"), parts.addressOf(task)), parts.verbs(task, done, { small: true })));
}

function backgroundLine(task) {
  const words = [format.ago(task.created_at)];
  if (task.background) words.push(parts.backgroundWords(task.background));
  if (task.model) words.push(task.model);
  return words.join(" · ");
}

/** What matters of a task in its state. */
function told(task) {
  if (task.state === "processing") {
    const node = task.nodes?.length ? task.nodes.join(", ") : "";
    return [format.percent(task.progress), parts.pace(task), node].filter(Boolean).join(" · ");
  }
  if (task.state === "paused") return format.percent(task.progress);
  if (task.state === "failed" && task.error) return parts.errorWords(task.error);
  if (task.state === "completed") return t("tasks.took", { time: took(task) });
  return "";
}

const took = (task) => format.duration((new Date(task.finished_at) - new Date(task.started_at || task.created_at)) / 1000);
