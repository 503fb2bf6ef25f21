// What changes, as it changes: a socket with replay, polling where the socket cannot be had, and word when neither works.

import * as session from "./session.js";

const DEAF_MS = 30_000;
const CONNECT_MS = 8000;
const LOOK_MS = 1000;
const POLL_MS = 3000;
const ANSWER_MS = 5000;
const LONGEST_PAUSE_MS = 15_000;
const OVER = new Set([4401, 4403]);
const handlers = new Map();
const watchers = new Set();
const wishes = new Set([["tasks"]]);
const timers = { again: 0, poll: 0, deaf: 0 };
let socket = null;
let seq = null;
let failures = 0;
let heardAt = 0;
let state = "off";

/** off, connecting, live, polling, stale. */
export const status = () => state;

/** Call `handler(object, event)` for every change of a type: "task", and "interface" or "queue" for who asked by `want`;
 *  and for "resync", when lists have to be read again. Ends with `signal`. */
export function on(type, handler, signal) {
  if (!handlers.has(type)) handlers.set(type, new Set());
  handlers.get(type).add(handler);
  signal?.addEventListener("abort", () => handlers.get(type).delete(handler));
}

/** Be told more than one's own tasks, until `signal`: all_tasks, interfaces, queue, for administrators. */
export function want(topics, signal) {
  wishes.add(topics);
  subscribe();
  signal.addEventListener("abort", () => {
    wishes.delete(topics);
    subscribe();
  });
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
  clearTimeout(timers.again);
  clearTimeout(timers.poll);
  clearInterval(timers.deaf);
  Object.assign(timers, { again: 0, poll: 0, deaf: 0 });
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
  listen();
  const ifMine = (act) => (event) => mine === socket && act(event);
  mine.onopen = ifMine(() => {
    mine.send(JSON.stringify({ type: "auth", ...wish() }));
  });
  mine.onmessage = ifMine((event) => heard(JSON.parse(event.data)));
  mine.onclose = ifMine((event) => (OVER.has(event.code) ? refused() : lost()));
}

const wish = () => ({ topics: [...new Set([...wishes].flat())], ...(seq === null ? {} : { since: seq }) });

/** A socket that is not open yet, or no more, says what is wished when it opens. */
function subscribe() {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "subscribe", ...wish() }));
}

/** A session has ended. It may be the one of before a change of the own password: then the socket of the new one comes. */
function refused() {
  lost();
  session.check();
}

/** A server that says nothing for longer than its ping, or no hello, is not there, whatever the socket thinks. */
function listen() {
  heardAt = performance.now();
  clearInterval(timers.deaf);
  timers.deaf = setInterval(() => {
    if (performance.now() - heardAt > (state === "live" ? DEAF_MS : CONNECT_MS)) lost();
  }, LOOK_MS);
}

function heard(message) {
  heardAt = performance.now();
  const first = seq === null;
  seq = Math.max(seq ?? 0, message.seq ?? 0);
  if (message.type === "hello") welcome(first);
  else if (message.type === "ping") socket.send(JSON.stringify({ type: "pong" }));
  else if (message.type === "resync") welcome(true);
  else if (message.object) tell(message.type, message.object, message);
}

/** What happened while there was no socket is told again by number; before the first hello there is no number, so that
 *  what was read until then is read again. Polling may have begun meanwhile and ends. */
function welcome(missed) {
  failures = 0;
  clearTimeout(timers.poll);
  timers.poll = 0;
  become("live");
  if (missed) tell("resync");
}

function lost() {
  if (state === "off") return;
  if (state === "live") become("connecting");
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
  let answers = false;
  try {
    answers = (await fetch("/api/v1/health", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) })).ok;
  } catch {
    // nobody answers: that is what was asked
  }
  if (!timers.poll) return;
  become(answers ? "polling" : "stale");
  if (answers) tell("resync");
  timers.poll = setTimeout(poll, POLL_MS);
}
