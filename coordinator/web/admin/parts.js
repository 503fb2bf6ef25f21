// What the administration's pages have alike: their navigation, reading again by the clock, words of codes.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { knows, t } from "../i18n.js";
import * as live from "../live.js";
import * as router from "../router.js";
import { heading, notice, toldOf } from "../ui.js";

const SECTIONS = [
  ["nodes", "/admin"],
  ["queue", "/admin/queue"],
  ["activity", "/admin/activity"],
  ["failures", "/admin/failures"],
  ["users", "/admin/users"],
  ["audit", "/admin/audit"],
];

/** The top of every page of a part: its name, the way to its other pages, and what went wrong. */
export function top(area, sections, current, state, actions = []) {
  const links = sections.map(([name, href]) =>
    h("li", {}, h("a", { class: "chip", href, "aria-current": name === current ? "page" : null }, t(`${area}.${name}`))),
  );
  return [
    heading(t(`${area}.${current}`), { actions }),
    h("nav", { class: "sections", "aria-label": t(`${area}.sections`) }, h("ul", { class: "chips" }, links)),
    state.error && notice(state.error),
  ];
}

export const adminTop = (current, state, actions) => top("admin", SECTIONS, current, state, actions);

/** Read now, and again every so many seconds while the page is open. What `read` answers becomes part of the state, unless
 *  a later reading has begun, whose answer may have come first. */
export function fresh(context, state, read, seconds) {
  let turn = 0;
  const again = async () => {
    const mine = (turn += 1);
    const found = await read().then((values) => ({ ...values, error: null }), toldOf);
    if (mine !== turn) return;
    Object.assign(state, found);
    context.update();
  };
  const timer = setInterval(() => document.hidden || again(), seconds * 1000);
  context.signal.addEventListener("abort", () => clearInterval(timer));
  live.on("resync", again, context.signal);
  return again;
}

/** `act`, but at most once in so many seconds: many events make one reading. */
export function seldom(act, seconds, signal) {
  let due = 0;
  signal.addEventListener("abort", () => clearTimeout(due));
  return () => {
    due ||= setTimeout(() => {
      due = 0;
      act();
    }, seconds * 1000);
  };
}

/** An input whose text is kept in `values` under its name. */
export function bound(values, name, props = {}) {
  const kept = { name, value: values[name] ?? "", oninput: (event) => (values[name] = event.target.value) };
  return h("input", { type: "text", ...kept, ...props });
}

/** A code of what went wrong, in words where there are some, and as it is. */
export function codeWords(code) {
  const key = [`cause.${code}`, `error.${code}`, `fault.${code}`, `problem.${code}`].find(knows);
  const words = key && t(key);
  return words && !words.includes("{") ? [words, " ", h("code", { class: "soft" }, code)] : h("code", {}, code);
}

/** "CUDAExecutionProvider" is "CUDA" to people. */
export const provider = (name) => (name ? name.replace(/ExecutionProvider$/, "") : "–");

export const speed = (fps) => (fps ? t("admin.fps", { fps: format.number(fps, fps < 10 ? 1 : 0) }) : "–");

/** The windows of time that plots and failures are asked for. */
const HOURS = [1, 6, 24, 168];
const USUAL_HOURS = 24;

/**
 * A page about the last hours, which its address names and a row of chips chooses: `path` is what it reads over and over into `state`,
 * `content(state)` what stands below the chips.
 */
export async function windowPage(context, { name, path, again_s, state, content }) {
  const asked = Number(context.query.get("hours"));
  state.hours = HOURS.includes(asked) ? asked : USUAL_HOURS;
  const read = () => api.get(api.query(path, { hours: state.hours }), { signal: context.signal });
  const again = fresh(context, state, read, again_s);
  const choose = (hours) => {
    state.hours = hours;
    router.remember({ hours: hours === USUAL_HOURS ? null : hours });
    again();
  };
  await again();
  return { title: () => t(`admin.${name}`), render: () => [adminTop(name, state), windowChips(state.hours, choose), content(state)] };
}

function windowChips(chosen, choose) {
  const chips = HOURS.map((hours) =>
    h("button", { type: "button", class: "chip", "aria-pressed": String(hours === chosen), onclick: () => choose(hours) }, t(`admin.hours_${hours}`)),
  );
  return h("div", { class: "chips filters", role: "group", "aria-label": t("admin.window") }, chips);
}
