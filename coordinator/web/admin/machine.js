// One node as a machine: its slots, cards, models and what it is doing.

import { h } from "../dom.js";
import * as format from "../format.js";
import { knows, t } from "../i18n.js";
import { badge, progress } from "../ui.js";
import { provider, speed } from "./parts.js";

const HOT_C = 85;
const FULL = 95;

/** "2 of 4 slots busy". */
export const slots = (node) => t("node.slots", { busy: node.slots - node.free_slots, all: node.slots });

/** When it last said something, in words; what is old is coloured. */
export function heard(node) {
  if (node.last_seen_s === null) return badge(t("node.never_seen"));
  const words = t("node.seen", { time: format.duration(node.last_seen_s) });
  return h("span", { class: node.state === "offline" ? "bad-ink" : null }, words);
}

/** A bar with its name and its number beside it. */
function meter(name, value, words, tone) {
  return h("div", { class: "meter" }, h("span", { class: "soft" }, name), progress(value, name, tone), h("span", {}, words));
}

/** Cards are sold by binary gigabytes. */
const gigabytes = (mb) => `${format.number(mb / 1024)} GB`;

export function cards(node) {
  if (!node.gpus.length) return h("p", { class: "soft" }, t("node.no_gpu"));
  return h("ul", { class: "gpus", "aria-label": t("node.gpus") }, node.gpus.map(card));
}

function card(gpu) {
  const known = gpu.util !== null;
  const used = gpu.vram_used_mb !== null && gpu.vram_mb ? (100 * gpu.vram_used_mb) / gpu.vram_mb : null;
  const hot = gpu.temperature_c >= HOT_C;
  const memory = used === null ? gigabytes(gpu.vram_mb) : t("node.memory_of", { used: format.number(gpu.vram_used_mb / 1024, 1), all: gigabytes(gpu.vram_mb) });
  const heat = gpu.temperature_c !== null && h("span", { class: hot ? "bad-ink" : null }, t("node.heat", { c: format.number(gpu.temperature_c) }));
  return h("li", { key: gpu.index },
    h("p", { class: "gpu-name" }, h("strong", {}, gpu.name), heat),
    known && meter(t("node.use"), gpu.util, format.percent(gpu.util), "busy"),
    meter(t("node.memory"), used ?? 0, memory, used >= FULL ? "bad" : "good"));
}

export function models(node) {
  if (!node.models.length) return h("p", { class: "soft" }, t("node.no_models"));
  return h("ul", { class: "offers", "aria-label": t("node.models") }, node.models.map((model) => offer(node, model)));
}

function offer(node, model) {
  const slow = node.gpus.length > 0 && model.provider.startsWith("CPU");
  return h("li", { key: model.name },
    h("strong", {}, model.name),
    badge(provider(model.provider), slow ? "bad" : model.provider.startsWith("CPU") ? "off" : "good"),
    h("span", { class: "soft" }, speed(model.speed_fps)),
    model.warm && h("span", { class: "soft" }, t("node.warm")),
    slow && h("span", { class: "bad-ink" }, t("node.gpu_unused")));
}

/** What it works on now. */
export function work(node) {
  if (!node.attempts.length) return h("p", { class: "soft" }, t("node.idle"));
  return h("ul", { class: "offers", "aria-label": t("node.work") }, node.attempts.map(step));
}

function step(attempt) {
  const stage = attempt.stage && knows(`stage.${attempt.stage}`) ? t(`stage.${attempt.stage}`) : t(`attempt.${attempt.state}`);
  const words = [stage, attempt.frames_done ? t("node.frames", { frames: format.number(attempt.frames_done) }) : "", attempt.fps ? speed(attempt.fps) : "", attempt.provider && provider(attempt.provider)];
  return h("li", { key: attempt.id },
    h("a", { href: `/tasks/${attempt.task_id}` }, attempt.task_name || t("task.unnamed")),
    h("span", { class: "soft" }, words.filter(Boolean).join(" · ")));
}
