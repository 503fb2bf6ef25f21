// The top of the account's pages.

import { top } from "../admin/parts.js";

const SECTIONS = [
  ["overview", "/account"],
  ["keys", "/account/keys"],
  ["webhooks", "/account/webhooks"],
];

export const accountTop = (current, state, actions) => top("account", SECTIONS, current, state, actions);
