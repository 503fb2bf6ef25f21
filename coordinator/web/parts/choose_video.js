// The wizard's first step: which video, or which videos.

import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import * as uploads from "../uploads.js";
import { dropPlace } from "./drop.js";
import { sending } from "./sending.js";
import { thumbnail } from "./tasks.js";

export function chooseVideo(state, context) {
  const take = (files) => uploads.add(files, "video");
  return [
    dropPlace("video", take),
    sending("video"),
    state.library.length ? h("fieldset", {}, h("legend", {}, t("new.from_library")), h("ul", { class: "media-grid" }, state.library.map((item) => tile(item, state, context)))) : null,
  ];
}

function tile(item, state, { update }) {
  const picked = state.videos.some((one) => one.id === item.id);
  const toggle = () => {
    state.videos = picked ? state.videos.filter((one) => one.id !== item.id) : [...state.videos, item];
    update();
  };
  const facts = [format.duration(item.duration), format.size(item), format.bytes(item.size)].join(" · ");
  const words = h("span", { class: "tile-words" }, h("strong", {}, item.name), h("span", { class: "soft" }, facts));
  return h("li", { key: item.id, class: picked ? "tile picked" : "tile" },
    h("label", {}, thumbnail(item.thumbnail_url), h("input", { type: "checkbox", class: "pick", checked: picked, onchange: toggle, "aria-label": item.name }), words));
}
