// The wizard's second step: background, model, results and priority, beside a preview of the first frame.

import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import * as uploads from "../uploads.js";
import { card, select } from "../ui.js";
import { dropPlace } from "./drop.js";
import { previewCard } from "./preview.js";
import { sending } from "./sending.js";
import { thumbnail } from "./tasks.js";

const KINDS = ["color", "media", "gradient", "blur", "transparent"];
const OUTPUTS = ["composite", "foreground", "mask"];
const FINER = ["refine_edges", "fill_holes", "smooth"];

export function chooseLook(state, context, choose) {
  return h("div", { class: "look" },
    h("div", { class: "look-choices" },
      card(null, background(state, choose)),
      card(null, models(state, choose)),
      card(null, outputs(state, choose)),
      card(null, finer(state, choose))),
    previewCard(state, context));
}

function radios(name, legend, options, value, pick) {
  const rows = options.map(([key, ...words]) =>
    h("label", { key, class: value === key ? "option picked" : "option" }, h("input", { type: "radio", name, value: key, checked: value === key, onchange: () => pick(key) }), words));
  return h("fieldset", {}, h("legend", {}, legend), h("div", { class: "options" }, rows));
}

function background({ choice, backgrounds }, choose) {
  const { background: chosen } = choice;
  const set = (values) => choose({ background: { ...chosen, ...values } });
  const pickKind = (kind) => {
    const outputs = kind === "transparent" ? ["foreground"] : choice.outputs;
    choose({ background: { ...chosen, kind }, outputs });
  };
  const more = { color, gradient, blur, media, transparent: () => h("p", { class: "hint" }, t("look.transparent_hint")) }[chosen.kind];
  return [radios("background", t("look.background"), KINDS.map((kind) => [kind, h("span", {}, t(`look.${kind}`))]), chosen.kind, pickKind), h("div", { key: chosen.kind, class: "look-more" }, more(chosen, set, backgrounds))];
}

function colorField(label, value, onchange) {
  return h("label", { class: "color" }, h("input", { type: "color", value, onchange: (event) => onchange(event.target.value) }), h("span", {}, label), h("code", {}, value));
}

const SWATCHES = ["#ffffff", "#000000", "#00b140", "#2f6f5e", "#4453d6", "#f2b8a0"];

function color(chosen, set) {
  const dots = SWATCHES.map((value) => h("button", { key: value, type: "button", class: "dot", style: { background: value }, "aria-label": t("look.color_of", { color: value }), "aria-pressed": String(chosen.color === value), onclick: () => set({ color: value }) }));
  return [colorField(t("look.own_color"), chosen.color, (value) => set({ color: value })), h("div", { class: "dots" }, dots)];
}

function gradient(chosen, set) {
  const [from, to] = chosen.colors;
  return [
    colorField(t("look.from"), from, (value) => set({ colors: [value, to] })),
    colorField(t("look.to"), to, (value) => set({ colors: [from, value] })),
    range("angle", t("look.angle"), chosen.angle, { min: 0, max: 360, step: 15, words: `${chosen.angle}°` }, (value) => set({ angle: value })),
  ];
}

const blur = (chosen, set) =>
  range("strength", t("look.strength"), chosen.strength, { min: 0, max: 1, step: 0.1, words: format.percent(100 * chosen.strength) }, (value) => set({ strength: value }));

function range(name, label, value, { words, ...bounds }, onchange) {
  const input = h("input", { type: "range", id: `range-${name}`, name, value, ...bounds, "aria-valuetext": words, onchange: (event) => onchange(Number(event.target.value)) });
  return h("div", { class: "field range" }, h("label", { for: `range-${name}` }, label), input, h("output", {}, words));
}

function media(chosen, set, backgrounds) {
  const take = (files) => uploads.add(files, "background");
  const tiles = backgrounds.map((item) => h("li", { key: item.id, class: chosen.id === item.id ? "tile picked" : "tile" },
    h("label", {}, thumbnail(item.thumbnail_url), h("input", { type: "radio", class: "pick", name: "background-file", checked: chosen.id === item.id, onchange: () => set({ id: item.id }), "aria-label": item.name }), h("span", { class: "tile-words" }, item.name))));
  const fits = ["cover", "contain", "stretch"].map((fit) => [fit, t(`look.${fit}`)]);
  return [
    tiles.length ? h("ul", { class: "media-grid small" }, tiles) : null,
    sending("background"),
    dropPlace("background", take, { small: true }),
    h("div", { class: "field inline" }, h("label", { for: "fit" }, t("look.fit")), select("fit", chosen.fit, fits, (fit) => set({ fit }), { id: "fit" })),
  ];
}

function models({ choice, models: known }, choose) {
  const value = choice.model || known.find((one) => one.default)?.name || known[0]?.name;
  const rows = known.map((model) => [model.name, h("span", { class: "option-words" }, h("strong", {}, model.title || model.name), h("span", { class: "soft" }, modelWords(model)))]);
  return radios("model", t("look.model"), rows, value, (name) => choose({ model: name }));
}

function modelWords(model) {
  const words = [model.online ? t("look.nodes", { count: model.nodes }) : t("look.offline")];
  if (model.speed_fps) words.push(t("look.speed", { fps: format.number(model.speed_fps, 1) }));
  if (model.licence) words.push(t("look.licence", { licence: model.licence }));
  if (model.commercial === false) words.push(t("look.not_commercial"));
  if (model.default) words.push(t("look.default"));
  return words.join(" · ");
}

function outputs({ choice }, choose) {
  const toggle = (name) => (event) => {
    const rest = choice.outputs.filter((one) => one !== name);
    choose({ outputs: OUTPUTS.filter((one) => (one === name ? event.target.checked : rest.includes(one))) });
  };
  const clear = choice.background.kind === "transparent";
  const rows = OUTPUTS.map((name) => check(name, t(`look.out_${name}`), choice.outputs.includes(name), toggle(name), { disabled: clear && name === "composite" && !choice.outputs.includes(name) }));
  return h("fieldset", {}, h("legend", {}, t("look.outputs")), h("div", { class: "options" }, rows));
}

function check(name, words, checked, onchange, more = {}) {
  return h("label", { key: name, class: checked ? "option picked" : "option" }, h("input", { type: "checkbox", name, checked, onchange, ...more }), h("span", {}, words));
}

function finer({ choice }, choose) {
  const { options } = choice;
  const set = (values) => choose({ options: { ...options, ...values } });
  const qualities = ["draft", "standard", "high", "best"].map((name) => [name, t(`look.quality_${name}`)]);
  const codecs = [["h264", "H.264"], ["hevc", "H.265"], ["av1", "AV1"]];
  const priorities = [50, 0, -50].map((value) => [String(value), t(`look.priority_${value}`)]);
  const field = (name, label, made) => h("div", { class: "field" }, h("label", { for: name }, label), made);
  return h("details", { class: "finer" }, h("summary", {}, t("look.finer")),
    h("div", { class: "finer-fields" },
      field("quality", t("look.quality"), select("quality", options.quality, qualities, (quality) => set({ quality }), { id: "quality" })),
      field("codec", t("look.codec"), select("codec", options.codec, codecs, (codec) => set({ codec }), { id: "codec" })),
      field("priority", t("look.priority"), select("priority", String(choice.priority), priorities, (value) => choose({ priority: Number(value) }), { id: "priority" }))),
    h("div", { class: "options" }, FINER.map((name) => check(name, t(`look.${name}`), options[name], (event) => set({ [name]: event.target.checked })))));
}
