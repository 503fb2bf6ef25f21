// What happened to a task, newest first, in words.

import { h } from "../dom.js";
import * as format from "../format.js";
import { knows, t } from "../i18n.js";
import { errorWords } from "./tasks.js";

const MOST = 200;

export function eventLog(state) {
  const names = new Map(state.steps.map((step, at) => [step.id, step.kind === "assemble" ? t("log.joining") : t("segments.part", { part: at + 1 })]));
  const lines = state.events.slice(-MOST).reverse().map((event) => line(event, names));
  return h("ol", { class: "log" }, lines);
}

function line(event, names) {
  const time = h("time", { datetime: event.at, title: format.moment(event.at) }, format.time(event.at));
  return h("li", { key: String(event.seq) }, time, h("span", {}, words(event, names)));
}

function words({ kind, data, node }, names) {
  const key = `log.${kind}`;
  const text = knows(key) ? t(key) : kind.replaceAll("_", " ");
  const part = names.size > 1 && data.step_id ? names.get(data.step_id) : null;
  const why = data.error?.code ? errorWords(data.error) : data.code ? errorWords(data) : null;
  return [part, node, text, why].filter(Boolean).join(" · ");
}
