// Words in Chinese and English: words/LANGUAGE/AREA.json, loaded when a page of that area is opened.

const KEPT = "segfleet.language";
const LANGUAGES = { zh: "zh-CN", en: "en" };
const words = {};
const areas = new Set();
let chosen = "en";

/** The browser's languages in order; the first that we speak, otherwise English. */
function preferred() {
  const kept = localStorage.getItem(KEPT);
  if (kept in LANGUAGES) return kept;
  const found = navigator.languages.map((tag) => tag.split("-")[0]).find((tag) => tag in LANGUAGES);
  return found || "en";
}

export const language = () => chosen;
/** The tag for Intl and Accept-Language. */
export const locale = () => LANGUAGES[chosen];

/** Load the words of areas; each once. */
export async function use(...names) {
  const missing = names.filter((name) => !areas.has(name));
  await Promise.all(missing.map(load));
}

async function load(name) {
  const answer = await fetch(new URL(`./words/${chosen}/${name}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`words of ${name}: ${answer.status}`);
  Object.assign(words, await answer.json());
  areas.add(name);
}

/** Choose the language and load the words of the shell, and of the areas that come first. */
export async function start(first = []) {
  chosen = preferred();
  document.documentElement.lang = locale();
  await use("shell", "problems", ...first);
}

/** Change the language and load every area again. */
export async function speak(name) {
  if (!(name in LANGUAGES)) return;
  chosen = name;
  localStorage.setItem(KEPT, name);
  document.documentElement.lang = locale();
  const again = [...areas];
  areas.clear();
  await use(...again);
}

/** The words of a key, with {name} filled in; the key itself where there are none, which a test would have found. */
export function t(key, params = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => params[name] ?? whole);
}

/** Whether there are words for a key: for codes that a newer server may bring. */
export const knows = (key) => key in words;
