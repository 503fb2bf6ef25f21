// The parts that pages are made of: icons, buttons, badges, toasts, dialogs, tables.

import { h } from "./dom.js";
import { t } from "./i18n.js";

const MOST_TOASTS = 3;
const ICONS = {
  add: "M12 5v14M5 12h14",
  admin: "M12 3l7 3v5c0 4.6-2.9 8.3-7 10-4.1-1.7-7-5.4-7-10V6l7-3zM9 12l2 2 4-4",
  alert: "M12 8v5M12 16.5v.5M12 3l9.5 17h-19L12 3z",
  back: "M15 5l-7 7 7 7",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  down: "M6 9l6 6 6-6",
  file: "M6 3h8l4 4v14H6zM14 3v5h4",
  folder: "M3 6h6l2 2h10v11H3z",
  help: "M9.2 9a2.9 2.9 0 1 1 4 2.7c-.8.4-1.2.9-1.2 1.8M12 17v.3M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5M15 9.5h.5",
  key: "M14 10a4 4 0 1 1-1.2 2.8L6 19.5H4v-2l6.8-6.8",
  language: "M3 6h10M8 4v2M5 6c.5 3 3 6 6.5 7M11 6c-.5 3-3 6-7 7.5M12 20l4.5-10L21 20M13.7 17h5.6",
  library: "M4 5h16v14H4zM10 9l5 3-5 3z",
  list: "M4 6h16M4 12h16M4 18h10",
  nodes: "M4 4h16v6H4zM4 14h16v6H4zM8 7h.5M8 17h.5",
  out: "M14 5H5v14h9M11 12h10M17 8l4 4-4 4",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.5l12 7.5-12 7.5z",
  plot: "M4 4v16h16M8 15l4-5 3 3 5-7",
  retry: "M20 12a8 8 0 1 1-2.4-5.7M20 4v4.5h-4.5",
  tasks: "M4 6l1.5 1.5L8 5M11 6.5h9M4 12.5L5.5 14 8 11.5M11 13h9M4 19l1.5 1.5L8 18M11 19.5h9",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  upload: "M12 16V5M7 9l5-5 5 5M5 20h14",
  user: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4.5 20c.6-4 3.7-6 7.5-6s6.9 2 7.5 6",
};

export function icon(name) {
  const path = h("path", { d: ICONS[name] || ICONS.help });
  return h("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, path);
}

const running = new WeakSet();

/** A handler that does nothing while what it did last on the same element is under way: a second click means the first. */
export function once(act) {
  return async (event) => {
    const element = event.currentTarget;
    if (running.has(element)) return event.preventDefault();
    running.add(element);
    try {
      return await act(event);
    } finally {
      running.delete(element);
    }
  };
}

/** A button. `kind`: main, plain, quiet, danger. `label` is its name when only an icon shows. */
export function button(text, onclick, { kind = "plain", image, label, ...more } = {}) {
  const props = { type: "button", class: `button ${kind}`, onclick: onclick && once(onclick), "aria-label": label, title: label, ...more };
  return h("button", props, image && icon(image), text && h("span", {}, text));
}

/** A link that looks like a button. */
export function linkButton(text, href, { kind = "plain", image, label, ...more } = {}) {
  const props = { class: `button ${kind}`, href, "aria-label": label, title: label, ...more };
  return h("a", props, image && icon(image), text && h("span", {}, text));
}

/** A coloured word. `tone`: good, busy, wait, bad, off. */
export const badge = (text, tone = "off") => h("span", { class: `badge ${tone}` }, text);

/** A bar from 0 to 100 with its name. */
export function progress(value, label, tone = "busy") {
  const props = { class: `bar ${tone}`, role: "progressbar", "aria-label": label, "aria-valuemin": 0 };
  const shown = Math.floor(value);
  const fill = h("span", { style: { width: `${Math.min(100, Math.max(0, value))}%` } });
  return h("div", { ...props, "aria-valuemax": 100, "aria-valuenow": shown }, fill);
}

/** The page's heading, with what can be done beside it. */
export function heading(text, { actions = [], back, below } = {}) {
  const title = h("h1", { tabindex: "-1" }, text);
  const way = back && h("a", { class: "back", href: back.href }, icon("back"), back.text);
  return h("header", { class: "heading" }, way, h("div", { class: "row" }, title, h("div", { class: "actions" }, actions)), below);
}

export const card = (title, ...children) =>
  h("section", { class: "card" }, title && h("h2", {}, title), children);

/** Nothing there: says what would be, and what to do. */
export const empty = (image, text, action) => h("div", { class: "empty" }, icon(image), h("p", {}, text), action);

export const loading = () => h("p", { class: "loading", role: "status" }, t("loading"));

/** A sentence that something went wrong. */
export const notice = (text, tone = "bad") => h("p", { class: `notice ${tone}`, role: tone === "bad" ? "alert" : "status" }, icon("alert"), h("span", {}, text));

/** A field with its label; `input` is an element, `hint` and `error` are read with it. */
export function field(label, input, { hint, error } = {}) {
  const id = input.id || `field-${input.name || label}`;
  input.id = id;
  const said = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  if (said) input.setAttribute("aria-describedby", said);
  if (error) input.setAttribute("aria-invalid", "true");
  const hintLine = hint && h("p", { class: "hint", id: `${id}-hint` }, hint);
  const errorLine = error && h("p", { class: "error", id: `${id}-error`, role: "alert" }, error);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, hintLine, errorLine);
}

/** A choice of words: `options` are [value, text]. */
export function select(name, value, options, onchange, more = {}) {
  const rows = options.map(([key, text]) => h("option", { value: key }, text));
  return h("select", { name, onchange: (event) => onchange(event.target.value), value, ...more }, rows);
}

/** A table. `columns`: {name, cell(item), class?}; rows are keyed by `key(item)`. On a phone each row becomes a card
 *  whose lines carry their column's name. */
export function table(columns, items, { key = (item) => item.id, caption } = {}) {
  const head = h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column.class }, column.name)));
  const cell = (column, item) => h("td", { class: column.class, "data-name": column.name }, column.cell(item));
  const rows = items.map((item) => h("tr", { key: key(item) }, columns.map((column) => cell(column, item))));
  const title = caption && h("caption", { class: "unseen" }, caption);
  return h("div", { class: "table-frame", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, title, h("thead", {}, head), h("tbody", {}, rows)));
}

/** Terms and what they are: `pairs` are [term, value]; without a value a line is left out. */
export const facts = (pairs) =>
  h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));

/** A sentence that goes again by itself; read aloud. */
export function toast(text, tone = "good") {
  const close = button("", () => node.remove(), { kind: "quiet", image: "close", label: t("close") });
  const node = h("div", { class: `toast ${tone}` }, h("p", {}, text), close);
  const place = document.getElementById("toasts");
  place.append(node);
  while (place.children.length > MOST_TOASTS) place.firstElementChild.remove();
  setTimeout(() => node.remove(), tone === "bad" ? 12000 : 6000);
}

/** What becomes part of a page's state when a reading failed: the sentence that `notice` shows. */
export function toldOf(error) {
  if (error.name === "AbortError") return {};
  if (!error.sentence) throw error;
  return { error: error.sentence };
}

/** Do something, and say in words when it was refused. Answers what it gave, undefined when refused. */
export async function attempt(act, done) {
  try {
    const answer = await act();
    if (done) toast(done);
    return answer;
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    if (!error.sentence) throw error;
    toast(error.sentence, "bad");
    return undefined;
  }
}

/** Ask before something that cannot be undone. Answers true or false. */
export function confirm(question, { action = t("ok"), detail, danger = true } = {}) {
  const body = [detail && h("p", {}, detail)];
  return ask(question, body, [
    { text: t("cancel"), value: false },
    { text: action, value: true, kind: danger ? "danger" : "main" },
  ]);
}

/** A dialog: `buttons` are {text, value, kind}; answers the value, false when it was closed. */
export function ask(title, body, buttons) {
  return new Promise((resolve) => {
    let answer = false;
    const choose = (value) => () => {
      answer = value;
      dialog.close();
    };
    const row = buttons.map((one) => button(one.text, choose(one.value), { kind: one.kind }));
    const name = h("h2", { id: "dialog-title" }, title);
    const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, name, body, h("div", { class: "buttons" }, row));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
