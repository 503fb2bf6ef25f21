// Files on their way to the server by tus 1.0, wherever in the pages one goes meanwhile. What was begun is found again by
// a fingerprint of the file, so an upload goes on after the browser was closed.

import * as api from "./api.js";
import { t } from "./i18n.js";
import * as session from "./session.js";
import { refusalOf, sendPiece } from "./pieces.js";

const PIECE = 8 * 1024 * 1024;
const AT_ONCE = 2;
const KEPT = "segfleet.uploads";
const SPEED_WINDOW_MS = 4000;
const LONGEST_PAUSE_MS = 20000;
const listeners = new Set();
const entries = [];
let numbered = 0;

/** All uploads of this page: {key, name, size, kind, state, offset, speed, problem, media}. `state`: queued, sending,
 *  examined, waiting (for the connection), paused, done, refused, given_up. */
export const list = () => entries;

/** Call `listener(entry)` when anything changes. */
export function onChange(listener, signal) {
  listeners.add(listener);
  signal?.addEventListener("abort", () => listeners.delete(listener));
}

function tell(entry, values = {}) {
  Object.assign(entry, values);
  for (const listener of listeners) listener(entry);
}

/** Send files; `kind` is video or background. `begun` is what another visit began and the user chose a file for: the
 *  file of that name and size goes on there, any other begins anew. Answers their entries. */
export function add(files, kind, begun = null) {
  const goesOn = (file) => file.name === begun?.name && file.size === begun?.size;
  const made = [...files].map((file) => ({ ...fresh(file, kind), file, id: goesOn(file) ? begun.id : null }));
  entries.unshift(...made);
  for (const entry of made) tell(entry);
  next();
  return made;
}

function fresh(file, kind) {
  numbered += 1;
  const owner = session.current()?.id;
  return { key: `upload-${numbered}`, owner, name: file.name, size: file.size, kind, state: "queued", offset: 0, speed: null, marks: [], failures: 0 };
}

function next() {
  const busy = entries.filter((entry) => ["sending", "examined"].includes(entry.state)).length;
  const ready = entries.filter((entry) => entry.state === "queued" && !entry.running).reverse();
  for (const entry of ready.slice(0, Math.max(0, AT_ONCE - busy))) send(entry);
}

export function pause(entry) {
  tell(entry, { state: "paused", speed: null });
  entry.abort?.();
  next();
}

export function resume(entry) {
  tell(entry, { state: "queued", failures: 0, problem: null });
  next();
}

/** Give one up; the server forgets what it has of it. */
export async function discard(entry) {
  entry.abort?.();
  entries.splice(entries.indexOf(entry), 1);
  const finished = ["done", "refused"].includes(entry.state);
  tell(entry, { state: "given_up" });
  if (entry.id && !finished) await forget(entry.id);
  drop(entry);
  next();
}

/** Take a finished one out of the list. */
export function dismiss(entry) {
  entries.splice(entries.indexOf(entry), 1);
  tell(entry);
}

export async function forget(id) {
  await api.remove(`/uploads/${id}`).catch(unlessGone);
}

/** What the server has begun and this page does not send now. */
export async function unfinished(signal) {
  const mine = new Set(entries.map((entry) => entry.id));
  return (await api.get("/uploads", { signal })).items.filter((one) => !mine.has(one.id));
}

/** One at a time for each: what was paused and goes on while the server still answers begins when it has answered. */
async function send(entry) {
  tell(entry, { state: "sending", marks: [], running: true });
  try {
    await located(entry);
    while (entry.state === "sending" && !entry.media) await piece(entry);
  } catch (error) {
    failed(entry, error);
  } finally {
    entry.running = false;
    next();
  }
}

/** Where the upload goes, and how much of it is there already. */
async function located(entry) {
  entry.id ||= remembered(entry);
  if (entry.id && (await looked(entry))) return undefined;
  const metadata = { filename: entry.name, kind: entry.kind };
  const said = Object.entries(metadata).map(([name, value]) => `${name} ${base64(value)}`).join(",");
  const headers = { "Tus-Resumable": "1.0.0", "Upload-Length": String(entry.size), "Upload-Metadata": said };
  const answer = await api.call("POST", "/uploads", undefined, { headers, raw: true });
  entry.id = answer.headers.get("Location").split("/").pop();
  if (entry.state === "given_up") return forget(entry.id);
  entry.offset = Number(answer.headers.get("Upload-Offset") || 0);
  return remember(entry);
}

/** Ask for the offset. False: the server knows nothing of it any more. */
async function looked(entry) {
  const answer = await api.call("HEAD", `/uploads/${entry.id}`, undefined, { headers: { "Tus-Resumable": "1.0.0" }, raw: true }).catch(unlessGone);
  if (!answer) {
    drop(entry);
    entry.id = null;
    return false;
  }
  entry.offset = Number(answer.headers.get("Upload-Offset"));
  await arrived(entry, answer.headers.get("Content-Location"));
  return true;
}

function unlessGone(error) {
  if (![404, 410].includes(error.status)) throw error;
}

async function piece(entry) {
  const from = entry.offset;
  const body = entry.file.slice(from, Math.min(from + PIECE, entry.size));
  const moved = (sent) => {
    if (entry.state !== "sending") return;
    entry.offset = from + sent;
    measure(entry);
    if (entry.offset >= entry.size) tell(entry, { state: "examined", speed: null });
    else tell(entry);
  };
  const answer = await sendPiece(`/api/v1/uploads/${entry.id}`, from, body, { moved, onStart: (abort) => (entry.abort = abort) });
  if (!["sending", "examined"].includes(entry.state)) return;
  tell(entry, { state: "sending", offset: answer.offset, failures: 0 });
  await arrived(entry, answer.location);
}

/** When the last byte was examined the server says what the file became. */
async function arrived(entry, location) {
  if (!location) return;
  const media = await api.get(new URL(location, window.location.href).pathname.replace("/api/v1", ""));
  drop(entry);
  tell(entry, { media, state: "done", offset: entry.size, speed: null });
}

/** Bytes a second over the last seconds. */
function measure(entry) {
  const now = performance.now();
  entry.marks.push([now, entry.offset]);
  while (entry.marks.length > 2 && now - entry.marks[0][0] > SPEED_WINDOW_MS) entry.marks.shift();
  const [since, before] = entry.marks[0];
  if (now - since > 400) entry.speed = (1000 * (entry.offset - before)) / (now - since);
}

/** A refusal ends it, in words; anything else is tried again for as long as it takes. */
function failed(entry, error) {
  if (error.name === "AbortError" || ["paused", "given_up"].includes(entry.state)) return;
  const refusal = refusalOf(error);
  if (refusal) {
    drop(entry);
    tell(entry, { state: "refused", problem: error.sentence, speed: null });
    return;
  }
  entry.failures += 1;
  tell(entry, { state: "waiting", speed: null, problem: error.sentence || t("problem.unknown", { code: error.message }) });
  setTimeout(() => again(entry), Math.min(LONGEST_PAUSE_MS, 500 * 2 ** entry.failures));
}

function again(entry) {
  if (entry.state !== "waiting" || !entries.includes(entry) || !session.current()) return;
  tell(entry, { state: "queued", problem: null });
  next();
}

addEventListener("online", () => entries.forEach(again));
addEventListener("beforeunload", (event) => {
  if (entries.some((entry) => ["sending", "queued", "waiting"].includes(entry.state))) event.preventDefault();
});

/** Who logs out and in again finds the own uploads paused; somebody else finds none of them. */
session.onChange((account) => {
  if (!account) for (const entry of [...entries]) if (!["done", "refused"].includes(entry.state)) pause(entry);
  if (account) entries.splice(0, entries.length, ...entries.filter((entry) => entry.owner === account.id));
});

// --- what is remembered between visits: fingerprint -> id

const fingerprint = ({ file, kind }) => [session.current()?.id, kind, file.name, file.size, file.lastModified].join("|");

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) || {};
  } catch {
    return {};
  }
}

const remembered = (entry) => kept()[fingerprint(entry)];
const remember = (entry) => localStorage.setItem(KEPT, JSON.stringify({ ...kept(), [fingerprint(entry)]: entry.id }));

function drop(entry) {
  const rest = Object.entries(kept()).filter(([, id]) => id !== entry.id);
  localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(rest)));
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
