// What the parts of the structure viewer share.

/** Make an element: el("button", {class: "x", onclick: f}, child, ...). */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** Colour of a signed value: the ramp's ends at -limit and limit. */
export function rampColour(ramp, value, limit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "#8c8c8c";
  const place = ((Math.max(-1, Math.min(1, value / (limit || 1))) + 1) / 2) * (ramp.length - 1);
  const at = Math.min(ramp.length - 2, Math.floor(place));
  const mix = place - at;
  const [one, two] = [ramp[at], ramp[at + 1]].map((hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16)));
  return `#${one.map((part, index) => Math.round(part + (two[index] - part) * mix).toString(16).padStart(2, "0")).join("")}`;
}

/** Black or white, whichever is read on a colour. */
export function inkOn(hex) {
  const [r, g, b] = [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
  return r * 0.299 + g * 0.587 + b * 0.114 > 150 ? "#111" : "#fff";
}

/** Fit a canvas to its box: its context in CSS pixels. */
export function context2d(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

export function styleOf(node, name, fallback) {
  return getComputedStyle(node).getPropertyValue(name).trim() || fallback;
}
