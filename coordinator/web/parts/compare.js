// The result over its source, with a line between them that the mouse, a finger or the arrow keys move.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { language, t } from "../i18n.js";
import { button, icon } from "../ui.js";
import { upright } from "../format.js";

const DRIFT_S = 0.06;

/** `state.source` beside the result `output` of `state.task`. */
export function comparison({ task, source }, output) {
  const after = api.local(task.results[output].url);
  const still = task.kind === "image";
  const before = source && (still && task.at_s !== null ? null : api.local(source.url));
  const [width, height] = source ? upright(source) : [16, 9];
  const clear = output === "foreground" || task.background?.kind === "transparent";
  const frame = { class: clear ? "compare clear" : "compare", style: { "aspect-ratio": `${width} / ${height}`, "--wide": String(width / height) } };
  const medium = still ? picture : video;
  const upper = medium(after, t(`output.${output}`), "after");
  const lower = before && medium(before, t("compare.source"), "before");
  const made = { key: `${after} ${before} ${language()}`, class: "compare-frame", "data-own": true, then: still ? slides : playsBoth };
  return h("div", made, h("div", frame, lower, upper, before && divider(), before && captions()), still ? null : controls());
}

const picture = (src, alt, name) => h("img", { class: name, src, alt });
const video = (src, label, name) =>
  h("video", { class: name, src, muted: name === "before", playsinline: true, preload: "auto", "aria-label": label });

function divider() {
  const slider = h("input", { type: "range", class: "divider", min: 0, max: 100, value: 50, step: 1, "aria-label": t("compare.slider") });
  return [h("span", { class: "handle", "aria-hidden": "true" }), slider];
}

const captions = () => [
  h("span", { class: "caption left", "aria-hidden": "true" }, t("compare.source")),
  h("span", { class: "caption right", "aria-hidden": "true" }, t("compare.result")),
];

function controls() {
  return h("div", { class: "compare-controls" },
    button("", null, { kind: "quiet toggle", image: "play", label: t("compare.play") }),
    h("input", { type: "range", class: "seek", min: 0, max: 1000, value: 0, step: 1, "aria-label": t("compare.seek") }),
    h("output", { class: "soft" }, "0:00"));
}

/** The line between the two pictures. */
function slides(element) {
  const frame = element.querySelector(".compare");
  const slider = element.querySelector(".divider");
  const move = () => frame.style.setProperty("--cut", `${slider?.value ?? 0}%`);
  slider?.addEventListener("input", move);
  move();
}

/** Two videos that play as one: the result leads, the source follows. */
function playsBoth(element) {
  slides(element);
  const after = element.querySelector("video.after");
  const before = element.querySelector("video.before");
  before?.addEventListener("error", () => element.classList.add("alone"));
  const follow = () => {
    if (before?.readyState && Math.abs(before.currentTime - after.currentTime) > DRIFT_S) before.currentTime = after.currentTime;
  };
  after.addEventListener("play", () => before?.play().catch(() => {}));
  after.addEventListener("pause", () => {
    before?.pause();
    follow();
  });
  for (const name of ["timeupdate", "seeked", "loadeddata"]) after.addEventListener(name, follow);
  after.addEventListener("loadedmetadata", () => shape(element.querySelector(".compare"), after));
  steers(element, after);
}

/** The shape that is shown, which pixels that are no squares change. */
function shape(frame, { videoWidth, videoHeight }) {
  frame.style.setProperty("aspect-ratio", `${videoWidth} / ${videoHeight}`);
  frame.style.setProperty("--wide", String(videoWidth / videoHeight));
}

function steers(element, after) {
  const toggle = element.querySelector(".toggle");
  const seek = element.querySelector(".seek");
  const clock = element.querySelector("output");
  const play = () => (after.paused ? after.play().catch(() => {}) : after.pause());
  const label = () => {
    const words = t(after.paused ? "compare.play" : "compare.pause");
    toggle.replaceChildren(icon(after.paused ? "play" : "pause"));
    toggle.setAttribute("aria-label", words);
    toggle.title = words;
  };
  const place = () => {
    const length = after.duration || 0;
    if (length) seek.value = String((1000 * after.currentTime) / length);
    clock.textContent = `${format.clock(after.currentTime)} / ${format.clock(length)}`;
    seek.setAttribute("aria-valuetext", clock.textContent);
  };
  toggle.onclick = play;
  seek.addEventListener("input", () => (after.currentTime = (Number(seek.value) / 1000) * (after.duration || 0)));
  for (const name of ["play", "pause", "ended"]) after.addEventListener(name, label);
  for (const name of ["timeupdate", "loadedmetadata", "seeked"]) after.addEventListener(name, place);
  place();
}
