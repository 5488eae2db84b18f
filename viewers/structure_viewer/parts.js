// Colours and turns that the views of structures share.
import { clamp, rgb } from "../web/kit.js";

/** Colour of a signed value: the ramp's ends at -limit and limit. */
export function rampColour(ramp, value, limit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "#8c8c8c";
  const place = ((clamp(value / (limit || 1), -1, 1) + 1) / 2) * (ramp.length - 1);
  const at = Math.min(ramp.length - 2, Math.floor(place));
  const mix = place - at;
  const [one, two] = [ramp[at], ramp[at + 1]].map(rgb);
  return `#${one.map((part, index) => Math.round(part + (two[index] - part) * mix).toString(16).padStart(2, "0")).join("")}`;
}

/** Black or white, whichever is read on a colour. */
export function inkOn(hex) {
  const [r, g, b] = rgb(hex);
  return r * 0.299 + g * 0.587 + b * 0.114 > 150 ? "#111" : "#fff";
}

/** How an arrow key turns a model: degrees and axis. */
export const turnOf = ([right, down]) => (right ? [8 * right, "y"] : [8 * down, "x"]);
