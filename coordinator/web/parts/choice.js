// What was chosen for a task: as the wizard holds it, as the API wants it, as this browser keeps it.

const KEPT = "segfleet.choice.";

export const emptyChoice = () => ({
  background: { kind: "color", id: null, color: "#2f6f5e", colors: ["#4453d6", "#f2b8a0"], angle: 180, strength: 0.5, fit: "cover", loop: true },
  model: null,
  outputs: ["composite"],
  priority: 0,
  options: { quality: "standard", codec: "h264", refine_edges: false, fill_holes: false, smooth: false },
});

/** A draft's choice: what the task says, or what was chosen here and not yet sent. */
export function choiceOf(task, keptChoice) {
  if (keptChoice) return keptChoice;
  const choice = emptyChoice();
  if (task.background) Object.assign(choice.background, fromApi(task.background));
  if (task.model) choice.model = task.model;
  choice.priority = task.priority;
  choice.outputs = task.outputs;
  Object.assign(choice.options, known(choice.options, task.options));
  return choice;
}

const fromApi = (background) => (["image", "video"].includes(background.kind) ? { ...background, kind: "media" } : background);
const known = (mine, theirs) => Object.fromEntries(Object.keys(mine).filter((name) => name in theirs).map((name) => [name, theirs[name]]));

export function keep(name, choice) {
  if (choice) localStorage.setItem(KEPT + name, JSON.stringify(choice));
  else localStorage.removeItem(KEPT + name);
}

export function kept(name) {
  try {
    return JSON.parse(localStorage.getItem(KEPT + name));
  } catch {
    return null;
  }
}

/** The body of `POST tasks` without its video; what was not chosen is left to the server. */
export function request({ background, model, outputs, priority, options }, backgrounds) {
  return { background: wish(background, backgrounds), outputs, priority, options, ...(model ? { model } : {}) };
}

export function wish(background, backgrounds) {
  const { kind, id, color, colors, angle, strength, fit, loop } = background;
  if (kind === "media") return { kind: backgrounds.find((one) => one.id === id)?.duration ? "video" : "image", id, fit, loop };
  return { kind, ...{ color: { color }, gradient: { colors, angle }, blur: { strength }, transparent: {} }[kind] };
}
