// The first frame with the choice, made by a node before the whole video is queued. Each is a small task that is removed
// as soon as its picture is here; a newer choice cancels an older one.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import { button, card, facts, icon } from "../ui.js";
import { wish } from "./choice.js";

const REST_MS = 500;
const WAIT_S = 20;
/** By this the list of tasks knows a preview and does not show it. */
const PRIORITY = 100;

export const isPreview = (task) => task.kind === "image" && task.at_s === 0 && task.priority === PRIORITY;

/** `phase`: none, working, ready, refused. */
export const fresh = () => ({ phase: "none", picture: null, problem: null, timer: 0, abort: null });

/** Ask for a preview of what is chosen now, when the choice has rested. */
export function wanted(state, context) {
  clearTimeout(state.preview.timer);
  state.preview.timer = setTimeout(() => make(state, context), REST_MS);
}

export function stop(state) {
  clearTimeout(state.preview.timer);
  state.preview.abort?.abort();
}

async function make(state, context) {
  const { preview, choice, videos } = state;
  preview.abort?.abort();
  const incomplete = choice.background.kind === "media" && !choice.background.id;
  if (!videos.length || incomplete || context.signal.aborted) return undefined;
  if (!online(state)) {
    preview.phase = "waiting";
    return context.update();
  }
  const abort = (preview.abort = new AbortController());
  Object.assign(preview, { phase: "working", problem: null });
  context.update();
  try {
    const picture = await pictured(state, abort.signal);
    if (abort.signal.aborted) return undefined;
    if (preview.picture) URL.revokeObjectURL(preview.picture);
    Object.assign(preview, picture ? { phase: "ready", picture: URL.createObjectURL(picture) } : { phase: "waiting" });
  } catch (error) {
    if (error.name === "AbortError" || abort.signal.aborted) return undefined;
    if (!error.sentence) throw error;
    Object.assign(preview, { phase: "refused", problem: error.sentence });
  }
  return context.update();
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
  const task = await api.call("POST", "/process/image", body, { headers: { Prefer: `wait=${WAIT_S}` } });
  try {
    if (signal.aborted) return null;
    if (task.state === "failed") throw new api.Problem(500, task.error || {});
    const made = task.results.composite;
    return made ? await (await fetch(api.local(made.url), { signal })).blob() : null;
  } finally {
    removed(task);
  }
}

async function removed(task) {
  try {
    if (!["completed", "failed", "cancelled"].includes(task.state)) await api.remove(`/tasks/${task.id}`);
    await api.remove(`/tasks/${task.id}`);
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
