// What lies above the points and changes without them: marked regions, rings, the lasso, the scale, the words at the pointer.
import { context2d, drawRing, el, placeAt, roundLength, strokeEach, traceLine } from "../web/kit.js";
import { SHADES } from "./lasso.js";

export class Over {
  constructor(viewer) {
    this.viewer = viewer;
    this.canvas = el("canvas", { class: "gv-over", tabindex: 0, role: "application" });
    this.tip = el("div", { class: "gv-tip", hidden: "" });
    this.note = el("div", { class: "gv-note" });
  }

  draw(size) {
    const { viewer } = this;
    const { width, height } = viewer.size();
    const context = context2d(this.canvas, width, height, { willReadFrequently: true }); // redrawn in software: it is nearly empty
    const unit = viewer.unit();
    const place = ([x, y]) => [width / 2 + (x - viewer.x) * unit, height / 2 + (y - viewer.y) * unit];
    if (!viewer.turn.some(Boolean)) this.drawRegions(context, place);
    this.drawRings(context, size);
    const { line } = viewer.lasso;
    if (line?.length > 1) {
      context.beginPath();
      traceLine(context, line, place);
      context.fillStyle = "#ffffff30";
      context.fill();
      strokeEach(context, [["#000", 3], ["#fff", 1.5]]);
    }
  }

  drawRegions(context, place) {
    const { regions, graph: { middle: [mx, my] } } = this.viewer.data;
    for (const { evidence, lit, rings } of regions) {
      context.setLineDash(evidence === "ignore" ? [5, 4] : []);
      for (const points of rings) {
        context.beginPath();
        traceLine(context, points, ([x, y]) => place([x - mx, y - my]));
        strokeEach(context, [[SHADES[evidence] ?? "#777", lit ? 4 : 2]]);
      }
    }
    context.setLineDash([]);
  }

  drawRings(context, size) {
    const { viewer } = this;
    const { selected, neighbours } = viewer.data;
    const ring = (i, radius, strokes) => {
      if (i !== null && i !== undefined && i * 3 < viewer.flat.length) drawRing(context, ...viewer.onScreen(i), radius, strokes);
    };
    for (const { token, colour } of neighbours) ring(token, Math.max(4, size / 2 + 1.5), [["#0008", 4], [colour, 2.4]]);
    ring(selected, Math.max(6, size / 2 + 3), [["#fff", 5], ["#000", 3]]);
    ring(viewer.at, Math.max(6, size / 2 + 3), [["#fff", 4], ["#000", 2]]);
  }

  drawScale(unit) {
    const { graph } = this.viewer.data;
    const parts = [];
    if (graph.laid_out) parts.push(el("span", {}, "No coordinates: laid out by edges"));
    else if (graph.unit) {
      const length = roundLength(130 / unit);
      parts.push(el("span", {}, `${Number(length.toPrecision(6)).toLocaleString("en")} ${graph.unit}`), el("div", { class: "gv-scale", style: `width:${(length * unit).toFixed(1)}px` }));
    }
    this.note.hidden = !parts.length;
    this.note.replaceChildren(...parts);
  }

  /** The words of a point beside it, or none. */
  tell(words, place) {
    this.tip.hidden = !words;
    if (!words) return;
    this.tip.replaceChildren(el("b", {}, words[0]), ...words.slice(1).map((line) => el("div", {}, line)));
    const { width, height } = this.viewer.size();
    placeAt(this.tip, Math.min(place[0] + 14, width - 200), Math.min(place[1] + 14, height - 74));
  }
}
