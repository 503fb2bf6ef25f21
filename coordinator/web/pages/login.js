// Log in.

import { Problem } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import * as session from "../session.js";
import { field, notice, once } from "../ui.js";

export function open({ query, update }) {
  const next = query.get("next") || "/";
  const state = { error: null, busy: false };
  const submit = async (event) => {
    event.preventDefault();
    const { username, password } = Object.fromEntries(new FormData(event.target));
    Object.assign(state, { error: null, busy: true });
    update();
    try {
      await session.logIn(username, password);
      go(next.startsWith("/") && !next.startsWith("//") ? next : "/", { replace: true });
    } catch (error) {
      if (!error.sentence) throw error;
      state.error = error instanceof Problem && error.code === "invalid_credentials" ? t("login.wrong") : error.sentence;
    } finally {
      state.busy = false;
      update();
    }
  };
  return { title: () => t("login.title"), render: () => view(state, submit) };
}

function view(state, submit) {
  const name = h("input", { name: "username", autocomplete: "username", required: true, maxlength: 256, autocapitalize: "none" });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  return h("section", { class: "door" },
    h("h1", { tabindex: "-1" }, t("login.title")),
    h("p", { class: "lead" }, t("login.lead")),
    h("form", { onsubmit: once(submit) },
      state.error && notice(state.error),
      field(t("username"), name),
      field(t("password"), password),
      h("button", { class: "button main wide", disabled: state.busy }, t("login.do"))),
    h("p", { class: "beside" }, t("login.no_account"), " ", h("a", { href: "/register" }, t("register.title"))));
}
