// The graph viewer: the tokens of one datum as points where they lie. What it draws with is in pens.js, what lies under the
// points in ground.js, what lies above them in over.js.
import {
  ARROWS, clamp, el, fetchBytes, fitCanvas, fitHeight, nextPoint, pixelRatio, signed, undoOrRedo, withModifier,
} from "../web/kit.js";
import { Bar, LAYER_KEYS, Legend, number } from "./bar.js";
import { Ground } from "./ground.js";
import { Lasso } from "./lasso.js";
import { Numbers } from "./numbers.js";
import { Over } from "./over.js";
import { Plain, WebGL } from "./pens.js";
import { Pointer } from "./pointer.js";

const MANY = 20000; // points from which on it is looked at how long they take
const SLOW = 40; // milliseconds per frame beyond which the picture is moved rather than drawn anew
const RESTS = 150; // milliseconds without a move after which it is drawn anew

export class Viewer {
  constructor(root, component) {
    Object.assign(this, { root, only: null, at: null, tool: "move", turn: [0, 0], shown: null, focusCount: 0 });
    this.numbers = new Numbers();
    this.canvas = el("canvas", {});
    this.over = new Over(this);
    this.lasso = new Lasso(this);
    this.said = el("div", { class: "gv-said", "aria-live": "polite" });
    this.legend = new Legend(this);
    this.bar = new Bar(this);
    this.ground = new Ground(this);
    const { ground, over } = this;
    this.view = el("div", { class: "gv-view" }, ground.canvas, this.canvas, over.canvas, over.note, over.tip, ground.panel, this.lasso.menu, this.said);
    root.replaceChildren(this.bar.node, this.view, this.legend.node);
    this.takePen();
    this.listen(over.canvas);
    this.update(component);
  }

  takePen() {
    try {
      this.pen = new WebGL(this.canvas);
    } catch {
      const canvas = el("canvas", {});
      this.canvas.replaceWith(canvas);
      this.canvas = canvas;
      this.pen = new Plain(canvas);
    }
    this.root.dataset.pen = this.pen.name;
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => { this.pen = new WebGL(this.canvas); this.reload(); });
  }

  listen(over) {
    new Pointer(this, over);
    over.addEventListener("blur", () => this.point(null));
    over.addEventListener("keydown", (event) => this.key(event));
    this.resized = new ResizeObserver(() => this.later());
    this.resized.observe(this.view);
  }

  update(component) {
    this.data = component.data;
    this.send = component.setTriggerValue;
    const { graph, layers, words } = this.data;
    fitHeight(this.root, this.data.height, 400, this.data.above);
    this.over.canvas.setAttribute("aria-label", `${graph.n.toLocaleString("en")} ${words.tokens}. Arrow keys go from one to the next, Enter selects, plus and minus zoom, 0 shows all, e shows edges, l draws.`);
    const style = getComputedStyle(this.root);
    this.ink = (style.color.match(/\d+/g) ?? [34, 34, 34]).slice(0, 3).map(Number);
    if (!layers.some(({ id }) => id === this.layerId)) this.layerId = this.data.layer;
    if (!this.data.concepts.some(({ id }) => id === this.only)) this.only = null;
    if (this.graphId !== graph.id) {
      Object.assign(this, { graphId: graph.id, places: null, flat: null, edges: null, turn: [0, 0] });
      this.lasso.forget();
      this.pen.setEdges(null);
      this.home(false);
      this.fetchPlaces(graph);
    }
    this.focus = this.data.focus_count > this.focusCount ? this.data.focus : null;
    this.focusCount = Math.max(this.focusCount, this.data.focus_count);
    this.ground.drawPanel();
    this.bar.draw();
    this.show();
    this.later();
  }

  async fetchPlaces(graph) {
    const places = new Float32Array(await fetchBytes(graph.positions));
    if (this.graphId !== graph.id) return;
    this.places = places;
    let reach = 1e-9;
    const [xs, ys] = [[Infinity, -Infinity], [Infinity, -Infinity]];
    for (let i = 0; i < places.length; i += 3) {
      xs[0] = Math.min(xs[0], places[i]); xs[1] = Math.max(xs[1], places[i]);
      ys[0] = Math.min(ys[0], places[i + 1]); ys[1] = Math.max(ys[1], places[i + 1]);
      reach = Math.max(reach, Math.hypot(places[i], places[i + 1], places[i + 2]));
    }
    Object.assign(this, { reach, box: [Math.max((xs[1] - xs[0]) / 2, 1e-6), Math.max((ys[1] - ys[0]) / 2, 1e-6)] });
    this.spacing = Math.sqrt((4 * this.box[0] * this.box[1]) / graph.n);
    this.project();
    this.home(false);
    this.paint();
    this.later();
  }

  reload() {
    this.project();
    this.pen.setEdges(this.edges ?? null);
    this.paint();
    this.later();
  }

  /** Places as seen: turned about the vertical, then about the horizontal axis where they are in space. */
  project() {
    const { places } = this;
    if (!places) return;
    if (this.data.graph.dims < 3 || !(this.turn[0] || this.turn[1])) this.flat = places;
    else {
      const [a, b] = this.turn;
      const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
      if (this.flat === places || !this.flat) this.flat = new Float32Array(places.length);
      for (let i = 0; i < places.length; i += 3) {
        const x = ca * places[i] + sa * places[i + 2];
        const z = ca * places[i + 2] - sa * places[i];
        this.flat[i] = x;
        this.flat[i + 1] = cb * places[i + 1] - sb * z;
        this.flat[i + 2] = sb * places[i + 1] + cb * z;
      }
    }
    this.pen.setPlaces(this.flat);
  }

  layer() { return this.data.layers.find(({ id }) => id === this.layerId) ?? this.data.layers[0]; }
  /** Values of the layer of that name, undefined while they are not there. */
  values(name) { return this.numbers.of(this.data.layers.find(({ id }) => id === name)); }

  /** Fetch what the present layer, and the words of a point, need. */
  async show() {
    const layer = this.layer();
    this.over.canvas.dataset.layer = layer.id;
    const wanted = [layer, ...this.data.layers.filter(({ id }) => id === "map" || id === "concepts")];
    await this.numbers.load(wanted);
    this.paint();
    this.later();
  }

  paint() {
    const layer = this.layer();
    const colours = this.numbers.colours(layer, this.data, this.only);
    if (!colours) return;
    this.pen.setColours(colours);
    this.painted = true;
    this.root.dataset.painted = `${this.data.graph.id} ${layer.id}`;
    this.legend.draw();
  }

  visible(i) {
    if (this.only === null) return true;
    const ids = this.values("concepts");
    return !ids || ids[i] === this.only;
  }

  // -- places -------------------------------------------------------------------------------------------------------

  size() { return { width: this.view.clientWidth, height: this.view.clientHeight }; }

  unit() {
    if (!this.box) return 1;
    const { width, height } = this.size();
    const box = this.data.graph.dims === 3 ? [this.reach, this.reach] : this.box;
    return Math.min(Math.max(20, width / 2 - 14) / box[0], Math.max(20, height / 2 - 14) / box[1]) * this.scale;
  }

  onScreen(i) {
    const { width, height } = this.size();
    const unit = this.unit();
    return [width / 2 + (this.flat[3 * i] - this.x) * unit, height / 2 + (this.flat[3 * i + 1] - this.y) * unit];
  }

  inData(px, py) {
    const { width, height } = this.size();
    const unit = this.unit();
    return [(px - width / 2) / unit + this.x, (py - height / 2) / unit + this.y];
  }

  zoom(factor, px = this.size().width / 2, py = this.size().height / 2) {
    const before = this.inData(px, py);
    this.scale = clamp(this.scale * factor, 0.5, 400);
    const after = this.inData(px, py);
    this.x += before[0] - after[0];
    this.y += before[1] - after[1];
    this.later("view");
  }

  panBy(right, down) {
    this.x -= right / this.unit();
    this.y -= down / this.unit();
    this.later("view");
  }

  turnBy(right, down) {
    this.turn = [this.turn[0] + right, this.turn[1] + down];
    this.project();
    this.later();
  }

  /** Show all, from where it was looked at first. */
  unturn() {
    this.turn = [0, 0];
    this.project();
    this.home();
  }

  home(draw = true) {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    if (draw) this.later();
  }

  nearest(px, py, most) {
    if (!this.flat) return null;
    const [x, y] = this.inData(px, py);
    let [best, found] = [(most / this.unit()) ** 2, null];
    const { flat } = this;
    for (let i = 0, k = 0; k < flat.length; i++, k += 3) {
      const far = (flat[k] - x) ** 2 + (flat[k + 1] - y) ** 2;
      if (far < best && this.visible(i)) [best, found] = [far, i];
    }
    return found;
  }

  hit() { return clamp(0.75 * this.spacing * this.unit(), 9, 40); }
  /** Smaller over an image, which is to be seen between them. */
  pointSize() { return clamp(0.72 * this.spacing * this.unit(), 1.6, 22) * (this.ground.shown ? 0.5 : 1); }

  // -- drawing ------------------------------------------------------------------------------------------------------

  /** Draw in the next frame: "over", rings and lasso alone; "view", as the view has moved; or all anew. */
  later(what = "all") {
    this.what = Math.max(this.what ?? 0, ["over", "view", "all"].indexOf(what));
    this.wanted ??= requestAnimationFrame(() => {
      const { what: most } = this;
      this.wanted = this.what = null;
      this.draw(most);
    });
  }

  draw(what = 2) {
    const ratio = pixelRatio();
    const { width, height } = this.size();
    if (!this.flat || !this.painted || !width) return;
    if (fitCanvas(this.canvas, width, height)) what = 2;
    if (this.focus !== null && this.focus !== undefined && this.focus * 3 < this.flat.length) {
      this.scale = Math.max(this.scale, Math.min(60, Math.min(...this.box) / (this.spacing * 8)));
      [this.x, this.y] = [this.flat[3 * this.focus], this.flat[3 * this.focus + 1]];
      this.focus = null;
      what = 2;
    }
    const view = { width, height, unit: this.unit(), x: this.x, y: this.y };
    const size = this.pointSize();
    if (what === 1 && this.cost > SLOW && this.drawn) this.slide(view);
    else if (what) this.drawAll(view, size, ratio);
    this.over.draw(size);
    this.over.drawScale(view.unit);
  }

  drawAll(view, size, ratio) {
    clearTimeout(this.settling);
    const n = this.flat.length / 3;
    const began = performance.now();
    this.pen.draw(view, n, size, ratio, this.data.graph.dims === 3 ? this.reach * 1.05 : 0, this.ink);
    this.cost = n < MANY ? 0 : this.pen.finish(began);
    this.ground.draw(view, ratio, size);
    this.drawn = view;
    for (const canvas of [this.canvas, this.ground.canvas]) canvas.style.transform = "";
  }

  /** Move the picture that is there, and draw anew once the view rests: where points are many and drawn in software. */
  slide(view) {
    const { drawn } = this;
    const [right, down] = [(drawn.x - view.x) * view.unit, (drawn.y - view.y) * view.unit];
    for (const canvas of [this.canvas, this.ground.canvas]) canvas.style.transform = `translate(${right}px, ${down}px) scale(${view.unit / drawn.unit})`;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.later(), RESTS);
  }

  // -- what a person does -------------------------------------------------------------------------------------------

  choose(id) {
    if (!this.data.layers.some((layer) => layer.id === id)) return;
    this.layerId = id;
    if (this.layer().kind !== "concept") this.only = null;
    this.bar.draw();
    this.show();
  }

  showOnly(id) {
    this.only = id;
    this.paint();
    this.later();
  }

  use(tool) {
    this.tool = tool;
    if (tool === "move") this.lasso.end();
    this.bar.draw();
  }

  async toggleEdges() {
    if (this.edges) this.edges = null;
    else {
      const id = this.graphId;
      const edges = new Uint32Array(await fetchBytes(this.data.graph.edges));
      if (id !== this.graphId) return;
      this.edges = edges;
    }
    this.pen.setEdges(this.edges);
    this.root.dataset.edges = this.edges ? this.edges.length / 2 : "";
    this.bar.draw();
    this.later();
  }

  pick(i) {
    this.send("pick", { token: i });
  }

  point(i) {
    if (i === this.at) return;
    this.at = i;
    this.over.tell(i === null ? null : this.about(i), i === null ? null : this.onScreen(i));
    this.later("over");
  }

  about(i) {
    const { concepts, words } = this.data;
    const concept = concepts.find(({ id }) => id === this.values("concepts")?.[i]);
    const score = this.values("map")?.[i];
    const layer = this.layer();
    const lines = [concept?.name ?? `${words.token} ${i}`];
    lines.push(score === undefined || Number.isNaN(score) ? "no score" : `score ${signed(score)}`);
    if (!["map", "concepts"].includes(layer.id)) {
      const value = this.values(layer.id)?.[i];
      if (value !== undefined && !Number.isNaN(value)) lines.push(`${layer.label}: ${layer.kind === "diverging" ? signed(value) : number(value)}`);
    }
    return lines;
  }

  key(event) {
    const letter = event.key.toLowerCase();
    const step = undoOrRedo(event);
    if (step) {
      this.send("step", { step, at: Date.now() });
      event.preventDefault();
    }
    if (withModifier(event)) return;
    if (ARROWS[event.key]) this.step(ARROWS[event.key]);
    else if (event.key === "Enter" && this.at !== null) this.pick(this.at);
    else if (letter === "+" || letter === "=") this.zoom(1.5);
    else if (letter === "-") this.zoom(1 / 1.5);
    else if (letter === "0") this.home();
    else if (letter === "e") this.toggleEdges();
    else if (letter === "i" && this.ground.there) this.ground.toggle();
    else if (letter === "l" && this.data.marking) this.use("lasso");
    else if (event.key === "Escape") this.use("move");
    else if (LAYER_KEYS[letter]) this.choose(LAYER_KEYS[letter]);
    else return;
    event.preventDefault();
  }

  /** The nearest point in a direction from the one pointed at, the selected one, or the middle. */
  step(way) {
    if (!this.flat) return;
    const from = this.at ?? this.data.selected ?? null;
    const place = (i) => (i === from || this.visible(i) ? [this.flat[3 * i], this.flat[3 * i + 1]] : null);
    const to = from === null ? this.nearest(this.size().width / 2, this.size().height / 2, 1e6)
      : nextPoint(this.flat.length / 3, from, way, place);
    if (from !== null && to === null) return;
    this.point(to);
    if (this.at === null) return;
    const { width, height } = this.size();
    const [px, py] = this.onScreen(this.at);
    if (px < 20 || py < 20 || px > width - 20 || py > height - 20) [this.x, this.y] = [this.flat[3 * this.at], this.flat[3 * this.at + 1]];
    this.said.textContent = this.about(this.at).join(", ");
  }

  destroy() {
    this.resized.disconnect();
    clearTimeout(this.settling);
    this.root.replaceChildren();
  }
}
