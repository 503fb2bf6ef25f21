// The accounts: who there is, with what rights and bounds, and making one.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import * as lists from "../lists.js";
import { attempt, badge, button, card, empty, field, once, select, table } from "../ui.js";
import { adminTop, bound, fresh } from "./parts.js";

const AGAIN_S = 30;
const PAGE = 50;
const TYPING_MS = 250;

export async function open(context) {
  const state = { items: [], next: null, q: "", making: false, values: { role: "user" }, wrong: null };
  const read = () => lists.again(state, listPath(state), PAGE, context.signal);
  const again = fresh(context, state, read, AGAIN_S);
  await again();
  return { title: () => t("admin.users"), render: () => view(state, again, context) };
}

const listPath = ({ q }) => api.query("/admin/users", { q });

function view(state, again, context) {
  const toggle = () => {
    state.making = !state.making;
    context.update();
  };
  const make = button(t("users.make"), toggle, { kind: "main", image: "add", "aria-expanded": String(state.making) });
  return [
    adminTop("users", state, [make]),
    state.making && form(state, again, context),
    h("div", { class: "filters" }, h("input", { type: "search", name: "q", value: state.q, placeholder: t("users.search"), "aria-label": t("users.search"), oninput: typing(state, again) })),
    state.items.length ? list(state.items) : empty("user", t("users.none")),
    state.next && h("p", { class: "more" }, button(t("more"), () => lists.more(state, listPath(state), PAGE, context))),
  ];
}

function typing(state, again) {
  return (event) => {
    Object.assign(state, { q: event.target.value, next: null });
    clearTimeout(state.waiting);
    state.waiting = setTimeout(again, TYPING_MS);
  };
}

function list(items) {
  return table([
    { name: t("username"), cell: (user) => h("a", { href: `/admin/users/${user.id}` }, user.username) },
    { name: t("users.role"), cell: (user) => badge(t(`role.${user.role}`), user.role === "admin" ? "busy" : "off") },
    { name: t("users.standing"), cell: (user) => badge(t(user.disabled ? "users.disabled" : "users.enabled"), user.disabled ? "bad" : "good") },
    { name: t("users.class"), class: "number", cell: (user) => format.number(user.class) },
    { name: t("users.storage"), cell: (user) => (user.storage_mb === null ? t("users.usual") : user.storage_mb ? t("users.mib", { mb: format.number(user.storage_mb) }) : t("users.unbounded")) },
    { name: t("users.last_login"), cell: (user) => (user.last_login_at ? format.ago(user.last_login_at) : t("users.never")) },
  ], items, { caption: t("admin.users") });
}

function form(state, again, context) {
  const { values } = state;
  const submit = async (event) => {
    event.preventDefault();
    const made = await attempt(() => api.post("/admin/users", values), t("users.made", { name: values.username }));
    if (!made) return;
    Object.assign(state, { making: false, values: { role: "user" } });
    again();
  };
  const roles = [["user", t("role.user")], ["admin", t("role.admin")]];
  return card(t("users.make"), h("form", { class: "grid-form", onsubmit: once(submit) },
    field(t("username"), bound(values, "username", { required: true, minlength: 2, maxlength: 64, autocomplete: "off", autocapitalize: "none" })),
    field(t("users.first_password"), bound(values, "password", { type: "password", required: true, minlength: 12, autocomplete: "new-password" }), { hint: t("register.rule") }),
    field(t("users.role"), select("role", values.role, roles, (role) => ((values.role = role), context.update()))),
    h("div", { class: "buttons" }, h("button", { class: "button main" }, t("users.make")))));
}
