// What an account uses and may use, as `GET usage` tells it.

import { h } from "../dom.js";
import * as format from "../format.js";
import { knows, t } from "../i18n.js";
import { facts, progress } from "../ui.js";

const NEARLY = 90;

export function usage(found) {
  if (!found) return null;
  const { storage, tasks, waiting, last_30_days: month } = found;
  const kinds = Object.entries(storage.uploads).map(([kind, { number, bytes }]) => [t(`usage.${kind}`), t("usage.files", { number: format.number(number), bytes: format.bytes(bytes) })]);
  const states = Object.entries(tasks).map(([state, number]) => `${word(state)} ${format.number(number)}`);
  return [
    room(storage),
    facts([
      ...kinds,
      [t("usage.tasks"), states.join(", ") || t("usage.none")],
      [t("usage.waiting"), t("usage.of", { part: format.number(waiting.tasks), all: format.number(waiting.most) })],
      [t("usage.computed"), format.duration(month.seconds)],
      [t("usage.frames"), format.number(month.frames)],
    ]),
  ];
}

const word = (state) => (knows(`state.${state}`) ? t(`state.${state}`) : t("state.draft"));

function room({ bytes, quota_bytes: quota }) {
  if (quota === null) return h("p", { class: "lead" }, t("usage.stored", { bytes: format.bytes(bytes) }));
  const part = (100 * bytes) / quota;
  return h("div", { class: "room" },
    h("p", {}, t("usage.stored_of", { bytes: format.bytes(bytes), quota: format.bytes(quota) })),
    progress(part, t("usage.storage"), part >= NEARLY ? "bad" : "busy"));
}
