// What an administrator may do to a node: which buttons there are, what is asked first, and what is said afterwards.

import * as api from "../api.js";
import { t } from "../i18n.js";
import { attempt, badge, button, confirm } from "../ui.js";

const TONES = { online: "good", busy: "busy", draining: "wait", pending: "wait", quarantined: "bad", revoked: "bad" };

export const stateBadge = (node) => badge(t(`node.${node.state}`), TONES[node.state] || "off");

const VERBS = {
  approve: { when: (node) => ["pending", "quarantined"].includes(node.admission), image: "check", kind: "main" },
  drain: { when: (node) => node.admission !== "revoked" && !node.draining, image: "pause", asks: true, key: "steer" },
  resume: { when: (node) => node.admission !== "revoked" && node.draining, image: "play", kind: "main", key: "steer" },
  quarantine: { when: (node) => node.admission === "approved", image: "alert", asks: true },
  revoke: { when: (node) => node.admission !== "revoked", image: "trash", kind: "danger", asks: true },
};

/** The buttons for a node; `done(node)` gets it as it is afterwards. */
export function verbs(node, done) {
  const possible = Object.entries(VERBS).filter(([, { when }]) => when(node));
  return possible.map(([verb, { image, kind, asks, key = verb }]) => {
    const act = () => perform(node, verb, asks).then((answer) => answer && done(answer));
    return button(t(`node.${verb}`), act, { image, kind, key, label: t(`node.${verb}_of`, { name: node.name }) });
  });
}

async function perform(node, verb, asks) {
  const question = { action: t(`node.${verb}`), detail: t(`node.${verb}_detail`), danger: verb === "revoke" };
  if (asks && !(await confirm(t(`node.${verb}_ask`, { name: node.name }), question))) return undefined;
  return attempt(() => api.put(`/admin/interfaces/${node.id}/${verb}`), t(`node.${verb}_done`, { name: node.name }));
}
