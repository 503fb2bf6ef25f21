// Why a task still waits, in words: what is before it, and for each node the one reason.

import { h } from "../dom.js";
import * as format from "../format.js";
import { knows, t } from "../i18n.js";

export function waiting(found) {
  return [h("p", {}, before(found)), found.nodes.length ? h("ul", { class: "reasons" }, found.nodes.map(reason)) : h("p", { class: "soft" }, t("why.no_nodes"))];
}

function before(found) {
  const words = [found.tasks_before ? t("why.before", { count: format.number(found.tasks_before) }) : t("why.next")];
  if (found.starts_s !== null) words.push(t("why.starts", { time: format.duration(Math.round(found.starts_s)) }));
  if (found.eta_s !== null) words.push(t("why.done", { time: format.duration(Math.round(found.eta_s)) }));
  return words.join(" ");
}

function reason(node) {
  const key = `why.${node.code}`;
  const words = knows(key) ? t(key) : node.code;
  const free = node.free_s === null ? "" : t("why.free", { time: format.duration(Math.round(node.free_s)) });
  return h("li", { key: node.name }, h("strong", {}, node.name), h("span", {}, `${words}${free}`));
}
