// Addresses: which route one belongs to, and going there without loading the document again.

/** The route and its parameters for a path, or null. */
export function match(routes, path) {
  const parts = path.replace(/\/+$/, "").split("/");
  for (const route of routes) {
    const wanted = route.path.replace(/\/+$/, "").split("/");
    if (wanted.length !== parts.length) continue;
    const params = {};
    const fits = wanted.every((want, at) => {
      if (!want.startsWith(":")) return want === parts[at];
      params[want.slice(1)] = decode(parts[at]);
      return parts[at] !== "";
    });
    if (fits) return { route, params };
  }
  return null;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

let arrive = () => {};

/** `listener` is called with every new address, once at the start. */
export function start(listener) {
  arrive = listener;
  addEventListener("popstate", () => arrive(location));
  document.addEventListener("click", followed);
  return arrive(location);
}

/** Go to an address of ours. `replace` leaves no trace of the one before. */
export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  return arrive(location);
}

/** Write values into the query of this address without going anywhere; null removes one. */
export function remember(values) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  history.replaceState(null, "", url);
}

/** Links within the pages are followed here; everything else is the browser's. */
function followed(event) {
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const link = event.target.closest?.("a[href]");
  if (!plain || event.defaultPrevented || !link || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || link.dataset.outside !== undefined) return;
  event.preventDefault();
  if (url.pathname === location.pathname && url.search === location.search && url.hash) {
    document.querySelector(url.hash)?.focus();
    return;
  }
  go(url.pathname + url.search);
}
