// Numbers, sizes and times as people of the chosen language write them.

import { locale, t } from "./i18n.js";

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function number(value, digits = 0) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const power = Math.min(UNITS.length - 1, value < 1000 ? 0 : Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** power;
  return `${number(scaled, scaled < 10 && power ? 1 : 0)} ${UNITS[power]}`;
}

/** Seconds as "4 s", "2 min 5 s", "1 h 20 min". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10) return t("time.s", { s: number(Math.max(0, seconds), 1) });
  const whole = Math.round(seconds);
  if (whole < 60) return t("time.s", { s: whole });
  if (whole < 3600) return t("time.min_s", { min: Math.floor(whole / 60), s: whole % 60 });
  if (whole < 86400) return t("time.h_min", { h: Math.floor(whole / 3600), min: Math.floor((whole % 3600) / 60) });
  return t("time.days", { days: number(whole / 86400, 1) });
}

/** 83.5 -> "1:23". */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export const percent = (value) => `${number(Math.floor(value))} %`;

/** A moment of the server, as date and time of this place. */
export function moment(text) {
  if (!text) return "–";
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));
}

export function time(text) {
  return new Intl.DateTimeFormat(locale(), { timeStyle: "medium" }).format(new Date(text));
}

export function day(text) {
  return text ? new Intl.DateTimeFormat(locale(), { dateStyle: "medium" }).format(new Date(text)) : "–";
}

/** "3 minutes ago" of a moment. */
export function ago(text) {
  const seconds = (Date.now() - new Date(text).getTime()) / 1000;
  const relative = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  if (seconds < 60) return t("time.now");
  if (seconds < 3600) return relative.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86400) return relative.format(-Math.round(seconds / 3600), "hour");
  return relative.format(-Math.round(seconds / 86400), "day");
}

export const size = (media) => (media.width ? `${upright(media)[0]} × ${upright(media)[1]}` : "–");

/** Width and height as shown: rotation by a quarter swaps them. */
export function upright({ width, height, rotation = 0 }) {
  return Math.abs(rotation) % 180 === 90 ? [height, width] : [width, height];
}
