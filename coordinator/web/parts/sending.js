// Uploads under way, with speed and time left; and what another visit left unfinished.

import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import * as uploads from "../uploads.js";
import { attempt, button, confirm, icon, progress } from "../ui.js";

const TONES = { done: "good", refused: "bad", paused: "wait", waiting: "wait" };

/** The list of this page's uploads of a kind; nothing when there are none. */
export function sending(kind) {
  const mine = uploads.list().filter((entry) => entry.kind === kind);
  return mine.length ? h("ul", { class: "sending", "aria-label": t("sending.title") }, mine.map(line)) : null;
}

function line(entry) {
  const share = entry.size ? (100 * entry.offset) / entry.size : 0;
  return h("li", { key: entry.key, class: entry.state },
    h("div", { class: "sending-what" }, icon(entry.kind === "video" ? "library" : "image"), h("strong", {}, entry.name), h("span", { class: "soft" }, words(entry, share))),
    entry.state === "refused" || entry.state === "done" ? null : progress(share, t("sending.progress", { name: entry.name }), TONES[entry.state] || "busy"),
    h("div", { class: "sending-do" }, deeds(entry)));
}

function words(entry, share) {
  if (entry.state === "refused") return h("span", { class: "error", role: "alert" }, entry.problem);
  if (entry.state === "waiting") return t("sending.waiting");
  if (["done", "examined", "queued"].includes(entry.state)) return t(`sending.${entry.state}`);
  const parts = [`${format.bytes(entry.offset)} / ${format.bytes(entry.size)}`, format.percent(share)];
  if (entry.state === "paused") parts.push(t("sending.paused"));
  if (entry.speed) parts.push(`${format.bytes(entry.speed)}/s`, t("sending.left", { time: format.duration(Math.ceil((entry.size - entry.offset) / entry.speed)) }));
  return parts.join(" · ");
}

function deeds(entry) {
  const { name } = entry;
  const small = (verb, act, image, key = verb) => button("", act, { kind: "quiet", image, label: t(`sending.${verb}`, { name }), key });
  if (["done", "refused"].includes(entry.state)) return small("dismiss", () => uploads.dismiss(entry), "close");
  const running = entry.state !== "paused";
  const steer = running ? small("pause", () => uploads.pause(entry), "pause", "steer") : small("resume", () => uploads.resume(entry), "play", "steer");
  return [steer, small("discard", () => give_up(entry), "trash")];
}

async function give_up(entry) {
  const sure = await confirm(t("sending.discard_ask", { name: entry.name }), { action: t("sending.discard_do") });
  if (sure) await attempt(() => uploads.discard(entry));
}

/** What was begun in another visit: choose the same file again, or give it up. `items` as the API lists them. */
export function leftovers(items, take, changed) {
  if (!items.length) return null;
  const remove = async (one) => {
    await attempt(() => uploads.forget(one.id));
    changed();
  };
  const lines = items.map((one) => h("li", { key: one.id },
    h("div", { class: "sending-what" }, icon("upload"), h("strong", {}, one.name), h("span", { class: "soft" }, leftoverWords(one))),
    progress((100 * one.offset) / Math.max(1, one.size), t("sending.progress", { name: one.name }), "wait"),
    h("div", { class: "sending-do" }, again(one, take), button("", () => remove(one), { kind: "quiet", image: "trash", label: t("sending.discard", { name: one.name }) }))));
  return h("div", { class: "leftovers" }, h("p", {}, t("sending.leftovers")), h("ul", { class: "sending" }, lines));
}

const leftoverWords = (one) => `${format.bytes(one.offset)} / ${format.bytes(one.size)} · ${t("sending.until", { day: format.moment(one.expires_at) })}`;

function again(one, take) {
  const chosen = (event) => {
    take([...event.target.files], one);
    event.target.value = "";
  };
  const label = t("sending.again", { name: one.name });
  const input = h("input", { type: "file", hidden: true, "aria-label": label, onchange: chosen });
  return h("span", { class: "chooser" }, button(t("sending.go_on"), (event) => event.currentTarget.nextSibling.click(), { image: "play", label }), input);
}
