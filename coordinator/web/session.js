// Who is logged in. The session is a cookie that no script reads; what changes anything carries a token beside it.

import * as api from "./api.js";

const KEPT = "segfleet.session";
const SAFE = new Set(["GET", "HEAD"]);
let csrf = null;
let account = null;
const listeners = new Set();

api.authenticateWith((method) => (csrf && !SAFE.has(method) ? { "X-CSRF-Token": csrf } : {}));

/** The account {id, username, role, ...}, or null. */
export const current = () => account;
export const isAdmin = () => account?.role === "admin";
/** Called with the account, or null, whenever it changes. */
export const onChange = (listener) => listeners.add(listener);

function become(found) {
  account = found;
  if (found) localStorage.setItem(KEPT, "1");
  else localStorage.removeItem(KEPT);
  for (const listener of listeners) listener(found);
}

async function read(answer) {
  csrf = answer.csrf_token;
  become(answer.user || (await api.get("/auth/me")));
}

/** Find out who this browser is; one that never logged in need not ask. A server that cannot say it now says nothing else. */
export async function start() {
  if (!localStorage.getItem(KEPT)) return;
  try {
    await read(await api.get("/auth/session"));
  } catch (error) {
    if (![401, 403].includes(error.status)) throw error;
    become(null);
  }
}

export const logIn = async (username, password) => read(await api.post("/auth/session", { username, password }));

export const register = (username, password, email) =>
  api.post("/auth/register", { username, password, ...(email ? { email } : {}) });

/** After a change of the password: the session goes on with what the server says now. */
export const renew = async () => read(await api.get("/auth/session"));

export async function logOut() {
  try {
    await api.remove("/auth/session");
  } finally {
    forget();
  }
}

/** The session is over, whoever ended it. */
export function forget() {
  csrf = null;
  become(null);
}

/** Ask whether the session still holds; a refusal is told to everybody by `api`. */
export async function check() {
  try {
    await api.get("/auth/me");
  } catch {
    // api has told who listens
  }
}
