// What the viewers share: elements, numbers, colours, canvases, the pointer and the keys, legends, and what is fetched.

// -- elements --------------------------------------------------------------------------------------------------------

/** Make an element: el("button", { class: "x", onclick: act }, child, ...). What is null is left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export const button = (content, title, onclick, attributes = {}) => el("button", { type: "button", title, onclick, ...attributes }, content);

export const group = (className, label, ...children) => el("div", { class: className, role: "group", "aria-label": label }, ...children);

export const press = (node, pressed) => node.setAttribute("aria-pressed", String(pressed));

export const spans = (words) => words.map((word) => el("span", {}, word));

export const placeAt = (node, x, y) => Object.assign(node.style, { left: `${x}px`, top: `${y}px` });

/** As high as asked, but no higher than the window leaves room for below what stands above: its legend stays in sight. */
export function fitHeight(root, height, least, above) {
  root.style.height = `min(${height}px, max(${least}px, 100vh - ${above}px))`;
}

export const styleOf = (node, name, fallback) => getComputedStyle(node).getPropertyValue(name).trim() || fallback;

/** Call `act` when the theme of the page changes, which it does without a word to components. */
export function onTheme(act) {
  const observer = new MutationObserver(act);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["class", "style", "data-theme"] });
  return observer;
}

// -- numbers and colours ---------------------------------------------------------------------------------------------

export const signed = (value, text = (size) => size.toFixed(2)) => `${value < 0 ? "−" : "+"}${text(Math.abs(value))}`;

export const trim = (value) => String(Number(value.toPrecision(3)));

export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** The longest of 1, 2, 5, 10, 20, ... that is no longer than `most`: for scale bars. */
export function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return (power * 5 <= most ? 5 : power * 2 <= most ? 2 : 1) * power;
}

export const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** The step of a ramp that is nearest to a value between the numbers of its ends. */
export const rampStep = (ramp, value, low, high) => ramp[Math.round(clamp((value - low) / (high - low || 1), 0, 1) * (ramp.length - 1))];

export const gradient = (colours) => `linear-gradient(90deg,${colours.join(",")})`;

// -- canvases --------------------------------------------------------------------------------------------------------

export const pixelRatio = () => window.devicePixelRatio || 1;

/** Give a canvas the device pixels of a box in CSS pixels. Whether that changed it: a change wipes it. */
export function fitCanvas(canvas, width, height) {
  const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * pixelRatio())));
  if (canvas.width === w && canvas.height === h) return false;
  Object.assign(canvas, { width: w, height: h });
  return true;
}

/** The wiped context of a canvas that was fitted to its box, in device pixels. */
export function deviceContext(canvas, width, height, options) {
  fitCanvas(canvas, width, height);
  const context = canvas.getContext("2d", options);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  return context;
}

/** The same in CSS pixels. */
export function context2d(canvas, width, height, options) {
  const context = deviceContext(canvas, width, height, options);
  context.scale(pixelRatio(), pixelRatio());
  return context;
}

/** Add a line through points to the path. `place(point)`: where one lies on the canvas. */
export function traceLine(context, points, place = (point) => point, closed = true) {
  points.forEach((point, at) => context[at ? "lineTo" : "moveTo"](...place(point)));
  if (closed) context.closePath();
}

/** Stroke the path once for each [colour, width]: a wide one below a narrow one is seen on any ground. */
export function strokeEach(context, strokes, ratio = 1) {
  for (const [colour, width] of strokes) {
    Object.assign(context, { strokeStyle: colour, lineWidth: width * ratio });
    context.stroke();
  }
}

export function drawRing(context, x, y, radius, strokes, ratio = 1) {
  context.beginPath();
  context.arc(x, y, radius * ratio, 0, 2 * Math.PI);
  strokeEach(context, strokes, ratio);
}

// -- pointer, wheel and keys -----------------------------------------------------------------------------------------

/** `zoom(factor, x, y)` at each turn of the wheel. */
export function onWheel(node, zoom) {
  node.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  }, { passive: false });
}

export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export const withModifier = (event) => event.ctrlKey || event.metaKey || event.altKey;

/** "undo", "redo" or null: what Control Z, Control Shift Z and Control Y ask for. */
export function undoOrRedo(event) {
  const letter = event.key.toLowerCase();
  if (!(event.ctrlKey || event.metaKey) || event.altKey || (letter !== "z" && letter !== "y")) return null;
  return letter === "y" || event.shiftKey ? "redo" : "undo";
}

/** Whether a place lies within a closed line of [x, y]. */
export function inRing(ring, x, y) {
  let within = false;
  for (let a = 0, b = ring.length - 1; a < ring.length; b = a++) {
    const [[ax, ay], [bx, by]] = [ring[a], ring[b]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

/** The point that an arrow key goes to from point `from`, or null; `place(i)`: its x and y, null where it is not shown. */
export function nextPoint(n, from, [dx, dy], place, least = 0) {
  const [x, y] = place(from);
  let [best, next] = [Infinity, null];
  for (let i = 0; i < n; i++) {
    const spot = i === from ? null : place(i);
    if (!spot) continue;
    const [right, down] = [spot[0] - x, spot[1] - y];
    const [along, across] = [right * dx + down * dy, Math.abs(right * dy + down * dx)];
    if (along > least && across <= along && along + across < best) [best, next] = [along + across, i];
  }
  return next;
}

// -- legends ---------------------------------------------------------------------------------------------------------

export const conceptName = ({ name, excluded, pinned }) => `${name}${excluded ? " (excluded)" : pinned ? " (pinned)" : ""}`;

/** Colours from end to end, with words above (or none) and numbers below. */
export function rampKey(className, colours, ends, ticks) {
  return el("div", { class: className },
    ends ? el("div", {}, ...spans(ends)) : null,
    el("i", { style: `background:${gradient(colours)}` }),
    el("div", {}, ...spans(ticks)));
}

/**
 * Fill a legend with buttons that show one concept alone, or all again.
 *
 * only: id of the one that is shown alone; dot(concept): its mark; attributes(concept): others than the usual ones;
 * choose(id or null): called at a click, after which the legend may be another.
 */
export function conceptKeys(legend, concepts, { className, only, dot, choose, attributes = () => ({}) }) {
  legend.replaceChildren(...concepts.map((concept, at) => el("button", {
    type: "button", class: className, "aria-pressed": String(concept.id === only), title: `Show only ${concept.name}`,
    onclick: () => {
      choose(concept.id === only ? null : concept.id);
      legend.children[at]?.focus(); // the legend was drawn anew under the pressed button
    },
    ...attributes(concept),
  }, dot(concept), el("span", {}, conceptName(concept)))));
}

// -- what is kept and what is fetched --------------------------------------------------------------------------------

/** Keep a choice for as long as the window is open. */
export function remember(key, value) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    /* private windows may refuse: the choice is then not kept, no more */
  }
}

export function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
}

/** The most recently used values of a Map; `dispose` is called for those that are dropped. */
export class Recent {
  constructor(most, dispose = () => {}) {
    Object.assign(this, { most, dispose, kept: new Map() });
  }

  get(key) {
    const value = this.kept.get(key);
    if (value !== undefined) {
      this.kept.delete(key);
      this.kept.set(key, value);
    }
    return value;
  }

  set(key, value) {
    this.kept.set(key, value);
    for (const [oldest, old] of this.kept) {
      if (this.kept.size <= this.most) break;
      this.kept.delete(oldest);
      this.dispose(old);
    }
  }

  clear() {
    this.kept.forEach(this.dispose);
    this.kept.clear();
  }
}

export const absolute = (url) => new URL(url, document.baseURI).href;

/** The answer to a request; an error where it is none. */
export async function request(url, options) {
  const answer = await fetch(absolute(url), options);
  if (!answer.ok) throw new Error(`${answer.status} for ${url}`);
  return answer;
}

export const fetchBytes = async (url, options) => (await request(url, options)).arrayBuffer();

const libraries = (window.__prospectorLibraries ??= new Map()); // name -> promise, until it is there

/** Load a library once a page, as the plain script that it is; it puts itself on the window under `name`. */
export function loadLibrary(url, name) {
  if (window[name]) return Promise.resolve(window[name]);
  if (!libraries.has(name)) {
    libraries.set(name, new Promise((resolve, reject) => {
      const script = el("script", { src: url });
      script.onload = () => resolve(window[name]);
      script.onerror = () => {
        libraries.delete(name); // the next one tries again
        reject(new Error(`${name} did not load`));
      };
      document.head.append(script);
    }));
  }
  return libraries.get(name);
}
