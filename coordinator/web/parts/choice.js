// What was chosen for a task: as the wizard holds it, as the API wants it, as this browser keeps it.

const KEPT = "segfleet.choice.";

export const emptyChoice = () => ({
  background: { kind: "color", id: null, color: "#2f6f5e", colors: ["#4453d6", "#f2b8a0"], angle: 180, strength: 0.5, fit: "cover", loop: true },
  model: null,
  outputs: ["composite"],
  priority: 0,
  options: { quality: "standard", codec: "h264", refine_edges: false, fill_holes: false, smooth: false },
});

/** What a task says of the choice. */
const said = ({ background, model, outputs, options }) => JSON.stringify([background, model, outputs, options]);

/** A draft's choice: what the task says, or what was chosen here afterwards and not yet sent. */
export function choiceOf(task) {
  const here = kept(task.id);
  if (here && here.after === said(task)) return here.choice;
  const choice = emptyChoice();
  if (task.background) Object.assign(choice.background, fromApi(task.background));
  if (task.model) choice.model = task.model;
  choice.priority = task.priority;
  choice.outputs = task.outputs;
  Object.assign(choice.options, known(choice.options, task.options));
  return choice;
}

const fromApi = (background) => (["image", "video"].includes(background.kind) ? { ...background, kind: "media", medium: background.kind } : background);
const known = (mine, theirs) => Object.fromEntries(Object.keys(mine).filter((name) => name in theirs).map((name) => [name, theirs[name]]));

/** Keep the choice for a task as it is now; without one for several videos. */
export function keep(choice, task = null) {
  localStorage.setItem(nameOf(task?.id), JSON.stringify({ choice, after: task && said(task) }));
}

export const forget = (taskId) => localStorage.removeItem(nameOf(taskId));

export const keptForSeveral = () => kept()?.choice;

const nameOf = (taskId = "several") => KEPT + taskId;

function kept(taskId) {
  try {
    return JSON.parse(localStorage.getItem(nameOf(taskId)));
  } catch {
    return null;
  }
}

/** The body of `POST tasks` without its video; what was not chosen is left to the server. */
export function request({ background, model, outputs, priority, options }, backgrounds) {
  return { background: wish(background, backgrounds), outputs, priority, options, ...(model ? { model } : {}) };
}

export function wish(background, backgrounds) {
  const { kind, id, color, colors, angle, strength, fit, loop, medium } = background;
  const known = backgrounds.find((one) => one.id === id);
  if (kind === "media") return { kind: known ? (known.duration ? "video" : "image") : medium || "image", id, fit, loop };
  return { kind, ...{ color: { color }, gradient: { colors, angle }, blur: { strength }, transparent: {} }[kind] };
}
