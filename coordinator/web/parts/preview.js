// The first frame with the choice, made by a node before the whole video is queued. Each is a small task that is removed
// as soon as its picture is here; a newer choice cancels an older one.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import { button, card, facts, icon } from "../ui.js";
import { wish } from "./choice.js";
import { isEnded } from "./tasks.js";

const REST_MS = 500;
const LOOK_MS = 300;
const MORE_SELDOM = 1.5;
const WAIT_MS = 20_000;
/** By this the list of tasks knows a preview and does not show it. */
const PRIORITY = 100;

export const isPreview = (task) => task.kind === "image" && task.at_s === 0 && task.priority === PRIORITY;

/** `phase`: none, working, ready, refused. */
export const fresh = () => ({ phase: "none", picture: null, problem: null, timer: 0, abort: null });

/** Ask for a preview of what is chosen now, when the choice has rested; that of another choice goes. */
export function wanted(state, context) {
  const { preview, choice, videos } = state;
  stop(state);
  const incomplete = choice.background.kind === "media" && !choice.background.id;
  if (!videos.length || incomplete || context.signal.aborted) return;
  become(preview, online(state) ? "working" : "waiting");
  if (preview.phase === "working") preview.timer = setTimeout(() => make(state, context), REST_MS);
  context.update();
}

export function stop({ preview }) {
  clearTimeout(preview.timer);
  preview.abort?.abort();
  become(preview, "none");
}

/** A picture is of one choice: whatever comes next, it is not shown any more. */
function become(preview, phase, { picture = null, problem = null } = {}) {
  if (preview.picture) URL.revokeObjectURL(preview.picture);
  Object.assign(preview, { phase, problem, picture: picture && URL.createObjectURL(picture) });
}

async function make(state, { update }) {
  const { preview } = state;
  const { signal } = (preview.abort = new AbortController());
  try {
    const picture = await pictured(state, signal);
    if (signal.aborted) return;
    become(preview, picture ? "ready" : "waiting", { picture });
  } catch (error) {
    if (signal.aborted) return;
    if (!error.sentence) throw error;
    become(preview, "refused", { problem: error.sentence });
  }
  update();
}

function online({ choice, models }) {
  const wanted = models.find((one) => (choice.model ? one.name === choice.model : one.default));
  return !wanted || wanted.online;
}

/** The picture as a Blob; null when no node had time for it. */
async function pictured({ choice, videos, backgrounds }, signal) {
  const options = { refine_edges: choice.options.refine_edges, fill_holes: choice.options.fill_holes, image_format: "webp" };
  const body = { video_id: videos[0].id, at_s: 0, background: wish(choice.background, backgrounds), outputs: ["composite"], options, priority: PRIORITY };
  if (choice.model) body.model = choice.model;
  // without the signal: what was made has to be known, to be removed
  let task = await api.post("/process/image", body);
  try {
    task = await waited(task, signal);
    if (task.state === "failed") throw new api.Problem(500, task.error || {});
    const made = task.results.composite;
    return made ? await (await fetch(api.local(made.url), { signal })).blob() : null;
  } finally {
    removed(task);
  }
}

/** The task when it has ended or `WAIT_MS` are over. Asked for again and again: one answer that comes late could not be
 *  told to come no more, and the task would stay in the queue as long. */
async function waited(task, signal) {
  const until = performance.now() + WAIT_MS;
  let found = task;
  for (let rest = LOOK_MS; !isEnded(found) && performance.now() < until; rest *= MORE_SELDOM) {
    await pause(rest, signal);
    found = await api.get(`/tasks/${task.id}`, { signal });
  }
  return found;
}

const pause = (rest, signal) =>
  new Promise((resolve, reject) => {
    const stopped = () => reject(new DOMException("stopped", "AbortError"));
    if (signal.aborted) stopped();
    signal.addEventListener("abort", stopped);
    setTimeout(resolve, rest);
  });

/** Who deletes a live task cancels it; only an ended one goes. */
async function removed({ id }) {
  try {
    const { state } = await api.remove(`/tasks/${id}`);
    if (state === "cancelled") await api.remove(`/tasks/${id}`);
  } catch (error) {
    if (!error.sentence) throw error;
  }
}

export function previewCard(state, context) {
  const { preview, videos } = state;
  const [video] = videos;
  const [width, height] = format.upright(video);
  const frame = { class: `preview ${preview.phase}`, style: { "aspect-ratio": `${width} / ${height}` }, "aria-busy": String(preview.phase === "working") };
  const shown = preview.picture ? h("img", { src: preview.picture, alt: t("preview.alt") }) : h("img", { src: api.local(video.thumbnail_url), alt: t("preview.source") });
  const again = button(t("preview.again"), () => wanted(state, context), { kind: "quiet", image: "retry" });
  return h("div", { class: "look-preview" }, card(t("preview.title"),
    h("div", frame, shown, preview.phase === "working" && h("span", { class: "spinner" }, icon("retry"))),
    h("p", { class: "hint", role: "status" }, preview.problem || t(`preview.${preview.phase}`)),
    ["refused", "waiting", "ready"].includes(preview.phase) && again,
    facts([[t("preview.video"), videos.length > 1 ? t("preview.first_of", { name: video.name, count: videos.length }) : video.name], [t("preview.length"), format.duration(video.duration)], [t("preview.picture"), format.size(video)], [t("preview.size"), format.bytes(video.size)]])));
}
