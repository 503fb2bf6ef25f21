// What tasks have alike wherever they are shown: words and colours of states, buttons of verbs, thumbnails.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { knows, t } from "../i18n.js";
import { attempt, badge, button, confirm, icon, progress } from "../ui.js";

export const DRAFT = ["idle", "selecting_source", "source_selected", "ready"];
export const LIVE = ["waiting", "processing", "paused"];
const ENDED = ["completed", "failed", "cancelled"];

const TONES = { completed: "good", failed: "bad", processing: "busy", waiting: "wait", paused: "wait" };
const tone = (task) => TONES[task.state] || "off";
/** Of two verbs with one `key` each takes the other's place, and the focus with it. */
const VERBS = {
  pause: { image: "pause", key: "steer" },
  resume: { image: "play", kind: "main", key: "steer" },
  retry: { image: "retry", kind: "main" },
  cancel: { image: "close", asks: true },
};

export const isDraft = (task) => DRAFT.includes(task.state);
export const isEnded = (task) => ENDED.includes(task.state);
export const nameOf = (task) => task.name || t("task.unnamed");
export const addressOf = (task) => (isDraft(task) ? `/new/${task.id}` : `/tasks/${task.id}`);

export function stateBadge(task) {
  return badge(t(isDraft(task) ? "state.draft" : `state.${task.state}`), tone(task));
}

export const bar = (task) => progress(task.progress, t("task.progress_of", { name: nameOf(task) }), tone(task));

/** The picture of a task's source; a file icon where there is none. */
export function thumbnail(url, name = "") {
  const picture = url && h("img", { src: api.local(url), alt: "", loading: "lazy", onerror: (event) => (event.target.hidden = true) });
  return h("span", { class: "thumb", title: name || null }, picture || icon("library"));
}

/** "12 fps · 3 min left", as far as it is known. */
export function pace(task) {
  if (task.state !== "processing") return "";
  const words = [];
  if (task.fps) words.push(t("task.fps", { fps: format.number(task.fps, 1) }));
  if (task.eta_s !== null) words.push(t("task.left", { time: format.duration(Math.max(1, Math.round(task.eta_s))) }));
  if (!words.length && task.stage) words.push(t(`stage.${task.stage}`));
  return words.join(" · ");
}

/** The buttons for what can be done with a task now. `done(task)` gets the task as it is afterwards. */
export function verbs(task, done, { small = false } = {}) {
  const known = Object.entries(VERBS).filter(([verb]) => task.actions.includes(verb) && !(isDraft(task) && verb === "cancel"));
  const made = known.map(([verb, { image, kind, asks, key = verb }]) => {
    const act = () => perform(task, verb, asks).then((answer) => answer && done(answer));
    const label = small ? t(`verb.${verb}_of`, { name: nameOf(task) }) : undefined;
    return button(small ? "" : t(`verb.${verb}`), act, { kind: small ? "quiet" : kind, image, label, key });
  });
  return [...made, removal(task, done, small)];
}

function removal(task, done, small) {
  if (!isEnded(task) && !isDraft(task)) return null;
  const act = () => erased(task).then((gone) => gone && done({ ...task, state: "removed" }));
  const label = small ? t("verb.delete_of", { name: nameOf(task) }) : undefined;
  return button(small ? "" : t("verb.delete"), act, { kind: small ? "quiet" : "danger", image: "trash", label, key: "delete" });
}

async function perform(task, verb, asks) {
  const sure = !asks || (await confirm(t("verb.cancel_ask"), { action: t("verb.cancel"), detail: t("verb.cancel_detail") }));
  return sure ? attempt(() => api.put(`/tasks/${task.id}/${verb}`), t(`verb.${verb}_done`)) : undefined;
}

async function erased(task) {
  const sure = await confirm(t("verb.delete_ask", { name: nameOf(task) }), { action: t("verb.delete"), detail: t("verb.delete_detail") });
  if (!sure) return false;
  const answer = await attempt(async () => {
    if (isDraft(task)) await api.remove(`/tasks/${task.id}`);
    return api.remove(`/tasks/${task.id}`);
  }, t("verb.delete_done"));
  return answer !== undefined;
}

/** A background in words. */
export function backgroundWords(background) {
  if (!background) return t("background.none");
  return t(`background.${background.kind}`);
}

/** What went wrong with a task, in words. */
export function errorWords(error) {
  const key = `error.${error.code}`;
  return knows(key) ? t(key, error.params || {}) : api.sentenceOf(error);
}
