// Your videos and backgrounds: bring in, look at, delete, make tasks of.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import * as lists from "../lists.js";
import * as live from "../live.js";
import { go } from "../router.js";
import * as uploads from "../uploads.js";
import { attempt, button, confirm, empty, heading } from "../ui.js";
import { dropPlace } from "../parts/drop.js";
import { leftovers, sending } from "../parts/sending.js";
import { thumbnail } from "../parts/tasks.js";

const PAGE = 100;
const KINDS = { videos: "video", backgrounds: "background" };

export async function open(context) {
  const group = context.params.kind === "backgrounds" ? "backgrounds" : "videos";
  const state = { group, kind: KINDS[group], items: [], next: null, begun: [], picked: new Set() };
  await reload(state, context);
  uploads.onChange((entry) => noticed(state, entry, context), context.signal);
  live.on("resync", () => attempt(() => reload(state, context)), context.signal);
  return { title: () => t("nav.library"), render: () => view(state, context) };
}

async function reload(state, { signal, update }) {
  const [found, begun] = await Promise.all([lists.again(state, `/${state.group}`, PAGE, signal), uploads.unfinished(signal)]);
  Object.assign(state, found, { begun: begun.filter((one) => one.kind === state.kind) });
  update();
}

function noticed(state, entry, { update }) {
  if (entry.media && entry.kind === state.kind && !state.items.some((one) => one.id === entry.media.id)) state.items.unshift(entry.media);
  state.begun = state.begun.filter((one) => one.id !== entry.id);
  update();
}

function view(state, context) {
  const take = (files, begun) => uploads.add(files, state.kind, begun);
  return [
    heading(t("nav.library")),
    tabs(state),
    dropPlace(state.kind, take),
    leftovers(state.begun, take, () => attempt(() => reload(state, context))),
    sending(state.kind),
    state.picked.size ? chosen(state, context) : null,
    state.items.length ? grid(state, context) : empty("library", t(`library.none_${state.kind}`)),
    state.next && h("p", { class: "more" }, button(t("library.more"), () => lists.more(state, `/${state.group}`, PAGE, context))),
  ];
}

function tabs(state) {
  const links = Object.entries(KINDS).map(([group, kind]) => {
    const href = group === "videos" ? "/library" : "/library/backgrounds";
    return h("a", { class: "chip", href, "aria-current": state.group === group ? "page" : null }, t(`library.${kind}`));
  });
  return h("nav", { class: "chips", "aria-label": t("library.what") }, links);
}

/** What can be done with several videos at once. */
function chosen(state, { update }) {
  const clear = () => {
    state.picked.clear();
    update();
  };
  const make = () => (state.picked.size === 1 ? startWith([...state.picked][0]) : go(`/new?videos=${[...state.picked].join(",")}&step=look`));
  return h("div", { class: "chosen" }, h("span", {}, t("library.picked", { count: state.picked.size })),
    button(t("library.make"), make, { kind: "main", image: "add" }), button(t("library.clear"), clear));
}

const grid = (state, context) =>
  h("ul", { class: "media-grid", "aria-label": t(`library.${state.kind}`) }, state.items.map((item) => tile(item, state, context)));

function tile(item, state, context) {
  const pick = (event) => {
    if (event.target.checked) state.picked.add(item.id);
    else state.picked.delete(item.id);
    context.update();
  };
  const box = state.kind === "video" && h("input", { type: "checkbox", class: "pick", checked: state.picked.has(item.id), onchange: pick, "aria-label": t("library.pick", { name: item.name }) });
  const look = h("a", { class: "tile-picture", href: api.local(item.url), target: "_blank", rel: "noopener", "aria-label": t("library.look", { name: item.name }) }, thumbnail(item.thumbnail_url), item.duration ? h("span", { class: "length" }, format.clock(item.duration)) : null);
  return h("li", { key: item.id, class: "tile" }, look, box,
    h("div", { class: "tile-words" }, h("strong", { title: item.name }, item.name), h("span", { class: "soft" }, `${format.size(item)} · ${format.bytes(item.size)}`), h("span", { class: "soft" }, t("library.until", { day: format.day(item.expires_at) }))),
    h("div", { class: "tile-do" }, state.kind === "video" && button(t("library.use"), () => startWith(item.id), { label: t("library.use_of", { name: item.name }) }), button("", () => erase(item, state, context), { kind: "quiet", image: "trash", label: t("library.delete_of", { name: item.name }) })));
}

/** A task of one video begins with it; the wizard goes on from there. */
async function startWith(id) {
  const task = await attempt(() => api.post("/tasks", { video_id: id }));
  if (task) go(`/new/${task.id}?step=look`);
}

async function erase(item, state, { update }) {
  if (!(await confirm(t("library.delete_ask", { name: item.name }), { action: t("library.delete") }))) return;
  const gone = await attempt(() => api.remove(`/${state.group}/${item.id}`), t("library.deleted"));
  if (gone === undefined) return;
  state.items = state.items.filter((one) => one.id !== item.id);
  state.picked.delete(item.id);
  update();
}
