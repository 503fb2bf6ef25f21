// The start: languages, session, then a page for every address.

import { Unreachable, onSessionEnd } from "./api.js";
import { drawing, show } from "./dom.js";
import * as i18n from "./i18n.js";
import * as live from "./live.js";
import * as router from "./router.js";
import { ROUTES } from "./routes.js";
import * as session from "./session.js";
import * as shell from "./shell.js";
import { button, heading, loading, notice, toast } from "./ui.js";
import * as notFound from "./pages/not_found.js";

const app = document.getElementById("app");
let leaving = new AbortController();
let arrived = 0;

/** Words, session and the module of the first page are fetched side by side. */
async function start() {
  const first = router.match(ROUTES, location.pathname)?.route;
  first?.module().catch(() => {}); // asked for again, and told, when the page is opened
  await Promise.all([i18n.start(first?.words), session.start()]);
  onSessionEnd(() => session.current() && ended());
  session.onChange((account) => (account ? live.start() : live.stop()));
  live.watch(shell.update);
  if (session.current()) live.start();
  await router.start(arrive);
}

function ended() {
  session.forget();
  toast(i18n.t("session.ended"), "bad");
  toLogin();
}

const toLogin = () => router.go(`/login?next=${encodeURIComponent(location.pathname + location.search)}`, { replace: true });

/** Show the page of an address. Whatever the page before it was doing ends. */
async function arrive() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const found = router.match(ROUTES, location.pathname);
  if (found && !found.route.open && !session.current()) return toLogin();
  if (found?.route.open && session.current()) return router.go("/", { replace: true });
  const barred = found?.route.admin && !session.isAdmin();
  const page = await opened(barred ? null : found, signal).catch(failed);
  if (!signal.aborted) present(page, found, signal);
}

async function opened(found, signal) {
  const waiting = setTimeout(() => signal.aborted || show(shell.place(found?.route), loading()), 300);
  try {
    const page = await fetched(found?.route);
    const context = { params: found?.params || {}, query: new URLSearchParams(location.search), signal };
    context.update = () => context.draw?.();
    return { context, ...(await page.open(context)) };
  } finally {
    clearTimeout(waiting);
  }
}

/** The module of a page, when its words are there, too. */
async function fetched(route) {
  if (!route) return notFound;
  try {
    const [page] = await Promise.all([route.module(), i18n.use(...(route.words || []))]);
    return page;
  } catch (error) {
    if (error instanceof SyntaxError) throw error;
    throw Object.assign(new Unreachable(), { cause: error, for_good: true }); // a browser keeps that a module is not there
  }
}

/** A page that could not be opened says why, and can be tried again. */
function failed(error) {
  if (error.name !== "AbortError" && !error.sentence) throw error;
  const retry = error.for_good ? () => location.reload() : arrive;
  const again = () => button(i18n.t("again"), retry, { kind: "main", image: "retry" });
  const render = () => [heading(i18n.t("failed.title")), notice(error.sentence || ""), again()];
  return { context: { update: () => {} }, title: () => i18n.t("failed.title"), render };
}

function present(page, found, signal) {
  const place = shell.place(found?.route);
  place.replaceChildren();
  page.context.draw = drawing(place, () => (signal.aborted ? null : page.render())); // the place is the next page's by then
  shell.onLanguage(() => {
    title(page);
    page.context.draw();
  });
  show(place, page.render());
  title(page);
  arrived += 1;
  if (arrived === 1) performance.mark("segfleet-ready");
  if (arrived > 1) {
    scrollTo(0, 0);
    place.querySelector("h1")?.focus({ preventScroll: true });
  }
}

function title(page) {
  document.title = `${typeof page.title === "function" ? page.title() : page.title} · Segfleet`;
}

shell.into(app);
start().catch((error) => {
  app.textContent = "服务器没有响应，请稍后刷新。 The server does not answer; please reload in a moment.";
  if (!error.sentence) throw error;
});
