// What surrounds every page: navigation, language, account, and how fresh it all is.

import { h, show } from "./dom.js";
import { language, speak, t } from "./i18n.js";
import * as live from "./live.js";
import { go } from "./router.js";
import { ROUTES } from "./routes.js";
import * as session from "./session.js";
import { attempt, button, icon } from "./ui.js";

let app = null;
let page = null;
let current = null;
let redrawPage = () => {};

/** Where everything is drawn. */
export const into = (element) => (app = element);
/** What to draw again when the language changes. */
export const onLanguage = (redraw) => (redrawPage = redraw);

/** The element for a page's content, with the shell drawn around it. */
export function place(route) {
  current = route;
  update();
  return page;
}

/** Draw the shell again; the page's content is left alone. */
export function update() {
  if (!app || !document.documentElement.lang) return;
  const account = session.current();
  show(app, [skip(), account ? banner(account) : strangers(), freshness(), content(), account && tabs()]);
}

const skip = () => h("a", { class: "skip", href: "#page", onclick: toContent }, t("skip"));

function toContent(event) {
  event.preventDefault();
  page.focus();
}

function content() {
  return h("main", { key: "page", id: "page", tabindex: "-1", "data-own": true, then: (element) => (page = element) });
}

const brand = () => h("a", { class: "brand", href: "/" }, icon("user"), h("span", {}, "Segfleet"));

function banner(account) {
  const links = navigation().map((route) => h("li", {}, navLink(route)));
  const nav = h("nav", { class: "top-nav", "aria-label": t("nav.main") }, h("ul", {}, links));
  return h("header", { key: "banner", class: "banner" }, brand(), nav, h("div", { class: "tools" }, liveness(), languages(), menu(account)));
}

const strangers = () => h("header", { key: "strangers", class: "banner" }, brand(), h("div", { class: "tools" }, languages()));

const navigation = () => ROUTES.filter((route) => route.nav && (!route.admin || session.isAdmin()));

function navLink(route) {
  const here = current && (current.nav || current.under) === route.nav;
  return h("a", { href: route.path, "aria-current": here ? "page" : null }, icon(route.nav), h("span", {}, t(`nav.${route.nav}`)));
}

function tabs() {
  const links = navigation().map((route) => h("li", {}, navLink(route)));
  return h("nav", { key: "tabs", class: "tabs-nav", "aria-label": t("nav.tabs") }, h("ul", {}, links));
}

function languages() {
  const other = language() === "zh" ? "en" : "zh";
  const change = async () => {
    await speak(other);
    update();
    redrawPage();
  };
  const props = { kind: "quiet", image: "language", label: t("language.change"), lang: other };
  return button(t("language.other"), change, props);
}

function menu(account) {
  const entries = [
    h("a", { href: "/account" }, icon("key"), t("nav.account")),
    button(t("logout"), leave, { kind: "quiet", image: "out" }),
  ];
  const name = h("summary", { class: "button quiet", "aria-label": t("nav.account_of", { name: account.username }) }, icon("user"), h("span", {}, account.username));
  return h("details", { class: "menu", onclick: closed }, name, h("div", { class: "menu-body" }, entries));
}

/** A choice closes the menu. */
function closed(event) {
  if (event.target.closest("a, .menu-body button")) event.currentTarget.open = false;
}

async function leave() {
  await attempt(session.logOut);
  go("/login");
}

/** A dot that says whether what is shown is live; in words for those who do not see it. */
function liveness() {
  const status = live.status();
  if (status === "off") return null;
  return h("span", { class: `live ${status}`, title: t(`live.${status}`), role: "status" }, h("span", { class: "unseen" }, t(`live.${status}`)));
}

function freshness() {
  if (live.status() !== "stale") return null;
  return h("p", { key: "stale", class: "stale-note", role: "alert" }, icon("alert"), t("live.stale_banner"));
}

addEventListener("click", (event) => {
  const open = document.querySelector("details.menu[open]");
  if (open && !open.contains(event.target)) open.open = false;
});

addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
