// Who did what to whom, with filters.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { knows, t } from "../i18n.js";
import * as lists from "../lists.js";
import * as router from "../router.js";
import { button, empty, select, table } from "../ui.js";
import { adminTop, fresh } from "./parts.js";

const AGAIN_S = 30;
const PAGE = 50;
const TYPING_MS = 300;
const GROUPS = ["login.", "logout", "user.", "key.", "interface.", "task.", "media.", "webhook_secret."];

export async function open(context) {
  const { query, signal } = context;
  const state = { items: [], next: null, action: query.get("action") || "", actor: query.get("actor") || "" };
  const read = () => lists.again(state, listPath(state), PAGE, signal);
  const again = fresh(context, state, read, AGAIN_S);
  await again();
  return { title: () => t("admin.audit"), render: () => view(state, again, context) };
}

const listPath = ({ action, actor }) => api.query("/admin/audit", { action, actor: actor.trim() });
const keyOf = (row) => row.seq;

function view(state, again, context) {
  return [
    adminTop("audit", state),
    filters(state, again),
    state.items.length ? list(state.items) : empty("list", t("audit.none")),
    state.next && h("p", { class: "more" }, button(t("more"), () => lists.more(state, listPath(state), PAGE, context, keyOf))),
  ];
}

function filters(state, again) {
  const choose = (values) => {
    Object.assign(state, values, { next: null });
    router.remember({ action: state.action, actor: state.actor });
    again();
  };
  const typed = (event) => {
    state.actor = event.target.value;
    clearTimeout(state.typing);
    state.typing = setTimeout(() => choose({}), TYPING_MS);
  };
  const options = [["", t("audit.any")], ...GROUPS.map((one) => [one, t(`audit.group_${one.replace(".", "")}`)])];
  return h("div", { class: "filters" },
    select("action", state.action, options, (action) => choose({ action }), { "aria-label": t("audit.action"), class: "short" }),
    h("input", { type: "search", name: "actor", value: state.actor, placeholder: t("audit.by"), "aria-label": t("audit.by"), oninput: typed }));
}

function list(items) {
  return table([
    { name: t("audit.at"), cell: (row) => h("time", { datetime: row.at }, format.moment(row.at)) },
    { name: t("audit.actor"), cell: (row) => row.actor },
    { name: t("audit.action"), cell: (row) => (knows(`action.${row.action}`) ? t(`action.${row.action}`) : h("code", {}, row.action)) },
    { name: t("audit.target"), cell: (row) => row.target_name || "–" },
    { name: t("audit.what"), cell: (row) => said(row.data) },
    { name: t("audit.address"), cell: (row) => row.address || "–" },
  ], items, { key: keyOf, caption: t("admin.audit") });
}

/** The facts of a row in a line; the name stands in a column of its own. */
const said = (data) =>
  Object.entries(data).filter(([name]) => name !== "name").map(([name, value]) => h("span", { key: name, class: "fact" }, `${word(name)}: ${written(value)}`));

const word = (name) => (knows(`fact.${name}`) ? t(`fact.${name}`) : name);

function written(value) {
  if (typeof value === "boolean") return t(value ? "fact.yes" : "fact.no");
  if (knows(`role.${value}`)) return t(`role.${value}`);
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value ?? "–");
}
