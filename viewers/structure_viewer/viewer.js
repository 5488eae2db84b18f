// The structure viewer: 3Dmol for the model, a sequence strip below it, and two maps that need no WebGL.
//
// Colours, view and frame live in the browser: changing them runs no Python. A residue that is picked goes to Python,
// whose answer (its neighbours, its explanation) comes back as new data; the camera stays where it is.
import { ARROWS, el, fitHeight, loadLibrary, onTheme, press, rampKey, recall, remember, request, signed, styleOf } from "../web/kit.js";
import { ContactMap, FlatGraph } from "./maps.js";
import { inkOn, rampColour, turnOf } from "./parts.js";
import { Strip } from "./strip.js";
import { isFree, Tools } from "./tools.js";

const VIEWS = { model: "3D", graph: "Graph", map: "Contact map" };
const COLOURS = { score: "Score", concept: "Concept" };
const SHAPES = { cartoon: "Cartoon", surface: "Surface" };
const METALS = new Set(["LI", "NA", "K", "RB", "CS", "BE", "MG", "CA", "SR", "BA", "AL", "MN", "FE", "CO", "NI", "CU", "ZN", "CD", "HG", "PB", "PT", "AU", "AG", "MO", "W", "V", "CR", "YB", "SM", "GD", "EU", "TB"]);
const PLAIN = "#c9c9c9";
const isContext = (atom) => atom.chain.startsWith("C");

function hasWebGL() {
  try {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  } catch { return false; }
}

export class Viewer {
  constructor(root, component) {
    this.node = root;
    this.hovered = null;
    this.frame = 0;
    this.shown = { view: "model", colour: "score", shape: "cartoon", sticks: true, ligands: true, context: true, spin: false, ...recall("prospector-structure") };
    this.webgl = hasWebGL();
    window.__prospectorShown = this; // what is on show, for tests and for the curious
    this.texts = new Map();
    this.build();
    this.update(component);
  }

  // ---- what it is made of

  build() {
    const group = (label, options, act) => {
      const buttons = Object.entries(options).map(([name, words]) =>
        el("button", { type: "button", "data-name": name, onclick: () => act(name) }, words));
      return el("div", { class: "sv-group", role: "group", "aria-label": label }, ...buttons);
    };
    const toggle = (name, words, title) =>
      el("label", { class: "sv-toggle", title }, el("input", { type: "checkbox", "data-name": name,
        onchange: (event) => { this.set({ [name]: event.target.checked }); } }), words);
    this.views = group("View", VIEWS, (view) => this.set({ view }));
    this.colours = group("Colour", COLOURS, (colour) => this.set({ colour }));
    this.shapes = group("Shape", SHAPES, (shape) => this.set({ shape }));
    this.sticks = toggle("sticks", "Top residues", "Residues with the highest scores as sticks, with their names");
    this.ligands = toggle("ligands", "Ligands", "Ligands and metals: what the file has beside the protein. It is only drawn: neither encoder nor graph ever sees it");
    this.context = toggle("context", "Partners", "Other chains, DNA and RNA nearby, pale. They are only drawn: neither encoder nor graph ever sees them");
    this.tools = new Tools(this);
    this.home = el("button", { type: "button", class: "sv-home", title: "Show all (0)", onclick: () => this.reset() }, "All");
    this.bar = el("div", { class: "sv-bar" }, this.views, this.colours, this.shapes, this.sticks, this.ligands, this.context, this.tools.goTo, this.tools.node, this.tools.full);
    this.model = el("div", { class: "sv-model", tabindex: 0, role: "application",
      "aria-label": "Structure in 3D. Arrow keys turn it, plus and minus zoom, 0 shows all; residues are chosen in the sequence below" });
    this.graph = new FlatGraph(this);
    this.map = new ContactMap(this);
    this.tip = el("div", { class: "sv-tip", hidden: "" });
    this.notice = el("div", { class: "sv-notice", role: "status", hidden: "" });
    this.stage = el("div", { class: "sv-stage" }, this.model, this.home, this.graph.node, this.map.node, this.tip, this.notice);
    this.strip = new Strip(this);
    this.slider = el("input", { type: "range", min: 0, value: 0, "aria-label": "Frame", oninput: () => this.scrub(Number(this.slider.value)) });
    this.slider.addEventListener("change", () => this.send?.("frame", { frame: this.frame }));
    this.frameWords = el("span", { class: "sv-frame" });
    this.play = el("button", { type: "button", class: "sv-home", onclick: () => this.playing() }, "Play");
    this.timeline = el("div", { class: "sv-timeline", hidden: "" }, this.play, this.slider, this.frameWords);
    this.legend = el("div", { class: "sv-legend" });
    this.node.replaceChildren(this.bar, this.stage, this.timeline, this.strip.node, this.legend);
    this.model.addEventListener("keydown", (event) => this.key(event));
    this.model.addEventListener("pointermove", (event) => { this.pointer = [event.offsetX, event.offsetY]; });
    this.model.addEventListener("pointerleave", () => this.hover(null));
    this.resized = new ResizeObserver(() => this.viewer?.resize());
    this.resized.observe(this.model);
    this.themed = onTheme(() => this.paint());
  }

  destroy() {
    clearInterval(this.timer);
    this.resized.disconnect();
    this.themed.disconnect();
    for (const part of [this.strip, this.graph, this.map]) part.resized.disconnect();
    this.viewer?.clear?.();
    this.model.replaceChildren();
    this.viewer = null;
  }

  update(component) {
    const before = this.data;
    this.data = component.data;
    this.send = component.setTriggerValue;
    this.waiting = false;
    fitHeight(this.node, this.data.height, 520, this.data.above);
    this.byId = new Map(this.data.concepts.map((concept) => [concept.id, concept]));
    const { frames } = this.data;
    if (before?.id !== this.data.id) {
      this.frame = Math.min(this.data.frame ?? 0, Math.max(0, (frames?.numbers.length ?? 1) - 1));
      this.strip.cursor = null;
      this.strip.scroller.scrollLeft = 0;
      this.camera = null;
    }
    if (frames) {
      this.timeline.hidden = false;
      this.slider.max = frames.numbers.length - 1;
      this.slider.value = this.frame;
    } else this.timeline.hidden = true;
    this.open();
    const other = this.data.selected !== null && before?.selected !== this.data.selected;
    if (other) {
      this.strip.reveal(this.data.selected);
    }
    this.paint();
    if ((other && this.data.focus) || (this.flight && this.neighbours().length)) this.toSelected();
  }

  // ---- what parts ask

  get offset() { return this.data.frames ? this.frame * this.data.letters.length : 0; }
  score(i) { return this.data.frames ? this.data.frames.scores[this.frame][i] : this.data.scores[i]; }
  conceptId(i) { return this.data.frames ? this.data.frames.concepts[this.frame][i] : this.data.sprite[i]; }
  concept(i) { return this.byId.get(this.conceptId(i)) ?? { name: "?", colour: "#8c8c8c" }; }
  residue(i) { return this.data.labels[i]; }
  colour(i) { return this.shown.colour === "concept" ? this.concept(i).colour : rampColour(this.data.ramp, this.score(i), this.data.limit); }
  neighbours() { return this.data.selected === null || (this.data.frames && this.data.frame !== this.frame) ? [] : this.data.neighbours; }
  isLit(i) { return this.lit?.has(i) ?? false; }

  pick(i) {
    this.waiting = true;
    this.data.selected = i;
    this.data.neighbours = [];
    this.paint();
    this.send("pick", { token: i + this.offset });
  }

  hover(i, words = null) {
    if (i === this.hovered && !words) return;
    this.hovered = i;
    this.tip.hidden = i === null;
    if (i !== null) {
      const score = this.score(i);
      this.tip.textContent = words ?? `${this.residue(i)} · ${this.concept(i).name} · ${score === null ? "excluded" : signed(score)}`;
    }
    this.strip.draw();
    if (this.shown.view === "graph") this.graph.draw();
    if (this.shown.view === "map") this.map.draw();
    if (this.shown.view === "model") this.halo();
  }

  set(change) {
    Object.assign(this.shown, change);
    remember("prospector-structure", this.shown);
    this.open();
    this.paint();
  }

  // ---- the model

  async open() {
    if (!this.webgl) {
      if (this.shown.view === "model") this.shown.view = "graph";
      this.notice.textContent = "This browser shows no 3D (WebGL is off). Graph, contact map and sequence work as usual.";
      this.notice.hidden = false;
      return;
    }
    const url = this.data.frames ? this.data.frames.urls[this.frame] : this.data.atoms;
    if (!url) {
      this.notice.textContent = this.data.missing || "The structure file is not there: graph, contact map and sequence work all the same.";
      this.notice.hidden = false;
      if (this.shown.view === "model") this.shown.view = "graph";
      return;
    }
    this.notice.hidden = true;
    if (this.wanted === url) return;
    this.wanted = url;
    try {
      const [molecules, text] = await Promise.all([loadLibrary(new URL("./threedmol.min.js", import.meta.url).href, "$3Dmol"), this.text(url)]);
      if (this.wanted !== url) return; // another was asked for meanwhile
      if (!this.viewer) {
        this.viewer = molecules.createViewer(this.model, { backgroundColor: "white", antialias: true, disableFog: false });
        if (!this.viewer) throw new Error("no WebGL");
      }
      this.put(text);
      this.loaded = url;
      this.paint();
    } catch (error) {
      console.warn(error);
      this.wanted = null;
      this.webgl = false;
      this.shown.view = this.shown.view === "model" ? "graph" : this.shown.view;
      this.notice.textContent = "The 3D view could not be started here. Graph, contact map and sequence work as usual.";
      this.notice.hidden = false;
      this.paint();
    }
  }

  async text(url) {
    if (!this.texts.has(url)) {
      const text = await (await request(url)).text();
      if (this.texts.size > 80) this.texts.clear();
      this.texts.set(url, text);
    }
    return this.texts.get(url);
  }

  put(text) {
    const same = this.placed === this.data.id, { viewer } = this;
    this.camera = same ? viewer.getView() : null;
    viewer.removeAllModels();
    viewer.removeAllSurfaces();
    this.surface = null;
    this.gl = viewer.addModel(text, "mmcif", { doAssembly: false, keepH: false });
    this.tokenAt = new Map(this.data.resi.map((resi, token) => [resi, token]));
    const isResidue = (atom) => atom.chain === "P" && this.tokenAt.has(atom.resi);
    viewer.setClickable({}, true, (atom) => {
      if (this.tools.on) this.tools.take(atom);
      else if (isResidue(atom)) { this.flight = true; this.pick(this.tokenAt.get(atom.resi)); }
    });
    viewer.setHoverable({}, true, (atom) => {
      if (isResidue(atom)) this.hover(this.tokenAt.get(atom.resi));
      else { this.hover(null); this.tip.hidden = false; this.tip.textContent = `${atom.resn} (${atom.elem}), only shown`; }
    }, () => this.hover(null));
    viewer.setHoverDuration(60);
    if (same && this.camera) viewer.setView(this.camera);
    else { viewer.zoomTo(); viewer.zoom(1.2); }
    this.placed = this.data.id;
  }

  /** What stands around is nearer to the background than anything else. */
  pale() { return this.dark() ? "#5c5c5c" : "#dcdcdc"; }
  dark() { return inkOn(this.background()) === "#fff"; }

  background() { return styleOf(this.node, "--st-background-color", "#ffffff"); }

  style() {
    const { viewer, data, shown } = this;
    if (!viewer || !this.gl || !this.tokenAt) return;
    const colour = (atom) => (this.tokenAt.has(atom.resi) ? this.colour(this.tokenAt.get(atom.resi)) : PLAIN);
    viewer.setBackgroundColor(this.background());
    viewer.setStyle({}, {});
    const protein = { chain: "P" };
    viewer.setStyle(protein, data.only_alpha ? { cartoon: { colorfunc: colour, style: "trace", thickness: 0.5 } } : { cartoon: { colorfunc: colour, thickness: 0.35 } });
    if (shown.sticks && !data.only_alpha) {
      const top = data.top.map((token) => data.resi[token]);
      if (top.length) viewer.addStyle({ ...protein, resi: top }, { stick: { radius: 0.17, colorfunc: colour } });
    }
    const near = [...this.neighbours().map(({ token }) => token), ...(data.selected === null ? [] : [data.selected])];
    if (near.length && !data.only_alpha) viewer.addStyle({ ...protein, resi: near.map((token) => data.resi[token]) }, { stick: { radius: 0.14, colorfunc: colour } });
    const ligand = { chain: "L" };
    if (shown.context) viewer.setStyle({ predicate: isContext }, { cartoon: { color: this.pale(), opacity: 0.65, thickness: 0.3 } });
    if (shown.ligands) {
      viewer.addStyle(ligand, { stick: { radius: 0.16, colorscheme: "Jmol" } });
      viewer.addStyle({ ...ligand, predicate: (atom) => METALS.has(String(atom.elem).toUpperCase()) }, { sphere: { radius: 1.0, colorscheme: "Jmol" } });
    }
    const wanted = shown.shape === "surface" ? `${this.loaded} ${shown.colour} ${data.fit}` : null;
    if (this.surface !== wanted) {
      viewer.removeAllSurfaces();
      if (wanted) viewer.addSurface(window.$3Dmol.SurfaceType.VDW, { opacity: 0.82, colorfunc: colour }, protein, protein);
      this.surface = wanted;
    }
    this.shapesOf();
    viewer.render();
  }

  /** Lines to the neighbours that the selected residue's score comes from, and names. */
  shapesOf() {
    const { viewer, data } = this;
    viewer.removeAllShapes();
    viewer.removeAllLabels();
    this.haloShape = null;
    const alpha = (token) => this.gl.selectedAtoms({ chain: "P", resi: data.resi[token], atom: "CA" })[0];
    const dark = styleOf(this.node, "--st-text-color", "#222222");
    const spots = [];
    const label = (token, strong) => {
      const atom = alpha(token);
      if (!atom) return;
      const { x, y } = viewer.modelToScreen(atom);
      if (!strong && !isFree([x, y], spots)) return; // a name that covers another is none
      spots.push([x, y]);
      viewer.addLabel(`${data.letters[token]}${data.numbers[token]}`, { position: atom, fontSize: strong ? 14 : 11, fontColor: "#111111",
        backgroundColor: strong ? "#ffffff" : "#f4f4f4", backgroundOpacity: 0.82, borderThickness: strong ? 1.2 : 0, borderColor: "#111111", inFront: true });
    };
    if (data.selected !== null) label(data.selected, true);
    for (const { token } of this.neighbours()) label(token, false);
    if (this.shown.sticks) for (const token of data.top.slice(0, 12)) if (token !== data.selected) label(token, false);
    this.labelled = spots;
    this.tools.draw(viewer, dark);
    if (data.selected !== null) {
      const centre = alpha(data.selected);
      if (centre) {
        viewer.addSphere({ center: centre, radius: 1.1, color: dark, opacity: 0.35 });
        for (const { token, colour } of this.neighbours()) {
          const end = alpha(token);
          if (end) viewer.addCylinder({ start: centre, end, radius: 0.12, color: colour, dashed: false, fromCap: 1, toCap: 1 });
        }
      }
    }
  }

  halo() {
    if (!this.viewer || !this.gl || !this.tokenAt) return;
    if (this.haloShape) this.viewer.removeShape(this.haloShape);
    this.haloShape = null;
    const atom = this.hovered === null ? null : this.gl.selectedAtoms({ chain: "P", resi: this.data.resi[this.hovered], atom: "CA" })[0];
    if (atom) this.haloShape = this.viewer.addSphere({ center: atom, radius: 1.3, color: "#1a6dcc", opacity: 0.45 });
    this.viewer.render();
  }

  /** Fly to the selected residue. */
  toSelected() {
    if (this.viewer && this.gl && this.data.selected !== null) {
      this.flight = false;
      this.viewer.zoomTo({ chain: "P", resi: [this.data.selected, ...this.data.neighbours.map(({ token }) => token)].map((token) => this.data.resi[token]) });
      this.viewer.zoom(0.7);
      this.style(); // names have other places now
    }
  }

  reset() {
    this.viewer?.zoomTo();
    this.viewer?.zoom(1.2);
    this.viewer?.render();
  }

  key(event) {
    if (ARROWS[event.key]) this.viewer?.rotate(...turnOf(ARROWS[event.key]));
    else if (event.key === "+" || event.key === "=") this.viewer?.zoom(1.2);
    else if (event.key === "-") this.viewer?.zoom(1 / 1.2);
    else if (event.key === "0") this.reset();
    else return;
    event.preventDefault();
  }

  // ---- frames

  scrub(frame) {
    this.frame = frame;
    this.open();
    this.paint();
  }

  playing() {
    if (this.timer) {
      clearInterval(this.timer);
      this.timer = null;
      this.play.textContent = "Play";
      this.send("frame", { frame: this.frame });
      return;
    }
    this.play.textContent = "Stop";
    this.timer = setInterval(() => {
      this.scrub((this.frame + 1) % this.data.frames.numbers.length);
      this.slider.value = this.frame;
    }, 400);
  }

  // ---- drawing

  paint() {
    if (!this.data) return;
    const { shown, data } = this, view = this.webgl || shown.view !== "model" ? shown.view : "graph";
    for (const [group, now] of [[this.views, view], [this.colours, shown.colour], [this.shapes, shown.shape]]) {
      for (const button of group.children) press(button, button.dataset.name === now);
    }
    this.views.firstChild.disabled = !this.webgl;
    for (const name of ["sticks", "ligands", "context"]) this[name].querySelector("input").checked = shown[name];
    this.ligands.hidden = !data.has_ligands;
    this.context.hidden = !data.has_context || view !== "model";
    this.tools.paint(view === "model");
    for (const part of [this.shapes, this.sticks, this.home]) part.hidden = view !== "model";
    if (view !== "model") this.ligands.hidden = true;
    this.model.hidden = view !== "model";
    this.graph.node.hidden = view !== "graph";
    this.map.node.hidden = view !== "map";
    this.lit = new Set([...data.top, ...this.neighbours().map(({ token }) => token)]);
    if (data.frames) this.frameWords.textContent = `Frame ${data.frames.numbers[this.frame]} (${this.frame + 1} of ${data.frames.numbers.length})`;
    if (view === "model") this.style();
    if (view === "graph") this.graph.draw();
    if (view === "map") this.map.draw();
    this.strip.draw();
    this.drawLegend(view);
  }

  drawLegend(view) {
    const { data } = this;
    const byScore = view === "map" || this.shown.colour === "score", limit = view === "map" ? data.pair_limit : data.limit;
    if (byScore) {
      this.legend.replaceChildren(
        rampKey("sv-ramp", data.ramp, data.classes.map((name) => `speaks for ${name}`), [signed(-limit), "0", signed(limit)]),
        el("span", { class: "sv-unit" }, view === "map" ? `weight of the pair (${data.unit}); blank: not in contact` : `prospect score (${data.unit}, summed)`));
      return;
    }
    const here = new Set(data.letters.split("").map((_, i) => this.conceptId(i)));
    this.legend.replaceChildren(...data.concepts.filter(({ id }) => here.has(id)).map(({ name, colour, excluded }) => {
      return el("span", { class: `sv-key${excluded ? " sv-out" : ""}` }, el("i", { style: `background:${colour}` }), name);
    }));
  }
}
