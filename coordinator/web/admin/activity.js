// Throughput, queue and errors over time: plots, and the same numbers as a table.

import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import { plot } from "../plot.js";
import { card, empty, table } from "../ui.js";
import { windowPage } from "./parts.js";

const AGAIN_S = 20;
const ROWS = 40;
const share = (value) => format.percent(100 * value);

const PLOTS = [
  { name: "throughput", unit: (value) => format.number(value, 1), lines: ["fps"] },
  { name: "tasks", unit: (value) => format.number(value, 1), lines: ["failed", "completed"] },
  { name: "queue_length", unit: (value) => format.number(value, 1), lines: ["waiting_tasks", "waiting_steps"] },
  { name: "slots", unit: (value) => format.number(value, 1), lines: ["busy_slots", "slots"] },
  { name: "errors", unit: share, lines: ["error_rate"] },
];

export const open = (context) =>
  windowPage(context, { name: "activity", path: "/admin/series", again_s: AGAIN_S, state: { points: [], span_s: 60 }, content });

const content = (state) =>
  state.points.length ? [h("div", { class: "plots" }, PLOTS.map((one) => drawn(state, one))), numbers(state)] : empty("plot", t("activity.none"));

function drawn(state, { name, unit, lines }) {
  const series = lines.map((line) => ({ name: t(`activity.${line}`), points: points(state, line) }));
  const title = t(`activity.${name}_title`, { span: spanWords(state.span_s) });
  const picture = plot(title, series, { unit });
  return card(null, picture || h("p", { class: "soft" }, t("activity.nothing", { name: title })));
}

const spanWords = (seconds) => (seconds < 3600 ? t("activity.minutes", { count: seconds / 60 }) : t("activity.hours", { count: seconds / 3600 }));

/** A span without a minute breaks the line: no coordinator ran then. */
function points(state, line) {
  const found = [];
  let last = null;
  for (const point of state.points) {
    const at = new Date(point.at).getTime() / 1000;
    if (last !== null && at - last > 1.5 * state.span_s) found.push([last + state.span_s, null]);
    found.push([at, point[line]]);
    last = at;
  }
  return found;
}

/** The newest first; those who do not see the plots read this. */
function numbers(state) {
  const lines = PLOTS.flatMap((one) => one.lines.map((line) => [line, one.unit]));
  const columns = [
    { name: t("activity.at"), class: "nowrap", cell: (point) => format.moment(point.at) },
    ...lines.map(([line, unit]) => ({ name: t(`activity.${line}`), class: "number", cell: (point) => (point[line] === null ? "–" : unit(point[line])) })),
  ];
  const rows = [...state.points].reverse().slice(0, ROWS);
  return h("details", { class: "as-table" }, h("summary", { class: "button" }, t("activity.numbers")),
    table(columns, rows, { key: (point) => point.at, caption: t("activity.numbers") }));
}
