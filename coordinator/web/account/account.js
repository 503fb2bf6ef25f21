// Your account: what you use, your password, and ending every session.

import * as api from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import * as router from "../router.js";
import * as session from "../session.js";
import { attempt, button, card, confirm, field, notice, once, toast } from "../ui.js";
import { bound, fresh } from "../admin/parts.js";
import { accountTop } from "./parts.js";
import { usage } from "./usage.js";

const AGAIN_S = 30;

export async function open(context) {
  const state = { usage: null, values: {}, wrong: null, busy: false };
  const read = async () => ({ usage: await api.get("/usage", { signal: context.signal }) });
  await fresh(context, state, read, AGAIN_S)();
  return { title: () => t("account.overview"), render: () => view(state, context) };
}

function view(state, context) {
  return [
    accountTop("overview", state),
    card(t("usage.title"), usage(state.usage)),
    card(t("password.title"), form(state, context)),
    card(t("sessions.title"), h("p", { class: "lead" }, t("sessions.lead")), button(t("sessions.end"), endAll, { kind: "danger", image: "out" })),
  ];
}

async function endAll() {
  if (!(await confirm(t("sessions.ask"), { action: t("sessions.end"), detail: t("sessions.detail") }))) return;
  await attempt(session.logOut);
  router.go("/login");
}

function form(state, context) {
  const { values } = state;
  const submit = async (event) => {
    event.preventDefault();
    state.wrong = values.new_password === values.again ? null : t("register.differ");
    if (!state.wrong) await change(state, context);
    context.update();
  };
  const secret = (name, more) => bound(values, name, { type: "password", required: true, ...more });
  // password managers want to know whose password it is
  const whose = h("input", { type: "text", name: "username", autocomplete: "username", value: session.current()?.username ?? "", hidden: true });
  return h("form", { class: "grid-form", onsubmit: once(submit) },
    whose,
    state.wrong && h("div", { class: "wide" }, notice(state.wrong)),
    field(t("password.now"), secret("current_password", { autocomplete: "current-password" })),
    field(t("password.new"), secret("new_password", { autocomplete: "new-password", minlength: 12 }), { hint: t("register.rule") }),
    field(t("register.again"), secret("again", { autocomplete: "new-password", minlength: 12 })),
    h("div", { class: "buttons" }, h("button", { class: "button main", disabled: state.busy }, t("password.change"))));
}

/** Every other session ends; this one goes on with the new cookie of the answer. */
async function change(state, { update }) {
  state.busy = true;
  update();
  const { current_password, new_password } = state.values;
  try {
    await api.post("/auth/password", { current_password, new_password });
    await session.renew();
    state.values = {};
    toast(t("password.done"));
  } catch (error) {
    if (!error.sentence) throw error;
    state.wrong = error.code === "invalid_credentials" ? t("password.wrong") : error.sentence;
  } finally {
    state.busy = false;
  }
}
