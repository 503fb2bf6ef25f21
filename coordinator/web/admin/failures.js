// What went wrong, grouped by its code: tasks that failed for good, and tries of nodes.

import { h } from "../dom.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import { empty, table } from "../ui.js";
import { codeWords, windowPage } from "./parts.js";

const AGAIN_S = 15;

export const open = (context) =>
  windowPage(context, { name: "failures", path: "/admin/failures", again_s: AGAIN_S, state: { tasks: [], attempts: [] }, content });

const content = (state) => [
  h("h2", { class: "over" }, t("failures.tasks")),
  state.tasks.length ? list(state.tasks, "failures.tasks", false) : empty("check", t("failures.no_tasks")),
  h("h2", { class: "over" }, t("failures.attempts")),
  h("p", { class: "soft lead" }, t("failures.attempts_lead")),
  state.attempts.length ? list(state.attempts, "failures.attempts", true) : empty("check", t("failures.no_attempts")),
];

function list(rows, caption, withNodes) {
  const columns = [
    { name: t("failures.code"), cell: (row) => codeWords(row.code) },
    { name: t("failures.number"), class: "number", cell: (row) => format.number(row.number) },
    withNodes && { name: t("failures.of_tasks"), class: "number", cell: (row) => format.number(row.tasks) },
    withNodes && { name: t("failures.nodes"), class: "number", cell: (row) => format.number(row.nodes) },
    { name: t("failures.last"), cell: (row) => h("time", { datetime: row.last_at, title: format.moment(row.last_at) }, format.ago(row.last_at)) },
  ];
  return table(columns.filter(Boolean), rows, { key: (row) => row.code, caption: t(caption) });
}
