// Every page: its address, the module that shows it, the words that it needs and who may see it.
// `nav` puts it into the navigation, with an icon of ui.js and the words `nav.NAME`.

export const ROUTES = [
  { path: "/login", module: () => import("./pages/login.js"), open: true },
  { path: "/register", module: () => import("./pages/register.js"), open: true },
  { path: "/", module: () => import("./pages/tasks.js"), words: ["tasks"], under: "tasks" },
  { path: "/tasks", module: () => import("./pages/tasks.js"), words: ["tasks"], nav: "tasks" },
  { path: "/tasks/:id", module: () => import("./pages/task.js"), words: ["tasks", "task"], under: "tasks" },
  { path: "/new", module: () => import("./pages/new.js"), words: ["tasks", "library", "new"], under: "tasks" },
  { path: "/new/:id", module: () => import("./pages/new.js"), words: ["tasks", "library", "new"], under: "tasks" },
  { path: "/library", module: () => import("./pages/library.js"), words: ["tasks", "library"], nav: "library" },
  { path: "/library/:kind", module: () => import("./pages/library.js"), words: ["tasks", "library"], under: "library" },
];
