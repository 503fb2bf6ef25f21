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
  { path: "/account", module: () => import("./account/account.js"), words: ["tasks", "account"] },
  { path: "/account/keys", module: () => import("./account/keys.js"), words: ["account"] },
  { path: "/account/webhooks", module: () => import("./account/webhooks.js"), words: ["account"] },
  { path: "/admin", module: () => import("./admin/nodes.js"), words: ["tasks", "admin"], nav: "admin", admin: true },
  { path: "/admin/nodes/:id", module: () => import("./admin/node.js"), words: ["tasks", "account", "admin"], under: "admin", admin: true },
  { path: "/admin/queue", module: () => import("./admin/queue.js"), words: ["tasks", "task", "admin"], under: "admin", admin: true },
  { path: "/admin/activity", module: () => import("./admin/activity.js"), words: ["admin"], under: "admin", admin: true },
  { path: "/admin/failures", module: () => import("./admin/failures.js"), words: ["tasks", "admin"], under: "admin", admin: true },
  { path: "/admin/users", module: () => import("./admin/users.js"), words: ["account", "admin"], under: "admin", admin: true },
  { path: "/admin/users/:id", module: () => import("./admin/user.js"), words: ["tasks", "account", "admin"], under: "admin", admin: true },
  { path: "/admin/audit", module: () => import("./admin/audit.js"), words: ["account", "admin"], under: "admin", admin: true },
];
