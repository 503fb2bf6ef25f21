// One task: how far it is, who does what, why it waits, and in the end the result beside its source.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import * as live from "../live.js";
import { go } from "../router.js";
import * as session from "../session.js";
import { attempt, card, facts, heading, icon, notice, select } from "../ui.js";
import { comparison } from "../parts/compare.js";
import { eventLog } from "../parts/log.js";
import { segments } from "../parts/segments.js";
import * as parts from "../parts/tasks.js";
import { waiting } from "../parts/waiting.js";

const EVENT_REST_MS = 400;
const NUMBERS_REST_MS = 2000;
/** Why it waits, and how long, changes without the task. */
const WAITING_REST_MS = 10_000;

export async function open(context) {
  const { params, signal } = context;
  const path = `/tasks/${params.id}`;
  const state = { task: null, source: null, steps: [], events: [], explanation: null, playing: null, output: null, asked: 0, shown: 0 };
  try {
    state.task = await api.get(path, { signal });
  } catch (error) {
    if (error.status !== 404) throw error;
    return (await import("./not_found.js")).open();
  }
  await Promise.all([details(state, path, context), source(state, signal)]);
  follow(state, path, context);
  return { title: () => parts.nameOf(state.task), render: () => view(state, context) };
}

async function source(state, signal) {
  const { task } = state;
  if (!task.video_id) return;
  const group = task.kind === "image" && task.at_s === null ? "backgrounds" : "videos";
  try {
    state.source = await api.get(`/${group}/${task.video_id}`, { signal });
  } catch (error) {
    if (!(error instanceof api.Problem)) throw error;
  }
}

/** What does not come with the task itself: its steps, its log, why it waits. */
async function details(state, path, { signal, update }) {
  const turn = (state.asked += 1);
  const after = state.events.at(-1)?.seq ?? 0;
  const waits = state.task.state === "waiting";
  const [steps, events, explanation] = await Promise.all([
    api.get(`${path}/steps`, { signal }),
    eventsAfter(path, after, signal),
    waits ? api.get(`${path}/explain`, { signal }) : null,
  ]);
  if (turn < state.shown) return;
  state.shown = turn;
  const news = events.filter((event) => event.seq > (state.events.at(-1)?.seq ?? 0));
  Object.assign(state, { steps: steps.items, events: [...state.events, ...news], explanation });
  update();
}

async function eventsAfter(path, after, signal) {
  const found = [];
  for (let next = after; next !== null; ) {
    const page = await api.get(api.query(`${path}/events`, { after: next, limit: 1000 }), { signal });
    found.push(...page.items);
    ({ next } = page);
  }
  return found;
}

/** Every change of the task is shown at once; its details are read again, but not more often than somebody can see. */
function follow(state, path, context) {
  if (session.isAdmin()) live.want(["all_tasks"], context.signal);
  const due = { event: 0, numbers: 0 };
  const soon = (kind, rest) => {
    if (due[kind] || context.signal.aborted) return;
    due[kind] = setTimeout(() => {
      due[kind] = 0;
      attemptQuietly(() => details(state, path, context));
    }, rest);
  };
  live.on("task", (task, { seq }) => {
    if (task.id !== state.task.id) return;
    if (task.state === "removed") return void go("/tasks", { replace: true });
    state.task = task;
    context.update();
    if (seq === null) soon("numbers", NUMBERS_REST_MS);
    else soon("event", EVENT_REST_MS);
  }, context.signal);
  const again = () => attemptQuietly(async () => {
    state.task = await api.get(path, { signal: context.signal });
    await Promise.all([details(state, path, context), source(state, context.signal)]);
  });
  live.on("resync", again, context.signal);
  // who comes back after hours finds links that have ended
  document.addEventListener("visibilitychange", () => document.hidden || again(), { signal: context.signal });
  const timer = setInterval(() => document.hidden || state.task.state !== "waiting" || soon("event", 0), WAITING_REST_MS);
  context.signal.addEventListener("abort", () => clearInterval(timer));
}

/** A reading that fails is made again with the next change. */
async function attemptQuietly(read) {
  try {
    await read();
  } catch (error) {
    if (error.name !== "AbortError" && !error.sentence) throw error;
  }
}

function view(state, context) {
  const { task } = state;
  const done = (answer) => {
    if (answer.state === "removed") return go("/tasks", { replace: true });
    state.task = answer;
    context.update();
  };
  const back = { href: "/tasks", text: t("nav.tasks") };
  return [
    heading(parts.nameOf(task), { back, actions: parts.verbs(task, done), below: summary(state) }),
    task.error && task.state === "failed" && notice(parts.errorWords(task.error)),
    task.state === "completed" ? result(state, context) : under(state, context),
    h("div", { class: "columns" }, h("div", {}, card(t("task.about"), about(state, done))), h("div", {}, card(t("task.log"), eventLog(state)))),
  ];
}

function summary({ task, explanation }) {
  const words = task.state === "processing" ? parts.pace(task) : "";
  const place = task.state === "waiting" && explanation ? t("task.place", { place: explanation.tasks_before + 1 }) : "";
  return h("p", { class: "summary" }, h("span", { role: "status" }, parts.stateBadge(task)), h("span", { class: "soft" }, words || place));
}

/** While it is not done: progress, who does which part, what can already be seen. */
function under(state, context) {
  const { task } = state;
  const count = t("task.frames", { done: format.number(task.frames_done), total: format.number(task.frames_total) });
  const numbers = h("p", { class: "numbers" }, h("strong", {}, format.percent(task.progress)), h("span", { class: "soft" }, count));
  return [
    card(t("task.progress"), numbers, parts.bar(task), segments(state, context)),
    state.explanation && card(t("task.why"), waiting(state.explanation)),
  ];
}

function result(state, context) {
  const { task } = state;
  const names = Object.keys(task.results);
  const chosen = names.includes(state.output) ? state.output : names[0];
  if (!chosen) return notice(t("task.expired"), "wait");
  const choose = (name) => {
    state.output = name;
    context.update();
  };
  const tabs = names.length > 1 && h("div", { class: "chips", role: "group", "aria-label": t("task.which_output") }, names.map((name) => chip(name, name === chosen, choose)));
  return h("section", { class: "card result" }, tabs, comparison(state, chosen), downloads(task), state.steps.length > 1 && segments(state, context));
}

const chip = (name, pressed, choose) =>
  h("button", { type: "button", class: "chip", "aria-pressed": String(pressed), onclick: () => choose(name) }, t(`output.${name}`));

function downloads(task) {
  const links = Object.entries(task.results).map(([name, one]) =>
    h("a", { class: "button", href: api.local(one.url, { download: 1 }), download: true }, icon("download"),
      h("span", {}, t("task.download", { output: t(`output.${name}`) })), h("span", { class: "soft" }, format.bytes(one.size))));
  return h("div", { class: "buttons downloads" }, links);
}

function about(state, done) {
  const { task, source: video } = state;
  return [
    facts([
      [t("task.background"), h("span", {}, swatch(task.background), parts.backgroundWords(task.background))],
      [t("task.model"), task.model],
      [t("task.outputs"), task.outputs.map((name) => t(`output.${name}`)).join(", ")],
      [t("task.quality"), t(`quality.${task.options.quality}`)],
      [t("video.length"), video?.duration ? format.duration(video.duration) : null],
      [t("video.picture"), video && format.size(video)],
      [t("task.created"), format.moment(task.created_at)],
      [t("task.finished"), task.finished_at && format.moment(task.finished_at)],
      [t("task.expires"), task.expires_at && format.day(task.expires_at)],
    ]),
    parts.LIVE.includes(task.state) && priority(task, done),
  ];
}

const swatch = (background) => background?.kind === "color" && h("span", { class: "swatch", style: { background: background.color } });

const PRIORITIES = [50, 0, -50];

function priority(task, done) {
  const values = [...new Set([...PRIORITIES, task.priority])].sort((a, b) => b - a);
  const options = values.map((value) => [String(value), PRIORITIES.includes(value) ? t(`priority.${value}`) : String(value)]);
  const change = async (value) => {
    const answer = await attempt(() => api.put(`/tasks/${task.id}/priority`, { priority: Number(value) }), t("priority.done"));
    if (answer) done(answer);
  };
  return h("div", { class: "field inline" }, h("label", { for: "priority" }, t("priority.title")), select("priority", String(task.priority), options, change, { id: "priority" }));
}

