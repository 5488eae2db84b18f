// The atlas: tokens as points in the plane. A canvas with a few thousand points needs no library.
import {
  absolute, ARROWS, button, clamp, conceptKeys, context2d, drawRing, el, fitHeight, group, inRing, nextPoint, onWheel, placeAt, press, rampKey,
  rampStep, signed, strokeEach, traceLine, undoOrRedo, withModifier,
} from "../web/kit.js";

const GREY = "#9a9a9a";
const COLOURS = { concept: "Concept", score: "Score", label: "Label" };
const KEYS = "Arrow keys go from point to point, Enter selects one, plus and minus zoom, 0 shows all. R draws a rectangle: " +
  "arrow keys make it larger or smaller, with Shift they move it, Enter chooses what is in it, Escape leaves it. L draws a lasso with the pointer. " +
  "Escape chooses none. Control Z takes the last edit back.";

export class Viewer {
  constructor(root, component) {
    Object.assign(this, { root, by: "concept", only: null, scale: 1, x: 0, y: 0, at: null, drag: null, lasso: null, chosen: new Set() });
    this.buttons = Object.fromEntries(Object.entries(COLOURS).map(([name, label]) =>
      [name, button(label, `Colour by ${label.toLowerCase()}`, () => this.colourBy(name))]));
    this.canvas = el("canvas", { tabindex: 0, role: "application", "aria-describedby": "at-keys" });
    this.drawing = button("Lasso", "Draw around what to choose (L; or hold Shift while you drag)", () => this.lassoing(!this.lasso));
    this.clear = button("None", "Choose none (Escape)", () => this.choose([]));
    this.count = el("span", { class: "at-count", role: "status" });
    this.tip = el("div", { class: "at-tip", hidden: "" });
    this.legend = el("div", { class: "at-legend" });
    this.view = el("div", { class: "at-view" }, this.canvas, this.tip);
    const labelled = (label, text, act) => button(text, label, act, { "aria-label": label });
    root.replaceChildren(
      el("div", { class: "at-bar" }, el("span", {}, "Colour"),
        group("at-group", "Colour", ...Object.values(this.buttons)),
        group("at-group", "Choose several", this.drawing, this.clear), this.count, el("span", { class: "at-gap" }),
        group("at-group", "View", labelled("Zoom out", "−", () => this.zoom(1 / 1.5)),
          labelled("Zoom in", "+", () => this.zoom(1.5)), labelled("Show all (0)", "All", () => this.home()))),
      this.view, this.legend, el("div", { id: "at-keys", class: "at-keys" }, KEYS));
    this.listen();
    this.update(component);
  }

  listen() {
    onWheel(this.canvas, (factor, x, y) => this.zoom(factor, x, y));
    this.canvas.addEventListener("pointerdown", (event) => {
      const round = this.lasso || event.shiftKey;
      this.drag = { x: event.offsetX, y: event.offsetY, moved: false, line: round ? [[event.offsetX, event.offsetY]] : null };
      if (round) this.lasso = { line: this.drag.line };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => this.pointed(event));
    this.canvas.addEventListener("pointerup", (event) => {
      const { moved, line } = this.drag ?? {};
      this.drag = null;
      if (moved && line) this.choose(this.inside(line));
      else if (moved === false) {
        if (!event.shiftKey) this.lasso = null;
        this.pick(this.nearest(event.offsetX, event.offsetY, 14));
      }
    });
    this.canvas.addEventListener("pointercancel", () => {
      this.drag = null;
      this.lassoing(false);
    });
    this.canvas.addEventListener("pointerleave", () => this.show(null));
    this.canvas.addEventListener("blur", () => this.show(null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.view);
  }

  update(component) {
    this.data = component.data;
    this.send = component.setTriggerValue;
    fitHeight(this.root, this.data.height, 380, 210);
    const reach = (values) => Math.max(...values.map(Math.abs), 1e-6);
    this.reach = [reach(this.data.points.x), reach(this.data.points.y)]; // all of it fills the view
    if (!this.data.concepts.some(({ id }) => id === this.only)) this.only = null;
    const { points, concepts, ramp, limit, class_colours: classColours } = this.data;
    const colours = new Map(concepts.map(({ id, colour, excluded }) => [id, excluded ? GREY : colour]));
    this.colours = {
      concept: points.concept.map((id) => colours.get(id) ?? GREY),
      score: points.score.map((score) => (score === null ? GREY : rampStep(ramp, score, -limit, limit))),
      label: points.label.map((label) => classColours[label] ?? GREY),
    };
    const known = (this.data.chosen ?? []).filter((i) => i < this.data.points.x.length);
    this.chosen = new Set(known);
    this.show(null);
    this.draw();
  }

  // -- places -------------------------------------------------------------------------------------------------------

  place(i) {
    const { clientWidth: width, clientHeight: height } = this.view;
    const unit = this.unit();
    return [width / 2 + (this.data.points.x[i] - this.x) * unit, height / 2 - (this.data.points.y[i] - this.y) * unit];
  }

  unit() {
    const [width, height] = [this.view.clientWidth, this.view.clientHeight].map((side) => Math.max(20, side / 2 - 18));
    return Math.min(width / this.reach[0], height / this.reach[1]) * this.scale;
  }

  zoom(factor, px = this.view.clientWidth / 2, py = this.view.clientHeight / 2) {
    const [dx, dy] = [px - this.view.clientWidth / 2, this.view.clientHeight / 2 - py];
    const before = this.unit();
    this.scale = clamp(this.scale * factor, 0.8, 40);
    const after = this.unit();
    this.x += dx / before - dx / after;
    this.y += dy / before - dy / after;
    this.show(null);
    this.draw();
  }

  home() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.draw();
  }

  visible(i) {
    return this.only === null || this.data.points.concept[i] === this.only;
  }

  nearest(x, y, most) {
    let [best, found] = [most ** 2, null];
    for (let i = 0; i < this.data.points.x.length; i++) {
      if (!this.visible(i)) continue;
      const [px, py] = this.place(i);
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (far < best) [best, found] = [far, i];
    }
    return found;
  }

  // -- drawing ------------------------------------------------------------------------------------------------------

  draw() {
    const { clientWidth: width, clientHeight: height } = this.view;
    const context = context2d(this.canvas, width, height);
    const size = Math.min(8, 3 * this.scale ** 0.5);
    const colours = this.colours[this.by];
    context.lineWidth = 0.6;
    context.strokeStyle = "#0005";
    for (let i = 0; i < colours.length; i++) {
      const [x, y] = this.place(i);
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
      const faint = this.chosen.size && !this.chosen.has(i);
      context.globalAlpha = !this.visible(i) ? 0.08 : faint ? 0.25 : 0.9;
      context.fillStyle = colours[i];
      context.beginPath();
      context.arc(x, y, size, 0, 2 * Math.PI);
      context.fill();
      if (this.visible(i) && !faint) context.stroke();
    }
    context.globalAlpha = 1;
    for (const [i, line] of [[this.data.selected, 3], [this.at, 2]]) {
      if (i === null || i === undefined) continue;
      drawRing(context, ...this.place(i), size + 4, [["#fff", line + 2], ["#000", line]]);
    }
    if (this.lasso?.line?.length > 1) {
      context.beginPath();
      traceLine(context, this.lasso.line);
      context.fillStyle = "#3182bd22";
      context.fill();
      strokeEach(context, [["#fff", 3]]);
      context.setLineDash([5, 4]);
      strokeEach(context, [["#08519c", 1.5]]);
      context.setLineDash([]);
    }
    this.showState();
  }

  /** What the buttons and the legend say of it. */
  showState() {
    this.canvas.classList.toggle("at-lassoing", this.lasso !== null);
    press(this.drawing, this.lasso !== null);
    this.clear.disabled = !this.chosen.size;
    const [many, inside] = [this.chosen.size, this.lasso?.corner ? this.inside(this.lasso.line).length : null];
    const words = inside !== null ? `${inside} in the rectangle` : many ? `${many} chosen` : "";
    if (this.count.textContent !== words) this.count.textContent = words;
    for (const [name, button] of Object.entries(this.buttons)) press(button, name === this.by);
    this.drawLegend();
  }

  drawLegend() {
    const { concepts, classes, class_colours: colours, sides, limit, ramp } = this.data;
    const state = JSON.stringify([this.by, this.only, concepts, limit, sides]);
    if (state === this.said) return;
    this.said = state;
    if (this.by === "concept") {
      conceptKeys(this.legend, concepts, {
        className: "at-key",
        only: this.only,
        dot: ({ excluded, colour }) => el("i", { style: `background:${excluded ? GREY : colour}` }),
        choose: (id) => {
          this.only = id;
          this.draw();
        },
      });
    } else if (this.by === "score") {
      this.legend.replaceChildren(rampKey("at-ramp", ramp, sides, [signed(-limit), "prospect score", signed(limit)]));
    } else {
      this.legend.replaceChildren(...[...classes.map((name, at) => [name, colours[at]]), ["unlabelled", GREY]].map(([name, colour]) =>
        el("span", { class: "at-key" }, el("i", { style: `background:${colour}` }), el("span", {}, `of data labelled ${name}`))));
    }
  }

  // -- what a person does -------------------------------------------------------------------------------------------

  colourBy(name) {
    this.by = name;
    if (name !== "concept") this.only = null;
    this.draw();
  }

  pointed(event) {
    if (this.drag) {
      const [dx, dy] = [event.offsetX - this.drag.x, event.offsetY - this.drag.y];
      if (this.drag.line) {
        if (!this.drag.moved && Math.hypot(dx, dy) <= 4) return;
        this.drag.moved = true;
        const [lx, ly] = this.drag.line.at(-1);
        if (Math.hypot(event.offsetX - lx, event.offsetY - ly) > 3) this.drag.line.push([event.offsetX, event.offsetY]);
        this.show(null);
        this.draw();
      } else if (this.drag.moved || Math.hypot(dx, dy) > 4) {
        Object.assign(this.drag, { x: event.offsetX, y: event.offsetY, moved: true });
        this.x -= dx / this.unit();
        this.y += dy / this.unit();
        this.show(null);
        this.draw();
      }
      return;
    }
    this.show(this.nearest(event.offsetX, event.offsetY, 14));
  }

  /** The tile of a point, beside it. */
  show(i) {
    if (i === this.at) return;
    this.at = i;
    this.tip.hidden = i === null;
    if (i !== null) {
      const { points, concepts, pictures, texts } = this.data;
      const concept = concepts.find(({ id }) => id === points.concept[i]);
      const score = points.score[i] === null ? "no score" : signed(points.score[i]);
      this.tip.classList.toggle("at-words", Boolean(texts));
      this.tip.replaceChildren(texts ? el("p", {}, texts[i]) : el("img", { src: absolute(`${pictures}/0/${i}_0.png`), alt: "" }),
        el("b", {}, concept?.name ?? `concept ${points.concept[i]}`), `${score} · ${points.name[i]}`);
      const [x, y] = this.place(i);
      const { clientWidth: width, clientHeight: height } = this.view;
      const wide = texts ? 260 : 132;
      placeAt(this.tip, x + wide + 18 < width ? x + 14 : Math.max(2, x - wide - 14), Math.max(2, Math.min(y - 70, height - 186)));
    }
    this.draw();
  }

  pick(i) {
    this.draw();
    if (i !== null && i !== undefined) this.send("pick", { point: i, count: (this.picks = (this.picks ?? 0) + 1) });
  }

  // -- choosing several ---------------------------------------------------------------------------------------------

  lassoing(on) {
    this.lasso = on ? { line: [] } : null;
    this.draw();
  }

  /** Points inside an outline of the view; those that the legend has made faint do not count. */
  inside(line) {
    const inside = [];
    for (let i = 0; i < this.data.points.x.length; i++) {
      if (!this.visible(i)) continue;
      if (inRing(line, ...this.place(i))) inside.push(i);
    }
    return inside;
  }

  choose(points) {
    this.lasso = null;
    this.chosen = new Set(points);
    this.draw();
    this.send("lasso", { points, count: (this.lassos = (this.lassos ?? 0) + 1) });
  }

  /** A rectangle for the keyboard: around the point that was gone to, else in the middle. */
  rectangle() {
    const at = this.at ?? this.data.selected;
    const [x, y] = at === null || at === undefined ? [this.view.clientWidth / 2, this.view.clientHeight / 2] : this.place(at);
    this.lasso = { corner: [x - 40, y - 40, x + 40, y + 40] };
    this.stretch(0, 0, false);
  }

  stretch(dx, dy, whole) {
    const corner = this.lasso.corner;
    corner[2] = Math.max(corner[0] + 8, corner[2] + 12 * dx);
    corner[3] = Math.max(corner[1] + 8, corner[3] + 12 * dy);
    if (whole) [corner[0], corner[1]] = [corner[0] + 12 * dx, corner[1] + 12 * dy];
    const [left, top, right, bottom] = corner;
    this.lasso.line = [[left, top], [right, top], [right, bottom], [left, bottom]];
    this.show(null);
    this.draw();
  }

  key(event) {
    const step = ARROWS[event.key];
    const letter = event.key.toLowerCase();
    const to = undoOrRedo(event);
    if (to) {
      this.send("step", { to, count: (this.steps = (this.steps ?? 0) + 1) });
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (withModifier(event)) return;
    if (step && this.lasso?.corner) this.stretch(...step, event.shiftKey);
    else if (step) this.go(step);
    else if (event.key === "Escape" && (this.lasso || this.chosen.size)) {
      if (this.lasso) this.lassoing(false);
      else this.choose([]);
      this.drag = null;
    } else if (letter === "r" && this.lasso?.corner) this.lassoing(false);
    else if (letter === "r") this.rectangle();
    else if (letter === "l") this.lassoing(!this.lasso);
    else if (event.key === "Enter" && this.lasso?.corner) this.choose(this.inside(this.lasso.line));
    else if (event.key === "Enter" || event.key === " ") this.pick(this.at);
    else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "0" || event.key === "Home") this.home();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** To the nearest point in a direction. */
  go(way) {
    const { clientWidth: width, clientHeight: height } = this.view;
    const from = this.at ?? this.data.selected ?? null;
    const to = from === null ? this.nearest(width / 2, height / 2, 1e9)
      : nextPoint(this.data.points.x.length, from, way, (i) => (i === from || this.visible(i) ? this.place(i) : null), 0.5);
    if (from === null || to !== null) this.show(to);
  }

  destroy() {
    this.resized.disconnect();
    this.root.replaceChildren();
  }
}
