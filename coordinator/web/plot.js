// Lines over time, drawn as SVG: one scale, few marks, and the numbers as a table for those who do not see it.

import { h } from "./dom.js";
import * as format from "./format.js";

const WIDTH = 640;
const HEIGHT = 200;
const LEFT = 46;
const BOTTOM = 26;
const TOP = 10;
/** From here on a time of day does not say which day. */
const DAYS_S = 36 * 3600;

/** `series`: [{name, points: [[epoch seconds, value or null], ...]}]; `unit(value)` writes a value. */
export function plot(title, series, { unit = (value) => format.number(value, 1) } = {}) {
  const points = series.flatMap((one) => one.points).filter(([, value]) => value !== null);
  if (!points.length) return null;
  const scale = scaled(points);
  const marks = [0, scale.top / 2, scale.top].map((value) => rule(scale, value, unit));
  const lines = series.map((one, at) => line(scale, one.points, at));
  const picture = h("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, marks, hours(scale), lines);
  return h("figure", { class: "plot-frame" }, h("figcaption", {}, title, legend(series)), picture);
}

function scaled(points) {
  const times = points.map(([at]) => at);
  const most = Math.max(...points.map(([, value]) => value));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  return { first, span: Math.max(1, last - first), top: round(most || 1) };
}

/** The next of 1, 2, 5 times a power of ten. */
function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

const across = (scale, at) => LEFT + ((at - scale.first) / scale.span) * (WIDTH - LEFT - 8);
const up = (scale, value) => HEIGHT - BOTTOM - (value / scale.top) * (HEIGHT - BOTTOM - TOP);

function line(scale, points, at) {
  let pen = "M";
  let path = "";
  for (const [moment, value] of points) {
    if (value === null) pen = "M";
    else {
      path += `${pen}${across(scale, moment).toFixed(1)} ${up(scale, value).toFixed(1)}`;
      pen = "L";
    }
  }
  return h("path", { class: `line line-${at}`, d: path });
}

function rule(scale, value, unit) {
  const y = up(scale, value);
  return [
    h("line", { class: "rule", x1: LEFT, x2: WIDTH - 8, y1: y, y2: y }),
    h("text", { class: "mark end", x: LEFT - 6, y: y + 4 }, unit(value)),
  ];
}

function hours(scale) {
  return [0, 0.5, 1].map((part) => {
    const at = scale.first + part * scale.span;
    const place = ["start", "middle", "end"][part * 2];
    const words = scale.span > DAYS_S ? format.day(at * 1000) : format.time(at * 1000).replace(/:\d\d(?=\D*$)/, "");
    return h("text", { class: `mark ${place}`, x: across(scale, at), y: HEIGHT - 8 }, words);
  });
}

const legend = (series) =>
  series.length > 1 && h("span", { class: "legend" }, series.map((one, at) => h("span", { class: `key key-${at}` }, one.name)));
