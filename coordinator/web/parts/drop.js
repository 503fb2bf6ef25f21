// Where files are dropped or chosen: single ones, several, whole folders.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { button, icon, toast } from "../ui.js";

const SUFFIXES = {
  video: /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ts|m2ts|flv|wmv|3gp|ogv|gif)$/i,
  background: /\.(jpe?g|png|webp|mp4|m4v|mov|mkv|webm)$/i,
};
const ACCEPT = { video: "video/*,.mkv", background: "image/jpeg,image/png,image/webp,video/*" };

/** A place for files of a kind; `take(files)` gets them. */
export function dropPlace(kind, take, { small = false } = {}) {
  const props = { class: small ? "drop small" : "drop", ondragover: hover, ondragleave: leave, ondrop: (event) => dropped(event, kind, take) };
  const files = chooser(kind, take, { multiple: true, label: t(`drop.choose_${kind}`) });
  const folder = !small && chooser(kind, take, { webkitdirectory: true, label: t("drop.folder"), image: "folder" });
  return h("div", props, icon("upload"), h("p", {}, t(`drop.${kind}`)), h("div", { class: "buttons" }, files, folder));
}

function chooser(kind, take, { label, image = "file", ...more }) {
  const chosen = (event) => {
    offer([...event.target.files], kind, take, Boolean(more.webkitdirectory));
    event.target.value = "";
  };
  const input = h("input", { type: "file", hidden: true, "aria-label": label, accept: more.webkitdirectory ? null : ACCEPT[kind], onchange: chosen, ...more });
  const open = (event) => event.currentTarget.nextSibling.click();
  return h("span", { class: "chooser" }, button(label, open, { image }), input);
}

function hover(event) {
  event.preventDefault();
  event.currentTarget.classList.add("over");
}

const leave = (event) => event.currentTarget.classList.remove("over");

async function dropped(event, kind, take) {
  event.preventDefault();
  leave(event);
  const found = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const folders = found.some((entry) => entry.isDirectory);
  const files = found.length ? (await Promise.all(found.map(filesOf))).flat() : [...event.dataTransfer.files];
  offer(files, kind, take, folders);
}

/** Out of a folder only what can be meant; what was chosen by hand is sent as it is and refused in words. */
function offer(files, kind, take, folder) {
  const meant = folder ? files.filter((file) => SUFFIXES[kind].test(file.name)) : files;
  if (meant.length < files.length) toast(t("drop.left_out", { count: files.length - meant.length }), "wait");
  if (meant.length) take(meant);
}

/** Every file below an entry that was dropped. */
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(filesOf))).flat());
  }
}
