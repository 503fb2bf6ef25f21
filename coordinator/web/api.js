// The public API and nothing more: JSON in, JSON out, problems as errors with words.

import { knows, locale, t } from "./i18n.js";
import * as format from "./format.js";

const BASE = "/api/v1";
const listeners = new Set();
let credentials = () => ({});

/** How requests prove who asks: a function that returns headers for a method. */
export const authenticateWith = (headers) => (credentials = headers);
/** Called when a request is refused because the session has ended. */
export const onSessionEnd = (listener) => listeners.add(listener);

/** A refusal. `code` is stable; `sentence` is for people, in their language. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.title || `HTTP ${status}`);
    this.status = status;
    this.code = body.code || "unknown";
    this.params = body.params || {};
    this.errors = body.errors || [];
    this.body = body;
  }

  get sentence() {
    return sentenceOf(this.body, this.status);
  }
}

/** Nobody answered. */
export class Unreachable extends Error {
  get sentence() {
    return t("problem.unreachable");
  }
}

/** What to say about a problem or a task's error {code, detail, params, title?}. */
export function sentenceOf(body, status = 0) {
  const key = `problem.${body.code}`;
  if (knows(key)) return t(key, readable(body.params || {}));
  return body.title || t("problem.unknown", { code: body.code || status });
}

function readable(params) {
  const entries = Object.entries(params).map(([name, value]) => [name, word(name, value)]);
  return Object.fromEntries(entries);
}

function word(name, value) {
  if (typeof value !== "number") return value;
  if (/bytes|size|limit|free|used|quota/.test(name) && value > 9999) return format.bytes(value);
  if (/_s$/.test(name)) return format.duration(value);
  return format.number(value);
}

/** Headers of a request of ours. */
export function headersFor(method, more = {}) {
  return { "Accept-Language": locale(), ...credentials(method), ...more };
}

/** `call("PUT", "/tasks/1/pause")` -> the parsed answer, null for 204. Throws Problem or Unreachable. */
export async function call(method, path, body, { signal, headers = {}, raw = false } = {}) {
  const request = { method, signal, headers: headersFor(method, headers), credentials: "same-origin" };
  if (body instanceof FormData || body instanceof Blob) request.body = body;
  else if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers["Content-Type"] = "application/json";
  }
  const answer = await reach(BASE + path, request);
  if (!answer.ok) throw await refused(answer);
  if (raw) return answer;
  return answer.status === 204 ? null : parsed(answer);
}

async function reach(url, request) {
  try {
    return await fetch(url, request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable();
  }
}

/** An answer that breaks off, or is another's than the server's, is none. */
async function parsed(answer) {
  try {
    return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable();
  }
}

async function refused(answer) {
  const problem = new Problem(answer.status, await parsed(answer).catch(nothing));
  report(problem);
  return problem;
}

/** The answer to HEAD has no body, and a proxy's page says nothing that we could read. */
function nothing(error) {
  if (!(error instanceof Unreachable)) throw error;
  return {};
}

/** Tell the shell when a refusal means that the session is over. */
export function report(problem) {
  const over = problem.status === 401 && problem.code !== "invalid_credentials";
  if (over) for (const listener of listeners) listener(problem);
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body, options) => call("POST", path, body, options);
export const put = (path, body, options) => call("PUT", path, body, options);
export const patch = (path, body, options) => call("PATCH", path, body, options);
export const remove = (path, options) => call("DELETE", path, undefined, options);

/** A path with a query, added to the one that it has; empty values are left out, arrays are repeated. */
export function query(path, values) {
  const [bare, had] = path.split("?");
  const search = new URLSearchParams(had);
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") search.append(name, one);
    }
  }
  return search.size ? `${bare}?${search}` : bare;
}

/** The first `number` items of a list, page by page: {items, next}. */
export async function first(path, number, signal) {
  const items = [];
  let next = null;
  do {
    const page = await get(query(path, { limit: Math.min(200, number - items.length), cursor: next }), { signal });
    items.push(...page.items);
    next = page.next;
  } while (next && items.length < number);
  return { items, next };
}

/** Every item of a list, at most `most`. */
export const all = async (path, { most = 1000, signal } = {}) => (await first(path, most, signal)).items;

/** A signed link on this host, whatever name the server knows itself by. */
export function local(url, more = {}) {
  if (!url) return null;
  const whole = new URL(url, location.href);
  for (const [name, value] of Object.entries(more)) whole.searchParams.set(name, value);
  return whole.pathname + whole.search;
}
