// The parts of a task as one bar: how long each is, how far, which node does it. Finished ones can be looked at.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import { button, icon } from "../ui.js";

const MOST_NAMED = 60;
const MOST_APART = 40;

/** The bar for `state.steps`; the part that plays is `state.playing`. */
export function segments(state, { update }) {
  const work = state.steps.filter((step) => step.kind !== "assemble");
  if (!work.length) return null;
  const play = (step) => {
    state.playing = state.playing === step.id ? null : step.id;
    update();
  };
  const playing = work.find((step) => step.id === state.playing && step.url);
  const many = work.length > 1;
  return h("div", { class: "segments" },
    many && h("h3", {}, t("segments.title", { count: work.length })),
    h("ol", { class: work.length > MOST_APART ? "segment-bar close" : "segment-bar" }, work.map((step, at) => part(step, at, work.length, play, playing))),
    nodes(work),
    many && joining(state.steps),
    playing && player(playing, work.indexOf(playing), () => play(playing)));
}

function part(step, at, count, play, playing) {
  const total = Math.max(1, step.frames_total);
  const name = words(step, at);
  const fill = h("span", { class: "fill", style: { width: `${(100 * step.frames_done) / total}%` } });
  const inside = [fill, step.url && count <= MOST_NAMED && icon("play"), h("span", { class: "unseen" }, name)];
  const props = { class: `segment ${step.state}`, title: name };
  const pressed = String(playing?.id === step.id);
  const body = step.url ? h("button", { type: "button", "aria-pressed": pressed, onclick: () => play(step), ...props }, inside) : h("div", props, inside);
  return h("li", { key: step.id, style: { "flex-grow": total } }, body);
}

function words(step, at) {
  const span = step.start === null || step.end === null ? "" : `${format.clock(step.start)}–${format.clock(step.end)}`;
  const share = step.frames_total ? format.percent((100 * step.frames_done) / step.frames_total) : "";
  return [t("segments.part", { part: at + 1 }), span, t(`step.${step.state}`), share, step.node].filter(Boolean).join(", ");
}

/** Which node does what now, and what it has done. */
function nodes(work) {
  const found = new Map();
  for (const step of work) {
    if (!step.node) continue;
    const entry = found.get(step.node) || { done: 0, running: 0, fps: 0, provider: step.provider };
    if (step.state === "done") entry.done += 1;
    else entry.running += 1;
    if (step.state !== "done") entry.fps += step.fps || 0;
    found.set(step.node, entry);
  }
  const lines = [...found].map(([name, entry]) => h("li", { key: name }, icon("nodes"), h("strong", {}, name), h("span", { class: "soft" }, share(entry))));
  return lines.length ? h("ul", { class: "segment-nodes", "aria-label": t("segments.nodes") }, lines) : null;
}

function share({ done, running, fps, provider }) {
  const words = [];
  if (running) words.push(t("segments.running", { count: running }));
  if (done) words.push(t("segments.done", { count: done }));
  if (fps) words.push(t("task.fps", { fps: format.number(fps, 1) }));
  if (provider) words.push(provider.replace("ExecutionProvider", ""));
  return words.join(" · ");
}

function joining(steps) {
  const step = steps.find((one) => one.kind === "assemble");
  return step && h("p", { class: "soft" }, t(`assemble.${step.state}`));
}

function player(step, at, close) {
  const title = t("segments.part", { part: at + 1 });
  return h("figure", { key: `play-${step.id}`, class: "segment-player" },
    h("figcaption", {}, title, button("", close, { kind: "quiet", image: "close", label: t("close") })),
    h("video", { src: api.local(step.url), controls: true, playsinline: true, autoplay: true, muted: true, "aria-label": title }));
}
