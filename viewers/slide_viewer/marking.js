// Marking regions on the slide: rectangle, polygon and freehand, in level-0 pixels.
//
// The viewer tells this class what the pointer and the keys do; a finished outline goes to `done`. Nothing here knows of
// OpenSeadragon or of Python.

import { strokeEach, traceLine } from "../web/kit.js";

export const EVIDENCE = ["for", "against", "ignore", "reassign"]; // the last is no evidence: its tiles go to another concept
const COLOURS = { for: "#b84300", against: "#2171b5", ignore: "#5c5c5c", reassign: "#6a3d9a" };
const MOST_POINTS = 400; // of a freehand outline: what is finer than the screen says nothing about tiles

/** Fewer points, none of the outline further than `slack` from what was drawn (Ramer, Douglas, Peucker). */
export function simplify(points, slack) {
  const keep = new Set([0, points.length - 1]);
  const open = [[0, points.length - 1]];
  while (open.length) {
    const [first, last] = open.pop();
    const [ax, ay] = points[first];
    const [dx, dy] = [points[last][0] - ax, points[last][1] - ay];
    const length = Math.hypot(dx, dy);
    let [most, at] = [slack, -1];
    for (let i = first + 1; i < last; i++) {
      const [px, py] = [points[i][0] - ax, points[i][1] - ay];
      const off = length ? Math.abs(px * dy - py * dx) / length : Math.hypot(px, py);
      if (off > most) [most, at] = [off, i];
    }
    if (at >= 0) {
      keep.add(at);
      open.push([first, at], [at, last]);
    }
  }
  return points.filter((_, i) => keep.has(i));
}

export class Marking {
  /** done({ tool, evidence, polygon }), changed(): what is shown must be drawn anew. */
  constructor({ done, changed }) {
    Object.assign(this, { done, changed, tool: null, evidence: "for", points: [], cursor: null, dragging: false });
  }

  choose(tool) {
    this.tool = tool;
    this.forget();
  }

  forget() {
    Object.assign(this, { points: [], cursor: null, dragging: false });
    this.changed();
  }

  /** Whether a stroke with the pointer draws, instead of moving the slide. */
  strokes() {
    return this.tool === "rectangle" || this.tool === "freehand";
  }

  press(at) {
    if (!this.strokes()) return;
    this.points = [at];
    this.dragging = true;
  }

  drag(at) {
    if (!this.dragging) return;
    if (this.tool === "freehand") this.points.push(at);
    else this.cursor = at;
    this.changed();
  }

  /** `k`: CSS pixels per slide pixel, so that a slip of the hand is no region. */
  release(at, k) {
    if (!this.dragging) return;
    this.dragging = false;
    const [points, far] = [[...this.points, at], (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]) * k];
    if (Math.max(...points.map((point) => far(point, points[0]))) < 4) return this.forget();
    this.finish(this.tool === "rectangle" ? corners(points[0], at) : this.smooth(points, k));
  }

  smooth(points, k) {
    let slack = 1 / k;
    let found = simplify(points, slack);
    while (found.length > MOST_POINTS) found = simplify(points, (slack *= 2));
    return found;
  }

  /** A corner of a polygon; of a rectangle by keyboard. On the first or the last corner it closes the outline. */
  corner(at, k) {
    const near = (point) => Math.hypot(point[0] - at[0], point[1] - at[1]) * k < 8;
    if (this.tool === "rectangle") {
      if (this.points.length) this.finish(corners(this.points[0], at));
      else this.points = [at];
    } else if (this.points.length >= 3 && (near(this.points[0]) || near(this.points.at(-1)))) return this.close();
    else if (!this.points.length || !near(this.points.at(-1))) this.points.push(at);
    this.changed();
  }

  close() {
    if (this.points.length >= 3) this.finish(this.points);
  }

  /** Take back the last corner; false where there is none. */
  back() {
    if (!this.points.length) return false;
    this.points.pop();
    this.changed();
    return true;
  }

  hover(at) {
    if (this.dragging || !this.points.length) return;
    this.cursor = at;
    this.changed();
  }

  finish(polygon) {
    const round = (value) => Math.round(value * 100) / 100;
    const outline = polygon.map((point) => point.map(round));
    this.forget();
    if (outline.length >= 3) this.done({ tool: this.tool, evidence: this.evidence, polygon: outline });
  }

  /** What is being drawn. `place([x, y])`: canvas pixels. */
  draw(context, place, ratio) {
    if (!this.points.length) return;
    const tip = this.cursor ? [this.cursor] : [];
    const outline = this.tool === "rectangle" ? corners(this.points[0], tip[0] ?? this.points[0]) : [...this.points, ...tip];
    trace(context, [outline], place, this.tool === "rectangle");
    stroke(context, COLOURS[this.evidence], ratio, false, this.evidence === "ignore");
    if (this.tool !== "polygon") return;
    for (const point of this.points) {
      const [x, y] = place(point);
      context.fillStyle = "#fff";
      context.strokeStyle = COLOURS[this.evidence];
      context.lineWidth = 1.5 * ratio;
      context.beginPath();
      context.arc(x, y, 4 * ratio, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }
}

/** A region that the study holds: rings in level-0 pixels, evidence, label. */
export function drawRegion(context, region, place, ratio, font) {
  trace(context, region.rings, place, true);
  context.globalAlpha = 0.16;
  context.fillStyle = COLOURS[region.evidence];
  context.fill("evenodd");
  context.globalAlpha = 1;
  stroke(context, COLOURS[region.evidence], ratio, region.lit, region.evidence === "ignore");
  const points = region.rings[0].map(place);
  const [left, right] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x))];
  if (right - left < 60 * ratio && !region.lit) return; // on an overview labels would hide the tissue
  const top = Math.min(...points.map(([, y]) => y));
  context.font = `600 ${11 * ratio}px ${font}`;
  const wide = context.measureText(region.label).width + 8 * ratio;
  context.fillStyle = COLOURS[region.evidence];
  context.fillRect(left, top - 17 * ratio, wide, 16 * ratio);
  context.fillStyle = "#fff";
  context.textBaseline = "middle";
  context.fillText(region.label, left + 4 * ratio, top - 8.5 * ratio);
}

const corners = ([ax, ay], [bx, by]) => [[ax, ay], [bx, ay], [bx, by], [ax, by]];

function trace(context, rings, place, closed) {
  context.beginPath();
  for (const ring of rings) traceLine(context, ring, place, closed);
}

function stroke(context, colour, ratio, strong, dashed) {
  context.lineJoin = "round";
  strokeEach(context, [["#fffd", strong ? 6 : 4]], ratio);
  context.setLineDash(dashed ? [6 * ratio, 4 * ratio] : []);
  strokeEach(context, [[colour, strong ? 3 : 2]], ratio);
  context.setLineDash([]);
}
