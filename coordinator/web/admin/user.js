// One account: role, bounds, what it uses; disabling it and giving it another password.

import * as api from "../api.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import * as session from "../session.js";
import { attempt, badge, card, confirm, button, field, heading, linkButton, notice, once, select } from "../ui.js";
import { usage } from "../account/usage.js";
import { bound, fresh } from "./parts.js";

const AGAIN_S = 60;

export async function open(context) {
  const path = `/admin/users/${context.params.id}`;
  const state = { user: null, usage: null, values: null, password: {} };
  const read = async () => {
    const options = { signal: context.signal };
    const [user, usage] = await Promise.all([api.get(path, options), api.get(`${path}/usage`, options)]);
    return { user, usage, values: state.values || bounds(user) };
  };
  await fresh(context, state, read, AGAIN_S)();
  return { title: () => state.user?.username || t("admin.users"), render: () => view(state, path, context) };
}

/** What the form shows: an empty field means that the usual bound holds. */
const bounds = (user) => ({
  role: user.role,
  class: String(user.class),
  storage_mb: user.storage_mb === null ? "" : String(user.storage_mb),
  max_waiting: user.max_waiting === null ? "" : String(user.max_waiting),
});

const numeric = (text) => (text === "" ? null : Number(text));

function view(state, path, context) {
  const back = { href: "/admin/users", text: t("admin.users") };
  if (!state.user) return [heading(t("admin.users"), { back }), state.error && notice(state.error)];
  const { user } = state;
  const audit = linkButton(t("users.audit"), `/admin/audit?actor=${encodeURIComponent(user.username)}`, { image: "list" });
  const marks = h("p", { class: "node-head" }, badge(t(`role.${user.role}`), user.role === "admin" ? "busy" : "off"), user.disabled && badge(t("users.disabled"), "bad"), h("span", { class: "soft" }, t("users.since", { day: format.day(user.created_at) })));
  return [
    heading(user.username, { back, actions: [audit, standing(state, path, context)], below: marks }),
    state.error && notice(state.error),
    card(t("users.rights"), rights(state, path, context)),
    card(t("usage.title"), usage(state.usage)),
    card(t("users.new_password"), password(state, path, context)),
  ];
}

async function change(state, path, values, done, { update }) {
  const user = await attempt(() => api.patch(path, values), done);
  if (user) Object.assign(state, { user, values: bounds(user) });
  update();
  return user;
}

function rights(state, path, context) {
  const { values } = state;
  const roles = [["user", t("role.user")], ["admin", t("role.admin")]];
  const submit = (event) => {
    event.preventDefault();
    const wanted = { role: values.role, class: Number(values.class || 0), storage_mb: numeric(values.storage_mb), max_waiting: numeric(values.max_waiting) };
    return change(state, path, wanted, t("users.changed"), context);
  };
  const number = (name, more) => bound(values, name, { type: "number", inputmode: "numeric", ...more });
  return h("form", { class: "grid-form", onsubmit: once(submit) },
    field(t("users.role"), select("role", values.role, roles, (role) => ((values.role = role), context.update()))),
    field(t("users.class"), number("class", { min: -100, max: 100, required: true }), { hint: t("users.class_hint") }),
    field(t("users.storage_mb"), number("storage_mb", { min: 0 }), { hint: t("users.bound_hint") }),
    field(t("users.max_waiting"), number("max_waiting", { min: 0 }), { hint: t("users.usual_hint") }),
    h("div", { class: "buttons" }, h("button", { class: "button main" }, t("users.save"))));
}

function standing(state, path, context) {
  const { user } = state;
  if (user.id === session.current()?.id) return null;
  const act = async () => {
    const name = { name: user.username };
    if (!user.disabled && !(await confirm(t("users.disable_ask", name), { action: t("users.disable"), detail: t("users.disable_detail") }))) return;
    await change(state, path, { disabled: !user.disabled }, t(user.disabled ? "users.enable_done" : "users.disable_done", name), context);
  };
  return button(t(user.disabled ? "users.enable" : "users.disable"), act, { kind: user.disabled ? "main" : "danger" });
}

function password(state, path, context) {
  const submit = async (event) => {
    event.preventDefault();
    const changed = await change(state, path, { password: state.password.password }, t("users.password_done"), context);
    if (changed) state.password = {};
    context.update();
  };
  return h("form", { class: "grid-form", onsubmit: once(submit) },
    field(t("users.first_password"), bound(state.password, "password", { type: "password", required: true, minlength: 12, autocomplete: "new-password" }), { hint: t("users.password_hint") }),
    h("div", { class: "buttons" }, h("button", { class: "button" }, t("users.set_password"))));
}
