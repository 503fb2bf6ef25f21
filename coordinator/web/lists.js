// Lists that are shown page by page: read again as far as they are shown, and further on demand.

import * as api from "./api.js";
import { attempt } from "./ui.js";

/** What `list` ({items, next}) shows, as it is now, and at least `page` items: {items, next}. Empty when more of it was
 *  asked for meanwhile, which would go again. */
export async function again(list, path, page, signal) {
  const { next } = list;
  const found = await api.first(path, Math.max(page, list.items.length), signal);
  return list.next === next ? found : {};
}

/** The next `page` items behind those that `list` shows, unless it has become another list meanwhile; `key(item)` tells
 *  which are there already. */
export const more = (list, path, page, { signal, update }, key = (item) => item.id) =>
  attempt(async () => {
    const { next } = list;
    const found = await api.get(api.query(path, { limit: page, cursor: next }), { signal });
    if (list.next !== next) return;
    const known = new Set(list.items.map(key));
    list.items = [...list.items, ...found.items.filter((item) => !known.has(key(item)))];
    list.next = found.next;
    update();
  });
