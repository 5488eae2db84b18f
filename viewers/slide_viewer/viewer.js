// The slide viewer: OpenSeadragon for the tiles (stage.js), and one canvas above it for everything that is drawn on the
// slide (drawing.js). This file holds what a person has chosen, and the frame around both.

import { button, clamp, el, fitHeight, group, press, recall, remember } from "../web/kit.js";
import { Drawing } from "./drawing.js";
import { pressKey } from "./keys.js";
import { Legend, shareWords } from "./legend.js";
import { Marking } from "./marking.js";
import { Pictures } from "./pictures.js";
import { Readouts } from "./readouts.js";
import { Stage } from "./stage.js";
import { icon, Tools } from "./tools.js";

const LAYERS = {
  map: ["Map", "Show the prospect map", "1"],
  sprite: ["Concepts", "Show the concepts", "2"],
  error: ["Uncertainty", "Show how unsure the map is", "3"],
  class: ["Classes", "Show which class each place speaks for most", "5"],
  change: ["Change", "Show what changed", "4"],
  none: ["Tissue", "Show the tissue alone", "0"],
};

export class Viewer {
  constructor(root, component) {
    this.root = root;
    this.data = null;
    this.gone = false;
    this.key = component.data.key;
    const kept = recall(`prospector.layer.${this.key}`);
    const { layer, opacity } = component.data;
    this.asked = { layer, opacity };
    const same = kept && kept.askedLayer === layer && kept.askedOpacity === opacity;
    this.layer = same ? kept.layer : layer;
    this.opacity = same ? kept.opacity : opacity;
    this.threshold = kept?.threshold ?? 0; // share of the legend's limit: it stays sensible when a refit changes that
    this.hatched = Boolean(kept?.hatched);
    this.outlined = Boolean(kept?.outlined);
    this.marked = kept?.marked ?? true;
    this.near = kept?.near ?? true;
    this.highlight = null;
    this.pending = null;
    this.outbox = [];
    this.marking = new Marking({
      done: (mark) => this.tell({ mark: { ...mark, slide: this.data.slide.id } }),
      changed: () => this.draw(),
    });
    const canvas = el("canvas", { class: "pv-overlay", "aria-hidden": "true" });
    this.stage = new Stage(this, canvas);
    this.drawing = new Drawing(this, canvas);
    this.pictures = new Pictures(this);
    this.readouts = new Readouts(this);
    this.tools = new Tools(this);
    this.legend = new Legend(this);
    this.build();
    this.update(component);
  }

  // -- the frame ---------------------------------------------------------------------------------------------------

  build() {
    const labelled = (label, key, content, act) => button(content, `${label} (${key})`, act, { "aria-label": label });
    this.layerButtons = Object.fromEntries(Object.entries(LAYERS).map(([layer, [text, label, key]]) =>
      [layer, labelled(label, key, text, () => this.setLayer(layer))]));
    const slider = (title, label, act) => el("input", { type: "range", min: 0, max: 100, step: 1, title, "aria-label": label, oninput: act });
    this.slider = slider("Opacity of the overlay ([ and ])", "Opacity of the overlay", () => this.setOpacity(this.slider.value / 100));
    this.least = slider("Hide weaker scores, of either sign (, and .)", "Least score shown", () => this.setThreshold(this.least.value / 100));
    this.share = el("output", { class: "pv-share" });
    const bar = el("div", { class: "pv-bar", role: "toolbar", "aria-label": "Slide viewer" },
      group("pv-group pv-layers", "Layer", ...Object.values(this.layerButtons)),
      el("label", { class: "pv-opacity" }, el("span", {}, "Opacity"), this.slider),
      el("label", { class: "pv-opacity" }, el("span", {}, "Threshold"), this.least, this.share),
      el("span", { class: "pv-gap" }),
      this.readouts.magnification,
      group("pv-group", "View",
        labelled("Zoom out", "-", icon("minus"), () => this.stage.zoom(1 / 1.6)),
        labelled("Zoom in", "+", icon("plus"), () => this.stage.zoom(1.6)),
        labelled("Whole slide", "r", icon("fit"), () => this.stage.home()),
        labelled("Full screen", "f", icon("full"), () => this.fullScreen())));
    this.notice = el("div", { class: "pv-notice", role: "status", hidden: "" });
    this.view = el("div", { class: "pv-view" }, this.stage.node, this.readouts.scale, this.readouts.node, this.tools.node, this.notice,
      el("div", { class: "pv-cross", "aria-hidden": "true" }));
    this.root.replaceChildren(bar, this.view, this.legend.node);
    this.listen();
  }

  listen() {
    this.onKey = (event) => pressKey(this, event);
    this.root.addEventListener("keydown", this.onKey, true);
    // Streamlit's own shortcuts (r, c) listen on the document.
    this.root.addEventListener("keypress", (event) => event.target.tagName !== "INPUT" && event.stopPropagation());
    // OpenSeadragon takes the focus at each click; the ring and the cross are for those who came by keyboard.
    this.view.addEventListener("pointerdown", () => this.view.classList.add("pv-mouse"), true);
    this.view.addEventListener("pointermove", (event) => this.readouts.pointAt(event));
    this.view.addEventListener("focusout", () => this.view.classList.remove("pv-mouse"));
    this.view.addEventListener("pointerleave", () => {
      this.readouts.node.hidden = true;
      this.hover(null);
    });
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.view);
  }

  say(text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }

  fullScreen() {
    if (this.root.getRootNode().fullscreenElement === this.root) document.exitFullscreen();
    else this.root.requestFullscreen?.().catch(() => {});
  }

  // -- from and to Python ------------------------------------------------------------------------------------------

  update(component) {
    const { data } = component;
    const before = this.data;
    this.data = data;
    this.hovered = null;
    this.send = component.setTriggerValue;
    this.legend.node.classList.toggle("pv-many", data.concepts.length > 21); // the same in all layers: the slide does not jump
    fitHeight(this.root, data.height, 420, data.above);
    if (data.layer !== this.asked.layer) this.layer = data.layer;
    // undone, a new fit, or another study
    if (["change", "class"].includes(this.layer) && !data.overlays.some((overlay) => overlay.kind === this.layer)) this.layer = "map";
    if (data.opacity !== this.asked.opacity) this.opacity = data.opacity;
    this.asked = { layer: data.layer, opacity: data.opacity };
    this.outbox = this.outbox.filter(({ number }) => number > data.heard);
    this.pending = null;
    if (before && before.slide.id !== data.slide.id) {
      this.highlight = null;
      this.marking.choose(null);
      this.stage.unlink(); // joined again where the new slide stands
    }
    if (!data.marking) this.marking.choose(null);
    this.drawing.outlines.clear();
    if (!data.concepts.some((concept) => concept.id === this.highlight)) this.highlight = null;
    this.pictures.load();
    this.pictures.loadTiles();
    this.showLayer();
    this.stage.update(before);
    this.tools.show();
    this.readouts.showScale();
    this.draw();
  }

  /** Tell Python of an edit. Streamlit may let a later message replace an earlier one: all that are not confirmed go again. */
  tell(edit) {
    this.last = Math.max(this.last ?? 0, this.data.heard) + 1;
    this.outbox = [...this.outbox, { ...edit, number: this.last }];
    this.send("edits", this.outbox);
  }

  pick(at, byKey) {
    const { slide } = this.data;
    if (!(at.x >= 0 && at.y >= 0 && at.x < slide.width && at.y < slide.height)) return;
    this.pending = { x: at.x, y: at.y };
    this.draw();
    const full = this.readouts.fullMagnification();
    this.send("click", {
      x: Math.floor(at.x), y: Math.floor(at.y), slide: slide.id, layer: this.layer, zoom: this.stage.k,
      magnification: full ? full * this.stage.k : null, keyboard: byKey,
    });
  }

  // -- what a person chooses ---------------------------------------------------------------------------------------

  setLayer(layer) {
    this.layer = layer;
    this.keepChoice();
    const focused = this.root.getRootNode().activeElement;
    this.showLayer();
    if (focused?.disabled) this.stage.focus(); // a slider that is now of no use would take the keys with it
    this.draw();
    this.pictures.loadLate(layer);
  }

  setThreshold(share) {
    this.threshold = clamp(Math.round(100 * share) / 100, 0, 1);
    this.keepChoice();
    this.showShare();
    this.draw();
  }

  setHatched(hatched) {
    this.hatched = hatched;
    this.keepChoice();
    this.showLayer();
    this.draw();
    if (hatched) this.pictures.loadNumbers("doubt");
  }

  setOpacity(opacity) {
    this.opacity = clamp(opacity, 0, 1);
    this.keepChoice();
    this.slider.value = Math.round(100 * this.opacity);
    this.draw();
  }

  setOutlined(outlined) {
    this.outlined = outlined;
    this.keepChoice();
    this.tools.show();
    this.draw();
  }

  setMarked(marked) {
    this.marked = marked;
    this.keepChoice();
    this.tools.show();
    this.draw();
  }

  setNear(near) {
    this.near = near;
    this.keepChoice();
    this.draw();
  }

  keepChoice() {
    const { layer, opacity, threshold, hatched, outlined, marked, near, asked } = this;
    remember(`prospector.layer.${this.key}`,
      { layer, opacity, threshold, hatched, outlined, marked, near, askedLayer: asked.layer, askedOpacity: asked.opacity });
  }

  hover(field) {
    if (field === this.hovered) return;
    this.hovered = field;
    this.draw();
  }

  leastScore() {
    return this.threshold * (this.data.legend?.limit ?? 0);
  }

  canHatch() {
    return ["map", "error"].includes(this.layer) && this.pictures.has("doubt", "doubts");
  }

  // -- what is shown of it -----------------------------------------------------------------------------------------

  draw() {
    this.drawing.draw();
  }

  /** Beside the slider: the least score shown, and how much of the tissue has it. */
  showShare() {
    this.least.value = Math.round(100 * this.threshold);
    this.least.disabled = this.layer !== "map" || !this.pictures.has("tokens", "above");
    const least = this.leastScore();
    [this.share.textContent, this.share.title] = shareWords(this.pictures.countAbove(least, this.threshold), least);
    this.least.setAttribute("aria-valuetext", this.share.textContent);
  }

  showLayer() {
    const kinds = new Set(this.data.overlays.map((overlay) => overlay.kind));
    for (const [layer, node] of Object.entries(this.layerButtons)) {
      press(node, layer === this.layer);
      node.disabled = layer !== "none" && !kinds.has(layer);
      // before the first refit there is no change, and of two classes the map says it all
      if (layer === "change" || layer === "class") node.hidden = node.disabled;
    }
    this.slider.value = Math.round(100 * this.opacity);
    this.slider.disabled = this.layer === "none";
    this.showShare();
    this.legend.show();
  }

  destroy() {
    this.gone = true;
    this.resized.disconnect();
    this.root.removeEventListener("keydown", this.onKey, true);
    this.stage.destroy();
    this.pictures.destroy();
    this.root.replaceChildren();
  }
}
