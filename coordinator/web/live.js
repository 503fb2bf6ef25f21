// What changes, as it changes: a socket with replay, polling where the socket cannot be had, and word when neither works.

import * as session from "./session.js";

const PING_S = 20;
const POLL_MS = 3000;
const LONGEST_PAUSE_MS = 15000;
const handlers = new Map();
const watchers = new Set();
let socket = null;
let seq = null;
let failures = 0;
let heardAt = 0;
let timers = { again: 0, poll: 0, deaf: 0 };
let state = "off";

/** off, connecting, live, polling, stale. */
export const status = () => state;

/** Call `handler(object, event)` for every change of a type: "task", "interface", "upload"; and for "resync", when
 *  lists have to be read again. Ends with `signal`. */
export function on(type, handler, signal) {
  if (!handlers.has(type)) handlers.set(type, new Set());
  handlers.get(type).add(handler);
  signal?.addEventListener("abort", () => handlers.get(type).delete(handler));
}

/** Call `watcher(status)` when the status changes. */
export const watch = (watcher) => watchers.add(watcher);

function become(next) {
  if (state === next) return;
  state = next;
  for (const watcher of watchers) watcher(next);
}

const tell = (type, ...rest) => handlers.get(type)?.forEach((handler) => handler(...rest));

/** Begin, once somebody is logged in. */
export function start() {
  if (state !== "off") return;
  become("connecting");
  addEventListener("online", now);
  addEventListener("offline", lost);
  connect();
}

export function stop() {
  become("off");
  removeEventListener("online", now);
  removeEventListener("offline", lost);
  for (const timer of Object.values(timers)) clearTimeout(timer);
  seq = null;
  failures = 0;
  close();
}

function close() {
  const old = socket;
  socket = null;
  old?.close();
}

function now() {
  failures = 0;
  connect();
}

function connect() {
  clearTimeout(timers.again);
  close();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}/api/v1/ws`);
  socket = mine;
  const of_mine = (act) => (event) => mine === socket && act(event);
  mine.onopen = of_mine(() => {
    mine.send(JSON.stringify({ type: "auth", ...(seq === null ? {} : { since: seq }) }));
    listenFor(mine);
  });
  mine.onmessage = of_mine((event) => heard(JSON.parse(event.data)));
  mine.onclose = of_mine((event) => (event.code === 4401 ? refused() : lost()));
}

function refused() {
  stop();
  session.check();
}

/** A server that says nothing for longer than its ping is not there, whatever the socket thinks. */
function listenFor(mine) {
  heardAt = performance.now();
  clearInterval(timers.deaf);
  timers.deaf = setInterval(() => {
    if (mine === socket && performance.now() - heardAt > (PING_S + 10) * 1000) lost();
  }, 5000);
}

function heard(message) {
  heardAt = performance.now();
  if (message.type === "hello") welcome(message);
  else if (message.type === "resync") tell("resync");
  else if (message.object) {
    seq = Math.max(seq ?? 0, message.seq);
    tell(message.type, message.object, message);
  }
}

function welcome(message) {
  const returned = state === "polling" || state === "stale";
  failures = 0;
  clearTimeout(timers.poll);
  timers.poll = 0;
  seq = Math.max(seq ?? 0, message.seq);
  become("live");
  if (returned) tell("resync");
}

function lost() {
  if (state === "off") return;
  close();
  clearInterval(timers.deaf);
  failures += 1;
  const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures) * (0.7 + 0.6 * Math.random());
  clearTimeout(timers.again);
  timers.again = setTimeout(connect, pause);
  if (!timers.poll) timers.poll = setTimeout(poll, failures > 1 ? 0 : POLL_MS / 2);
}

/** Without a socket the lists are read again and again; when that fails, too, what is shown is old and says so. */
async function poll() {
  try {
    const answer = await fetch("/api/v1/health", { cache: "no-store" });
    become(answer.ok ? "polling" : "stale");
    if (answer.ok) tell("resync");
  } catch {
    become("stale");
  }
  if (state === "polling" || state === "stale") timers.poll = setTimeout(poll, POLL_MS);
}
