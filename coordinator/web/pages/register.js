// Make an account, and be logged in with it.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import * as session from "../session.js";
import { field, notice, once, toast } from "../ui.js";

const LEAST_BYTES = 12;

export function open({ update }) {
  const state = { errors: {}, busy: false };
  const submit = async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.target));
    state.errors = wrong(given);
    if (!Object.keys(state.errors).length) await made(given, state, update);
    update();
  };
  return { title: () => t("register.title"), render: () => view(state, submit) };
}

function wrong({ password, again }) {
  if (new TextEncoder().encode(password).length < LEAST_BYTES) return { password: t("register.short") };
  return password === again ? {} : { again: t("register.differ") };
}

async function made({ username, password, email }, state, update) {
  state.busy = true;
  update();
  try {
    await session.register(username, password, email);
    await session.logIn(username, password);
    toast(t("register.welcome", { name: username }));
    go("/", { replace: true });
  } catch (error) {
    if (!error.sentence) throw error;
    state.errors = placed(error);
  } finally {
    state.busy = false;
  }
}

/** Beside the field that it is about. */
function placed(error) {
  const pointers = (error.errors || []).map((one) => one.pointer);
  if (error.code === "username_taken") return { username: error.sentence };
  if (pointers.includes("/username")) return { username: t("register.name_rule") };
  if (pointers.includes("/email")) return { email: t("register.email_rule") };
  return { form: error.sentence };
}

function view({ errors, busy }, submit) {
  const name = h("input", { name: "username", autocomplete: "username", required: true, maxlength: 64, autocapitalize: "none" });
  const mail = h("input", { name: "email", type: "email", autocomplete: "email" });
  const password = h("input", { name: "password", type: "password", autocomplete: "new-password", required: true });
  const again = h("input", { name: "again", type: "password", autocomplete: "new-password", required: true });
  return h("section", { class: "door" },
    h("h1", { tabindex: "-1" }, t("register.title")),
    h("form", { onsubmit: once(submit) },
      errors.form && notice(errors.form),
      field(t("username"), name, { hint: t("register.name_hint"), error: errors.username }),
      field(t("register.email"), mail, { error: errors.email }),
      field(t("password"), password, { hint: t("register.rule"), error: errors.password }),
      field(t("register.again"), again, { error: errors.again }),
      h("button", { class: "button main wide", disabled: busy }, t("register.do"))),
    h("p", { class: "beside" }, t("register.have"), " ", h("a", { href: "/login" }, t("login.title"))));
}
