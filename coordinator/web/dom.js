// Elements from a description, and a tree that is brought up to date in place, so that focus and playing videos stay.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "circle", "rect", "line", "polyline", "g", "text", "title-svg"]);
const AS_PROPERTY = new Set(["value", "checked", "disabled", "hidden", "muted", "selected", "indeterminate", "open"]);
const HANDLERS = Symbol("handlers");

/** h("button", {class: "main", onclick: go}, "Text", child, [children], null, false) -> Element.
 *  `style` is an object of CSS properties; `key` names the element among its siblings; `then` is called with the
 *  element after it was made (only the first time that it is shown). */
export function h(tag, props, ...children) {
  const element = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  const { value, ...rest } = props || {};
  element[HANDLERS] = { given: new Set(Object.keys(props || {})) };
  for (const [name, one] of Object.entries(rest)) set(element, name, one);
  if (value !== undefined) set(element, "value", value); // last: a slider cuts it to the bounds that it has by then
  append(element, children);
  return element;
}

function set(element, name, value) {
  if (name === "key") element.dataset.key = value;
  else if (name === "then") element[HANDLERS].then = value;
  else if (name.startsWith("on")) element[HANDLERS][name] = element[name] = value;
  else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
  else if (AS_PROPERTY.has(name)) setProperty(element, name, value);
  else if (value === true) element.setAttribute(name, "");
  else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
}

function setProperty(element, name, value) {
  if (name === "value" && element.tagName === "SELECT") element[HANDLERS].value = value;
  else element[name] = name === "value" ? (value ?? "") : Boolean(value);
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === true) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  if (element[HANDLERS].value !== undefined) element.value = element[HANDLERS].value;
}

/** Make `place` hold what `children` says, touching only what differs. */
export function show(place, children) {
  const wanted = document.createElement("div");
  append(Object.assign(wanted, { [HANDLERS]: {} }), [children]);
  patchChildren(place, [...wanted.childNodes]);
}

function patchChildren(place, wanted) {
  const keyed = new Map();
  for (const child of place.children) if (child.dataset?.key) keyed.set(child.dataset.key, child);
  let current = place.firstChild;
  for (const next of wanted) {
    const key = next.dataset?.key;
    const old = key ? keyed.get(key) : current && !current.dataset?.key ? current : null;
    if (old && alike(old, next)) {
      if (old === current) current = current.nextSibling;
      else place.insertBefore(old, current);
      patch(old, next);
    } else {
      place.insertBefore(next, current);
      started(next);
    }
  }
  while (current) {
    const gone = current;
    current = current.nextSibling;
    gone.remove();
  }
}

function started(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return;
  for (const child of [node, ...node.querySelectorAll("*")]) child[HANDLERS]?.then?.(child);
}

const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.dataset?.key === b.dataset?.key;

function patch(old, next) {
  if (old === next) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  patchAttributes(old, next);
  patchHandlers(old, next);
  if (!next.hasAttribute("data-own")) patchChildren(old, [...next.childNodes]);
  patchFields(old, next);
}

function patchAttributes(old, next) {
  for (const { name, value } of next.attributes) {
    if (name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (name !== "style" && name !== "open" && !next.hasAttribute(name)) old.removeAttribute(name);
  }
  if (old.style && old.style.cssText !== next.style.cssText) old.style.cssText = next.style.cssText;
}

function patchHandlers(old, next) {
  const before = old[HANDLERS] || {};
  const after = next[HANDLERS] || {};
  for (const name of Object.keys(before)) if (name.startsWith("on") && !(name in after)) old[name] = null;
  for (const [name, value] of Object.entries(after)) if (name.startsWith("on")) old[name] = value;
  old[HANDLERS] = after;
}

function patchFields(old, next) {
  // what the page does not say belongs to who types or ticks it
  const given = next[HANDLERS]?.given || new Set();
  if ("disabled" in next && old.disabled !== next.disabled) old.disabled = next.disabled;
  for (const name of ["checked", "muted", "indeterminate"]) {
    if (given.has(name) && old[name] !== next[name]) old[name] = next[name];
  }
  // a page that does not hear every stroke knows an older value than who is typing
  const typing = !given.has("oninput") && old === document.activeElement && (old.tagName === "INPUT" || old.tagName === "TEXTAREA");
  if (given.has("value") && !typing && old.type !== "file" && old.value !== next.value) old.value = next.value;
}

/** A drawing that is asked for often and made at most once a frame; null leaves all as it is. Returns `update`. */
export function drawing(place, render) {
  let due = false;
  const draw = () => {
    due = false;
    const children = place.isConnected ? render() : null;
    if (children) show(place, children);
  };
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(draw);
  };
}
