// A new task in three steps. With one video the steps are the states of a task of the API, so another browser can go on;
// with several the videos stand in the address and the choice is kept by this browser.

import * as api from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import * as router from "../router.js";
import * as uploads from "../uploads.js";
import { attempt, button, heading, notice, once, toast } from "../ui.js";
import { chooseVideo } from "../parts/choose_video.js";
import { choiceOf, emptyChoice, forget, keep, keptForSeveral, request } from "../parts/choice.js";
import { chooseLook } from "../parts/choose_look.js";
import * as preview from "../parts/preview.js";
import { isDraft } from "../parts/tasks.js";

const STEPS = ["video", "look"];
const REST_MS = 600;

export async function open(context) {
  const { params, query, signal } = context;
  const state = { task: null, videos: [], step: "video", library: [], backgrounds: [], models: [], choice: emptyChoice(), busy: false, preview: preview.fresh() };
  const [library, backgrounds, models] = await Promise.all([
    api.all("/videos", { signal }), api.all("/backgrounds", { signal }), api.get("/models", { signal }),
  ]);
  Object.assign(state, { library, backgrounds, models: models.items });
  await begin(state, params.id, query, signal);
  if (state.task && !isDraft(state.task)) return moved(state.task);
  if (state.step === "look") preview.wanted(state, context);
  uploads.onChange((entry) => noticed(state, entry, context), signal);
  signal.addEventListener("abort", () => preview.stop(state));
  return { title: () => t("new.title"), render: () => view(state, context) };
}

function moved(task) {
  setTimeout(() => router.go(`/tasks/${task.id}`, { replace: true }));
  return { title: () => t("new.title"), render: () => [heading(t("new.title"))] };
}

/** Where this address says that we are. */
async function begin(state, taskId, query, signal) {
  if (taskId) {
    state.task = await api.get(`/tasks/${taskId}`, { signal });
    state.choice = choiceOf(state.task);
  } else {
    state.choice = keptForSeveral() || state.choice;
  }
  const wanted = taskId ? [state.task.video_id] : (query.get("videos") || "").split(",");
  for (const id of wanted.filter(Boolean)) {
    const found = state.library.find((one) => one.id === id) || (await attempt(() => api.get(`/videos/${id}`, { signal })));
    if (found) state.videos.push(found);
  }
  const step = query.get("step") || (taskId ? "look" : "video");
  const able = taskId ? state.videos.length : state.videos.length > 1;
  state.step = able && STEPS.includes(step) ? step : "video";
}

/** What was uploaded here becomes part of the choice, but for videos that arrive when their turn is over. */
function noticed(state, entry, { update }) {
  const { media } = entry;
  if (media && entry.kind === "video" && !state.library.some((one) => one.id === media.id)) {
    state.library.unshift(media);
    if (state.step === "video") state.videos.push(media);
  }
  if (media && entry.kind === "background" && !state.backgrounds.some((one) => one.id === media.id)) {
    state.backgrounds.unshift(media);
    state.choose?.({ background: { ...state.choice.background, kind: "media", id: media.id } });
  }
  update();
}

function view(state, context) {
  const page = state.step === "video" ? chooseVideo(state, context) : chooseLook(state, context, changer(state, context));
  return [heading(t("new.title")), steps(state, context), page, foot(state, context)];
}

/** Every change of the choice is kept and previewed. */
function changer(state, context) {
  state.choose = (values) => {
    Object.assign(state.choice, values);
    keep(state.choice, state.task);
    preview.wanted(state, context);
    tellTask(state);
    context.update();
  };
  return state.choose;
}

/** The task learns the choice when it has rested, so that another browser can go on with it. */
function tellTask(state) {
  clearTimeout(state.telling);
  if (!state.task || wants(state.choice)) return;
  state.telling = setTimeout(async () => {
    const { priority, ...options } = request(state.choice, state.backgrounds);
    if (state.busy) return;
    const task = await attempt(() => api.put(`/tasks/${state.task.id}/options`, options));
    if (!task || state.busy) return;
    state.task = task;
    keep(state.choice, task);
  }, REST_MS);
}

function steps(state, context) {
  const marks = STEPS.map((name, at) => {
    const here = state.step === name;
    const way = name === "look" ? () => forward(state, context) : () => turn(state, context, "video");
    const able = name === "video" || state.videos.length > 0;
    return h("li", {}, h("button", { type: "button", "aria-current": here ? "step" : null, disabled: !able || here, onclick: once(way) }, h("span", { class: "step-number" }, String(at + 1)), t(`new.step_${name}`)));
  });
  return h("ol", { class: "steps", "aria-label": t("new.steps") }, marks);
}

function turn(state, context, step) {
  state.step = step;
  if (step === "video") preview.stop(state);
  router.remember({ step });
  context.update();
}

/** From the videos to their look: one video becomes a task of the API, several stay in the address. */
async function forward(state, context) {
  const [first, second] = state.videos;
  if (second || !first) {
    router.remember({ videos: state.videos.map((one) => one.id).join(","), step: "look" });
    if (state.task) return router.go(`/new?videos=${state.videos.map((one) => one.id).join(",")}&step=look`);
    turn(state, context, "look");
    return preview.wanted(state, context);
  }
  const task = await attempt(() => (state.task ? api.put(`/tasks/${state.task.id}/source`, { video_id: first.id }) : api.post("/tasks", { video_id: first.id })));
  if (!task) return undefined;
  keep(state.choice, task);
  return router.go(`/new/${task.id}?step=look`, { replace: Boolean(state.task) });
}

function foot(state, context) {
  if (state.step === "video") {
    const go = button(t("new.next"), () => forward(state, context), { kind: "main", disabled: !state.videos.length });
    return h("footer", { class: "wizard-foot" }, h("span", { class: "soft" }, state.videos.length ? t("new.picked", { count: state.videos.length }) : t("new.pick")), go);
  }
  const wanting = wants(state.choice);
  const words = state.videos.length > 1 ? t("new.submit_many", { count: state.videos.length }) : t("new.submit");
  const send = button(words, () => submit(state, context), { kind: "main", disabled: Boolean(wanting) || state.busy, key: "submit" });
  return h("footer", { class: "wizard-foot" }, wanting ? notice(wanting, "wait") : h("span", { class: "soft" }, t("new.ready")), send);
}

/** What is still missing before it can be sent, in words. */
function wants({ background, outputs }) {
  if (!outputs.length) return t("new.no_outputs");
  if (background.kind === "media" && !background.id) return t("new.no_background");
  if (background.kind === "transparent" && outputs.includes("composite")) return t("new.no_alpha");
  return null;
}

async function submit(state, context) {
  state.busy = true;
  clearTimeout(state.telling);
  context.update();
  preview.stop(state);
  const made = await attempt(() => (state.task ? one(state) : several(state)));
  state.busy = false;
  context.update();
  if (!made) return preview.wanted(state, context);
  toast(t("new.sent"));
  forget(state.task?.id);
  return router.go(state.task ? `/tasks/${state.task.id}` : "/tasks", { replace: true });
}

async function one({ task, choice, backgrounds }) {
  const { priority, ...options } = request(choice, backgrounds);
  await api.put(`/tasks/${task.id}/options`, options);
  if (priority) await api.put(`/tasks/${task.id}/priority`, { priority });
  return api.put(`/tasks/${task.id}/submit`);
}

function several({ videos, choice, backgrounds }) {
  const wish = request(choice, backgrounds);
  return api.post("/process/batch", { items: videos.map((video) => ({ video_id: video.id, ...wish })) });
}
