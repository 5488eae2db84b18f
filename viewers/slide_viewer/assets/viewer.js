// The slide viewer: OpenSeadragon for the tiles, and one canvas above it for everything that is drawn on the slide.
//
// Overlays are drawn by hand and not as OpenSeadragon images, because smoothing there is one switch for all: here the
// tissue is smooth and the tokens stay crisp, a hundred fields cost no more than one, and layer, opacity and highlight
// change without a word to Python.

import { Link } from "./linking.js";
import { drawRegion, EVIDENCE, Marking } from "./marking.js";
import { LEAST, Outlines } from "./outlines.js";

const LAYERS = ["map", "sprite", "error", "class", "change", "none"];
const LATE = ["error", "change", "class"]; // layers that cost the server work: only for those who look at them
const NICE = [1, 2, 5];
const ICONS = {
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3M6.5 8h3M8 6.5v3",
  full: "M9.5 3H13v3.5M13 3 9 7M6.5 13H3V9.5M3 13l4-4",
  move: "M8 1.5v13M1.5 8h13M6 3.5l2-2 2 2M6 12.5l2 2 2-2M3.5 6l-2 2 2 2M12.5 6l2 2-2 2",
  rectangle: "M2.5 4h11v8h-11z",
  polygon: "M8 2.2 13.8 6.6 11.6 13.4H4.4L2.2 6.6z",
  freehand: "M3 11.5C1 8 4 3 8.5 3.2c5 .2 6.5 5 3.5 7.3-2.5 1.9-4.5-.8-6.5.8-.8.7-1.5 2-2.5.2z",
  outlines: "M2 2.5h5.5v5H13.5v6H2zM7.5 7.5v6",
  regions: "M3 14V2.5h8.5L9.5 5.5l2 3H3",
  link: "M6.5 9.5a2.5 2.5 0 0 0 3.6 0l2.7-2.7a2.5 2.5 0 0 0-3.6-3.6L8 4.4M9.5 6.5a2.5 2.5 0 0 0-3.6 0L3.2 9.2a2.5 2.5 0 0 0 3.6 3.6L8 11.6",
};

let library = null;

/** Load OpenSeadragon once a page, as the plain script that it is. */
function loadLibrary(url) {
  if (window.OpenSeadragon) return Promise.resolve(window.OpenSeadragon);
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.OpenSeadragon);
    script.onerror = () => {
      library = null;
      reject(new Error("OpenSeadragon did not load"));
    };
    document.head.append(script);
  });
  return library;
}

const remember = (key, value) => {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    /* private windows may refuse: the view is then not kept, no more */
  }
};
const recall = (key) => {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
};

/** Make an element: el("button", {class: "x", title: "y"}, child, ...). */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const trim = (number) => String(Number(number.toPrecision(3)));
const magnified = (m) => (m >= 10 ? m.toFixed(1).replace(/\.0$/, "") : m >= 1 ? m.toFixed(1) : m.toFixed(2));

const signed = (number) => `${number < 0 ? "−" : "+"}${Math.abs(number).toFixed(2)}`;

/** What viewers/tokens.py wrote: where tokens lie, their concepts and scores. */
function readTokens(bytes) {
  const n = bytes.byteLength / 16;
  const column = (at, kind) => new kind(bytes, at * n * 4, n);
  const [rows, columns, concepts, scores] = [Int32Array, Int32Array, Int32Array, Float32Array].map((kind, at) => column(at, kind));
  const at = new Map();
  for (let i = 0; i < n; i++) at.set(`${rows[i]},${columns[i]}`, i);
  return { n, rows, columns, concepts, scores, at };
}

function readDoubt(bytes) {
  const n = (bytes.byteLength - 4) / 8;
  return { limit: new Float32Array(bytes, 0, 1)[0], error: new Float32Array(bytes, 4, n), unsure: new Int32Array(bytes, 4 + 4 * n, n) };
}

export class SlideViewer {
  constructor(root, component) {
    this.root = root;
    this.images = new Map(); // overlay id + kind -> { url, image, waiting, faded, shown, hatch }
    this.numbers = { tokens: new Map(), doubt: new Map() }; // overlay id -> { url, waiting, value }
    this.data = null;
    this.gone = false;
    this.key = component.data.key;
    const kept = recall(`prospector.layer.${this.key}`);
    const asked = component.data;
    this.asked = { layer: asked.layer, opacity: asked.opacity };
    const same = kept && kept.askedLayer === asked.layer && kept.askedOpacity === asked.opacity;
    this.layer = same ? kept.layer : asked.layer;
    this.opacity = same ? kept.opacity : asked.opacity;
    this.threshold = kept?.threshold ?? 0; // share of the legend's limit: it stays sensible when a refit changes that
    this.hatched = Boolean(kept?.hatched);
    this.outlined = Boolean(kept?.outlined);
    this.marked = kept?.marked ?? true;
    this.near = kept?.near ?? true;
    this.outlines = new Map(); // overlay id -> Outlines of its present tokens
    this.marking = new Marking({
      done: (mark) => this.tell({ mark: { ...mark, slide: this.data.slide.id } }),
      changed: () => this.draw(),
    });
    this.highlight = null;
    this.pending = null;
    this.build();
    this.update(component);
  }

  // -- the frame ---------------------------------------------------------------------------------------------------

  build() {
    const button = (label, key, content, onclick) =>
      el("button", { type: "button", title: key ? `${label} (${key})` : label, "aria-label": label, onclick }, content);
    this.layerButtons = {
      map: button("Show the prospect map", "1", "Map", () => this.setLayer("map")),
      sprite: button("Show the concepts", "2", "Concepts", () => this.setLayer("sprite")),
      error: button("Show how unsure the map is", "3", "Uncertainty", () => this.setLayer("error")),
      class: button("Show which class each place speaks for most", "5", "Classes", () => this.setLayer("class")),
      change: button("Show what changed", "4", "Change", () => this.setLayer("change")),
      none: button("Show the tissue alone", "0", "Tissue", () => this.setLayer("none")),
    };
    this.slider = el("input", {
      type: "range", min: 0, max: 100, step: 1, title: "Opacity of the overlay ([ and ])", "aria-label": "Opacity of the overlay",
      oninput: () => this.setOpacity(this.slider.value / 100),
    });
    this.least = el("input", {
      type: "range", min: 0, max: 100, step: 1, title: "Hide weaker scores, of either sign (, and .)", "aria-label": "Least score shown",
      oninput: () => this.setThreshold(this.least.value / 100),
    });
    this.share = el("output", { class: "pv-share" });
    this.readout = el("output", { class: "pv-mag", title: "Magnification on this screen" });
    this.bar = el(
      "div", { class: "pv-bar", role: "toolbar", "aria-label": "Slide viewer" },
      el("div", { class: "pv-group pv-layers", role: "group", "aria-label": "Layer" }, ...Object.values(this.layerButtons)),
      el("label", { class: "pv-opacity" }, el("span", {}, "Opacity"), this.slider),
      el("label", { class: "pv-opacity" }, el("span", {}, "Threshold"), this.least, this.share),
      el("span", { class: "pv-gap" }),
      this.readout,
      el("div", { class: "pv-group", role: "group", "aria-label": "View" },
        button("Zoom out", "-", icon("minus"), () => this.zoom(1 / 1.6)),
        button("Zoom in", "+", icon("plus"), () => this.zoom(1.6)),
        button("Whole slide", "r", icon("fit"), () => this.home()),
        button("Full screen", "f", icon("full"), () => this.fullScreen()),
      ),
    );
    this.stage = el("div", { class: "pv-osd" });
    this.canvas = el("canvas", { class: "pv-overlay", "aria-hidden": "true" });
    this.scale = el("div", { class: "pv-scale" }, el("span"), el("i"));
    this.pointer = el("span", { class: "pv-pointer" });
    this.token = el("span", { class: "pv-token", hidden: "" });
    this.readouts = el("div", { class: "pv-readouts", hidden: "" }, this.token, this.pointer);
    this.notice = el("div", { class: "pv-notice", role: "status", hidden: "" });
    this.view = el("div", { class: "pv-view" }, this.stage, this.scale, this.readouts, this.buildTools(), this.notice,
      el("div", { class: "pv-cross", "aria-hidden": "true" }));
    this.legend = el("div", { class: "pv-legend" });
    this.root.replaceChildren(this.bar, this.view, this.legend);
    this.onKey = (event) => this.keyPressed(event);
    this.root.addEventListener("keydown", this.onKey, true);
    // Streamlit's own shortcuts (r, c) listen on the document.
    this.hush = (event) => event.target.tagName !== "INPUT" && event.stopPropagation();
    this.root.addEventListener("keypress", this.hush);
    // OpenSeadragon takes the focus at each click; the ring and the cross are for those who came by keyboard.
    this.view.addEventListener("pointerdown", () => this.view.classList.add("pv-mouse"), true);
    this.view.addEventListener("pointermove", (event) => this.pointAt(event));
    this.view.addEventListener("focusout", () => this.view.classList.remove("pv-mouse"));
    this.view.addEventListener("pointerleave", () => {
      this.readouts.hidden = true;
      this.hover(null);
    });
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.view);
  }

  /** Tell Python of an edit. Streamlit may let a later message replace an earlier one: all that are not confirmed go again. */
  tell(edit) {
    this.last = Math.max(this.last ?? 0, this.data.heard) + 1;
    this.outbox = [...(this.outbox ?? []), { ...edit, number: this.last }];
    this.send("edits", this.outbox);
  }

  /** The palette on the tissue: drawing, outlines, and whether two views move together. */
  buildTools() {
    const tool = (name, label, key, onclick) =>
      el("button", { type: "button", title: `${label} (${key})`, "aria-label": label, "aria-pressed": "false", onclick }, icon(name));
    this.toolButtons = {
      move: tool("move", "Move and pick", "m", () => this.chooseTool(null)),
      rectangle: tool("rectangle", "Mark a rectangle", "b", () => this.chooseTool("rectangle")),
      polygon: tool("polygon", "Mark a polygon", "p", () => this.chooseTool("polygon")),
      freehand: tool("freehand", "Mark freehand", "d", () => this.chooseTool("freehand")),
    };
    this.outlineButton = tool("outlines", "Outlines of the concepts", "o", () => this.setOutlined(!this.outlined));
    this.regionButton = tool("regions", "Marked regions", "g", () => this.setMarked(!this.marked));
    this.linkButton = tool("link", "Move both views together", "l", () => this.setLinked(!this.link?.on));
    this.drawGroup = el("div", { class: "pv-palette", role: "group", "aria-label": "Tools" }, ...Object.values(this.toolButtons));
    this.evidence = el("div", { class: "pv-evidence", role: "group", "aria-label": "What the region is marked as", hidden: "" });
    this.palettes = el("div", { class: "pv-tools" }, this.drawGroup,
      el("div", { class: "pv-palette", role: "group", "aria-label": "Shown above the layer" }, this.outlineButton, this.regionButton, this.linkButton));
    return el("div", { class: "pv-toolbox" }, this.palettes, this.evidence);
  }

  chooseTool(tool) {
    if (tool && !this.data.marking) return;
    this.marking.choose(tool);
    this.showTools();
    if (tool) this.osd?.canvas.focus({ preventScroll: true });
  }

  chooseEvidence(evidence) {
    this.marking.evidence = evidence;
    this.showTools();
    this.evidence.querySelector("[aria-pressed=true]")?.focus();
    this.draw();
  }

  showTools() {
    const { marking, link, regions } = this.data;
    const { tool, evidence } = this.marking;
    this.drawGroup.hidden = !marking;
    for (const [name, button] of Object.entries(this.toolButtons)) button.setAttribute("aria-pressed", String((tool ?? "move") === name));
    this.outlineButton.hidden = !this.data.overlays.some((overlay) => overlay.tokens || overlay.numbers);
    this.outlineButton.setAttribute("aria-pressed", String(this.outlined));
    this.regionButton.hidden = !regions.length;
    this.regionButton.setAttribute("aria-pressed", String(this.marked));
    this.linkButton.hidden = !link;
    this.linkButton.setAttribute("aria-pressed", String(Boolean(this.link?.on)));
    this.view.classList.toggle("pv-drawing", Boolean(tool));
    this.evidence.hidden = !tool;
    if (!tool) return;
    const how = {
      rectangle: "Drag from corner to corner; or Enter sets corners at the centre.",
      polygon: "Click each corner (or Enter at the centre), then the last one again. Backspace takes one back.",
      freehand: "Draw around the region with the button held.",
    };
    this.evidence.replaceChildren(
      el("span", {}, "Mark as"),
      ...EVIDENCE.filter((each) => marking[each]).map((each) => el("button", {
        type: "button", class: `pv-as pv-${each}`, "aria-pressed": String(each === evidence), title: `${marking[each].help} (e for the next)`,
        onclick: () => this.chooseEvidence(each),
      }, marking[each].label)),
      el("span", { class: "pv-how" }, `${how[tool]} Esc ends.`));
  }

  setOutlined(outlined) {
    this.outlined = outlined;
    this.keepChoice();
    this.showTools();
    this.draw();
  }

  setMarked(marked) {
    this.marked = marked;
    this.keepChoice();
    this.showTools();
    this.draw();
  }

  /** Where this view stands, in micrometres (slide pixels where they are unknown). */
  stand() {
    if (!this.item || this.shown !== this.data.slide.id) return null;
    const unit = this.data.slide.mpp || 1;
    const centre = this.item.viewportToImageCoordinates(this.osd.viewport.getCenter(true));
    return { x: centre.x * unit, y: centre.y * unit, scale: unit / this.item.viewportToImageZoom(this.osd.viewport.getZoom(true)) };
  }

  standAt({ x, y, scale }) {
    const unit = this.data.slide.mpp || 1;
    this.osd.viewport.zoomTo(this.item.imageToViewportZoom(unit / scale), null, true);
    this.osd.viewport.panTo(this.item.imageToViewportCoordinates(new this.OSD.Point(x / unit, y / unit)), true);
  }

  setLinked(on) {
    if (this.link) on ? this.link.join() : this.link.leave();
    this.showTools();
  }

  /** Join the views that this one moves with, if it is to. */
  relink() {
    const { link } = this.data;
    if (this.link && this.link.name !== link) {
      this.link.leave();
      this.link = null;
    }
    if (link && !this.link && this.item) {
      this.link = new Link(link, { read: () => this.stand(), write: (place) => this.standAt(place) });
      this.link.join();
      if (this.data.aligned) this.link.align(); // two views of one slide begin at one place
    }
    this.showTools();
  }

  say(text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }

  // -- from Python -------------------------------------------------------------------------------------------------

  update(component) {
    const { data } = component;
    const before = this.data;
    this.data = data;
    this.hovered = null;
    this.send = component.setTriggerValue;
    this.legend.classList.toggle("pv-many", data.concepts.length > 21); // the same in all layers: the slide does not jump
    this.root.style.height = `min(${data.height}px, max(420px, 100vh - ${data.above}px))`; // its legend stays in sight
    if (data.layer !== this.asked.layer) this.layer = data.layer;
    // undone, a new fit, or another study
    if (["change", "class"].includes(this.layer) && !data.overlays.some((overlay) => overlay.kind === this.layer)) this.layer = "map";
    if (data.opacity !== this.asked.opacity) this.opacity = data.opacity;
    this.asked = { layer: data.layer, opacity: data.opacity };
    this.outbox = (this.outbox ?? []).filter(({ number }) => number > data.heard);
    this.pending = null;
    if (before && before.slide.id !== data.slide.id) {
      this.highlight = null;
      this.marking.choose(null);
      this.link?.leave(); // joined again where the new slide stands
      this.link = null;
    }
    if (!data.marking) this.marking.choose(null);
    this.outlines.clear();
    if (!data.concepts.some((concept) => concept.id === this.highlight)) this.highlight = null;
    this.loadImages();
    this.loadTiles();
    this.showLayer();
    if (!this.osd) this.open();
    else if (before.slide.id !== data.slide.id) this.reopen();
    else if (before.link !== data.link) this.relink();
    else if (data.focus && JSON.stringify(data.focus) !== JSON.stringify(before.focus)) this.goTo(data.focus);
    this.showTools();
    this.showScale();
    this.draw();
  }

  async open() {
    if (this.opening) return;
    this.opening = true;
    try {
      const OSD = await loadLibrary(this.data.assets.openseadragon);
      if (this.gone) return;
      this.create(OSD);
    } catch (error) {
      if (!this.gone) this.say("The slide viewer could not be loaded. Is the app still running?");
      console.error(error);
    } finally {
      this.opening = false;
    }
  }

  create(OSD) {
    this.OSD = OSD;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.osd = new OSD.Viewer({
      element: this.stage,
      drawer: "canvas", // WebGL is missing on remote desktops, and contexts run out on pages with several viewers
      crossOriginPolicy: false,
      showNavigationControl: false,
      showNavigator: true,
      navigatorPosition: "TOP_RIGHT",
      navigatorSizeRatio: 0.16,
      navigatorMaintainSizeRatio: false,
      navigatorAutoFade: false,
      navigatorBorderColor: "#8888",
      navigatorBackground: "#fff",
      navigatorDisplayRegionColor: "#c4500a",
      animationTime: still ? 0 : 0.5,
      springStiffness: 9,
      visibilityRatio: 0.3,
      minZoomImageRatio: 0.7,
      maxZoomPixelRatio: 8,
      imageLoaderLimit: 6,
      timeout: 60000,
      tileRetryMax: 2, // a file on a slow share may fail once
      tileRetryDelay: 1500,
      tabIndex: 0,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: false },
      gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: false },
      gestureSettingsPen: { clickToZoom: false, dblClickToZoom: false },
      gestureSettingsUnknown: { clickToZoom: false, dblClickToZoom: false },
    });
    this.osd.canvas.append(this.canvas); // above the tiles, below the navigator
    this.osd.addHandler("open", () => this.opened());
    this.osd.addHandler("open-failed", () => this.say("This slide cannot be opened."));
    this.osd.addHandler("tile-load-failed", (event) => {
      if (event.message !== "Image load aborted") this.say("Parts of this slide cannot be read. Was its file moved, or is it damaged?");
    });
    this.osd.addHandler("tile-loaded", () => this.notice.hidden || this.say(""));
    this.osd.addHandler("update-viewport", () => {
      this.link?.moved();
      this.draw();
    });
    this.osd.addHandler("animation-finish", () => this.keepView());
    this.osd.addHandler("canvas-click", (event) => {
      event.preventDefaultAction = true;
      if (!event.quick) return;
      if (!this.marking.tool) this.pick(this.toImage(event.position), false);
      else if (this.marking.tool === "polygon") this.marking.corner(this.pointOf(event), this.k);
    });
    this.osd.addHandler("canvas-double-click", (event) => (event.preventDefaultAction = true));
    this.osd.addHandler("canvas-press", (event) => this.marking.press(this.pointOf(event)));
    for (const name of ["canvas-drag", "canvas-drag-end"]) {
      this.osd.addHandler(name, (event) => {
        if (!this.marking.strokes()) return;
        event.preventDefaultAction = true; // the slide stays where it is under the stroke
        if (name === "canvas-drag") this.marking.drag(this.pointOf(event));
      });
    }
    this.osd.addHandler("canvas-release", (event) => this.marking.release(this.pointOf(event), this.k));
    this.osd.addHandler("canvas-key", (event) => (event.preventDefaultAction = true)); // keys are ours, below
    this.reopen();
  }

  reopen() {
    const { slide } = this.data;
    this.item = null;
    this.shown = slide.id;
    this.say("");
    const base = new URL(slide.url, document.baseURI).href;
    this.osd.open({
      width: slide.width,
      height: slide.height,
      tileSize: slide.tile_size,
      tileOverlap: 0,
      minLevel: slide.min_level,
      maxLevel: slide.max_level,
      getTileUrl: (level, x, y) => `${base}/${level}/${x}_${y}.jpg`,
    });
    this.osd.canvas.setAttribute("role", "application");
    this.osd.canvas.setAttribute("aria-label",
      `Slide ${slide.name || ""}. Arrow keys move, plus and minus zoom, 1 shows the map, 2 the concepts, 3 the uncertainty, 4 what changed, 0 the tissue alone, Enter picks the place at the centre.`);
  }

  opened() {
    this.item = this.osd.world.getItemAt(0);
    const kept = recall(`prospector.view.${this.key}.${this.shown}`);
    const { focus } = this.data;
    if (focus && JSON.stringify(focus) !== kept?.focus) this.goTo(focus, true); // asked for since the view was kept
    else if (kept) {
      const rect = this.item.imageToViewportRectangle(kept.x, kept.y, kept.width, kept.height);
      // By centre and width: the window may have another shape now.
      this.osd.viewport.zoomTo(1 / rect.width, null, true);
      this.osd.viewport.panTo(rect.getCenter(), true);
    }
    this.osd.viewport.applyConstraints(true);
    this.relink();
    this.showScale();
    this.draw();
  }

  keepView() {
    if (!this.item) return;
    const r = this.item.viewportToImageRectangle(this.osd.viewport.getBounds());
    remember(`prospector.view.${this.key}.${this.shown}`, { x: r.x, y: r.y, width: r.width, height: r.height, focus: JSON.stringify(this.data.focus) });
  }

  goTo({ x, y, width, height }, atOnce = false) {
    if (!this.item) return;
    const pad = Math.max(width, height) * 0.08;
    const box = this.item.imageToViewportRectangle(x - pad, y - pad, width + 2 * pad, height + 2 * pad);
    this.osd.viewport.fitBounds(box, atOnce);
  }

  // -- overlay images ----------------------------------------------------------------------------------------------

  async loadImages() {
    const wanted = new Map(this.data.overlays.filter((overlay) => overlay.url).map((overlay) => [`${overlay.kind}|${overlay.id}`, overlay]));
    for (const name of this.images.keys()) if (!wanted.has(name)) this.images.delete(name);
    for (const [name, overlay] of wanted) if (LATE.includes(overlay.kind) && this.layer !== overlay.kind) wanted.delete(name);
    // What is on screen first; the other layer follows, so that the switch is instantaneous.
    const ordered = [...wanted].sort((a, b) => (b[1].kind === this.layer) - (a[1].kind === this.layer));
    const load = async ([name, overlay]) => {
      const entry = this.images.get(name) ?? {};
      this.images.set(name, entry);
      if (entry.url === overlay.url || entry.waiting === overlay.url) return;
      entry.waiting = overlay.url;
      const image = new Image();
      image.src = new URL(overlay.url, document.baseURI).href;
      try {
        await image.decode();
      } catch {
        if (entry.waiting === overlay.url) entry.waiting = null;
        if (!this.gone) this.say("A layer could not be loaded. Reload the page.");
        return;
      }
      if (entry.waiting !== overlay.url) return; // a newer one was asked for meanwhile
      Object.assign(entry, { url: overlay.url, image, waiting: null, faded: null, shown: null, hatch: null });
      this.draw();
    };
    const first = ordered.filter(([, overlay]) => overlay.kind === this.layer);
    await Promise.all(first.map(load));
    if (this.gone) return;
    ordered.filter(([, overlay]) => overlay.kind !== this.layer).forEach(load);
    this.loadNumbers("tokens", readTokens);
    if (this.layer === "error" || this.hatched) this.loadNumbers("doubt", readDoubt);
  }

  /** Overlays of grids too large for one picture have a module of their own (token_tiles.js). */
  async loadTiles() {
    this.tiled?.update(this.data.overlays);
    if (this.tiled !== undefined || !this.data.overlays.some((overlay) => overlay.tiles)) return;
    this.tiled = null;
    try {
      const { TokenTiles } = await import(new URL(this.data.assets.token_tiles, document.baseURI).href);
      if (this.gone) return;
      this.tiled = new TokenTiles({
        changed: (legend) => {
          if (legend) this.showLayer();
          this.draw();
          if (this.pointed && !this.readouts.hidden) this.pointAt(this.pointed);
        },
        failed: () => this.say("Parts of a layer could not be loaded. Reload the page."),
      });
      this.showLayer();
      this.draw();
    } catch (error) {
      this.tiled = undefined;
      if (!this.gone) this.say("A layer could not be loaded. Reload the page.");
      console.error(error);
    }
  }

  /** The uncertainty of tiled maps, asked for when it is looked at: { limit, unsure, n } or null. */
  tiledDoubt() {
    return (this.hatched || this.layer === "error") && this.tiled ? this.tiled.summary(this.data.overlays) : null;
  }

  /** Numbers a token: "tokens" for threshold and hover, "doubt" for the uncertainty. */
  async loadNumbers(kind, read) {
    const kept = this.numbers[kind];
    const wanted = this.data.overlays.filter((overlay) => overlay[kind]);
    const ids = new Set(wanted.map((overlay) => overlay.id));
    for (const id of kept.keys()) if (!ids.has(id)) kept.delete(id);
    await Promise.all(wanted.map(async (overlay) => {
      const url = overlay[kind];
      const entry = kept.get(overlay.id) ?? {};
      kept.set(overlay.id, entry);
      if (entry.url === url || entry.waiting === url) return;
      entry.waiting = url;
      try {
        const response = await fetch(new URL(url, document.baseURI).href);
        if (!response.ok) throw new Error(`${kind}: ${response.status}`);
        const value = read(await response.arrayBuffer());
        if (entry.waiting === url) Object.assign(entry, { url, value, waiting: null });
      } catch {
        if (entry.waiting === url) entry.waiting = null;
        if (!this.gone && kept.get(overlay.id) === entry) this.say("Scores could not be loaded. Reload the page.");
      }
    }));
    if (this.gone) return;
    this.showShare();
    if (kind === "doubt") this.showLayer();
    this.draw();
  }

  /** Numbers of the datum that an overlay belongs to, if they are those of the picture that is asked for. */
  numbersOf(kind, map) {
    const entry = map && this.numbers[kind].get(map.id);
    return entry && entry.url === map[kind] ? entry.value : null;
  }

  /** Every map overlay with its tokens and doubts, as far as they are there. */
  known() {
    return this.data.overlays
      .filter((overlay) => overlay.tokens)
      .map((map) => ({ map, tokens: this.numbersOf("tokens", map), doubt: this.numbersOf("doubt", map) }))
      .filter(({ tokens }) => tokens);
  }

  /** A canvas of one pixel a token, opaque where `keep(token)`. */
  stencil([rows, columns], tokens, keep) {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: columns, height: rows });
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(columns, rows);
    for (let i = 0; i < tokens.n; i++) if (keep(i)) pixels.data[4 * (tokens.rows[i] * columns + tokens.columns[i]) + 3] = 255;
    context.putImageData(pixels, 0, 0);
    return canvas;
  }

  /** A canvas as large as `image`, painted by `paint`, and left only where `stencil` is opaque. */
  cut(image, stencil, paint) {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: image.naturalWidth, height: image.naturalHeight });
    const context = canvas.getContext("2d");
    paint(context, canvas);
    context.globalCompositeOperation = "destination-in";
    context.imageSmoothingEnabled = false;
    context.drawImage(stencil, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  /** The map without scores weaker than the threshold; excluded tokens stay, hatched. */
  above(entry, map) {
    const tokens = this.numbersOf("tokens", map);
    const least = this.leastScore();
    if (!tokens || !least) return entry.image;
    if (entry.shown?.least !== least || entry.shown.tokens !== tokens) {
      const stencil = this.stencil(map.shape, tokens, (i) => !(Math.abs(tokens.scores[i]) < least));
      entry.shown = { least, tokens, canvas: this.cut(entry.image, stencil, (context) => context.drawImage(entry.image, 0, 0)) };
    }
    return entry.shown.canvas;
  }

  /** Stripes where the sign of what is shown is not certain, or null. */
  unsure(entry, map) {
    const [tokens, doubt] = [this.numbersOf("tokens", map), this.numbersOf("doubt", map)];
    if (!this.hatched || !tokens || !doubt || doubt.error.length !== tokens.n) return null;
    const least = this.layer === "map" ? this.leastScore() : 0;
    if (entry.hatch?.least !== least || entry.hatch.doubt !== doubt) {
      const stencil = this.stencil(map.shape, tokens, (i) => doubt.unsure[i] && !(Math.abs(tokens.scores[i]) < least));
      const canvas = this.cut(entry.image, stencil, (context, { width, height }) => {
        // Across the hatch of excluded tokens, and over the whole picture: neighbours join into one area.
        const step = Math.max(4, Math.round(width / map.shape[1] / 2));
        for (const [colour, shift] of [["#fff", 0], ["#222", step / 4]]) {
          context.strokeStyle = colour;
          context.lineWidth = Math.max(1, step / 5);
          context.beginPath();
          for (let x = -height + shift; x < width; x += step) {
            context.moveTo(x, 0);
            context.lineTo(x + height, height);
          }
          context.stroke();
        }
      });
      entry.hatch = { least, doubt, canvas };
    }
    return entry.hatch.canvas;
  }

  /** The sprite with all but one concept faded; made once a highlight. */
  fade(entry, concept) {
    if (entry.faded?.concept === concept.id && entry.faded.colour === concept.colour) return entry.faded.canvas;
    const canvas = document.createElement("canvas");
    canvas.width = entry.image.naturalWidth;
    canvas.height = entry.image.naturalHeight;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(entry.image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(concept.colour.slice(at, at + 2), 16));
    for (let i = 0; i < pixels.data.length; i += 4) {
      const same = pixels.data[i] === r && pixels.data[i + 1] === g && pixels.data[i + 2] === b;
      if (!same) pixels.data[i + 3] *= 0.12;
    }
    context.putImageData(pixels, 0, 0);
    entry.faded = { concept: concept.id, colour: concept.colour, canvas };
    return canvas;
  }

  // -- drawing -----------------------------------------------------------------------------------------------------

  /** Level-0 pixels -> CSS pixels of the view: { x, y, k }. */
  transform() {
    const viewport = this.osd.viewport;
    const k = this.item.viewportToImageZoom(viewport.getZoom(true));
    const corner = this.item.imageToViewerElementCoordinates(new this.OSD.Point(0, 0));
    return { x: corner.x, y: corner.y, k };
  }

  draw() {
    const { canvas, view } = this;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(view.clientWidth * ratio);
    const height = Math.round(view.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!this.item || this.shown !== this.data.slide.id) return;
    const { x, y, k } = this.transform();
    this.k = k;
    const box = (r) => [(x + r.x * k) * ratio, (y + r.y * k) * ratio, r.width * k * ratio, r.height * k * ratio];
    const outside = ([left, top, w, h]) => left > width || top > height || left + w < 0 || top + h < 0;
    context.globalAlpha = this.opacity;
    const lit = this.layer === "sprite" && this.data.concepts.find((concept) => concept.id === this.highlight);
    this.tiled?.begin();
    const maps = new Map(this.data.overlays.filter((o) => o.tokens).map((o) => [`${o.x},${o.y},${o.width},${o.height}`, o]));
    for (const overlay of this.data.overlays) {
      if (overlay.kind !== this.layer) continue;
      if (overlay.tiles) {
        const sure = this.tiledDoubt(); // while it is computed, tiles that need it would only wait at the server
        const view = { threshold: this.threshold, hatched: this.hatched && Boolean(sure), concept: lit ? lit.id : null };
        if (!outside(box(overlay)) && (sure || this.layer !== "error")) this.tiled?.draw(context, overlay, box(overlay), width, height, view);
        continue;
      }
      const entry = this.images.get(`${overlay.kind}|${overlay.id}`);
      if (!entry?.image) continue;
      const place = box(overlay);
      if (outside(place)) continue;
      const map = maps.get(`${overlay.x},${overlay.y},${overlay.width},${overlay.height}`);
      const hatch = (this.layer === "map" || this.layer === "error") && map ? this.unsure(entry, map) : null;
      const picture = lit ? this.fade(entry, lit) : this.layer === "map" ? this.above(entry, overlay) : entry.image;
      const [w, h] = [entry.image.naturalWidth, entry.image.naturalHeight];
      // Crisp when enlarged; averaged when several tokens share a screen pixel.
      context.imageSmoothingEnabled = place[2] < w;
      context.imageSmoothingQuality = "high";
      // Only the part in view is handed over: a whole slide at full zoom is wider than a canvas may be.
      const [sx, sy] = [place[2] / w, place[3] / h];
      const x0 = Math.max(0, Math.floor(-place[0] / sx));
      const y0 = Math.max(0, Math.floor(-place[1] / sy));
      const x1 = Math.min(w, Math.ceil((width - place[0]) / sx));
      const y1 = Math.min(h, Math.ceil((height - place[1]) / sy));
      if (x1 <= x0 || y1 <= y0) continue;
      for (const each of hatch ? [picture, hatch] : [picture]) {
        context.drawImage(each, x0, y0, x1 - x0, y1 - y0, place[0] + x0 * sx, place[1] + y0 * sy, (x1 - x0) * sx, (y1 - y0) * sy);
      }
    }
    context.globalAlpha = 1;
    if (this.outlined) this.drawOutlines(context, box, outside, [width, height], ratio);
    this.tiled?.end();
    const dot = ([px, py]) => [(x + px * k) * ratio, (y + py * k) * ratio];
    const font = getComputedStyle(this.root).fontFamily;
    if (this.marked) for (const region of this.data.regions) drawRegion(context, region, dot, ratio, font);
    this.marking.draw(context, dot, ratio);
    // Those with a label last, above the outlines of their neighbours.
    const rank = (field) => (field === this.hovered ? 2 : field.selected ? 1 : 0);
    for (const field of [...this.data.fields].sort((a, b) => rank(a) - rank(b))) this.drawField(context, field, box(field), ratio, outside);
    if (this.near) this.drawNeighbours(context, box, outside, ratio);
    if (this.data.selected) this.drawMarker(context, box(this.data.selected), ratio);
    if (this.pending) {
      const [left, top] = box({ ...this.pending, width: 0, height: 0 });
      context.lineWidth = 2 * ratio;
      for (const [colour, radius] of [["#000a", 7], ["#fff", 5]]) {
        context.strokeStyle = colour;
        context.beginPath();
        context.arc(left, top, radius * ratio, 0, 2 * Math.PI);
        context.stroke();
      }
    }
    this.showScale();
  }

  drawOutlines(context, box, outside, view, ratio) {
    const colours = Object.fromEntries(this.data.concepts.filter(({ excluded }) => !excluded).map(({ id, colour }) => [id, colour]));
    for (const { map, tokens } of this.known()) {
      const place = box(map);
      if (outside(place)) continue;
      let lines = this.outlines.get(map.id);
      if (lines?.tokens !== tokens) this.outlines.set(map.id, (lines = new Outlines(map.shape, tokens)));
      lines.draw(context, place, view, ratio, colours, this.highlight);
    }
    for (const map of this.tiled ? this.data.overlays.filter((overlay) => overlay.numbers) : []) {
      const [left, top, width, height] = box(map);
      const [unit, up] = [width / map.shape[1], height / map.shape[0]];
      for (const { row, column, block } of this.tiled.inView(map, [left, top, width, height], ...view, LEAST * ratio)) {
        block.outlines ??= Outlines.ofBlock(256, block);
        const place = [left + column * unit, top + row * up, 256 * unit, 256 * up];
        block.outlines.draw(context, place, view, ratio, colours, this.highlight);
      }
    }
  }

  drawField(context, field, place, ratio, outside) {
    if (outside(place)) return;
    const [left, top, w, h] = place;
    const colour = field.colour || "#1c2430";
    for (const [line, style] of [[field.selected ? 4 : 2.5, field.selected ? "#fffc" : "#fff6"], [field.selected ? 2 : 1, colour]]) {
      context.lineWidth = line * ratio;
      context.globalAlpha = field.selected ? 1 : 0.75;
      context.strokeStyle = style;
      context.strokeRect(left, top, w, h);
    }
    context.globalAlpha = 1;
    // On an overview labels would hide the tissue: then only those that are asked for.
    const asked = field.selected || field === this.hovered;
    if (!field.label || (!asked && w < 300 * ratio)) return;
    context.font = `${field.selected ? 600 : 500} ${12 * ratio}px ${getComputedStyle(this.root).fontFamily}`;
    let text = field.label;
    const room = Math.max(w - 12 * ratio, asked ? 180 * ratio : 0);
    while (text.length > 2 && context.measureText(text).width > room) text = `${text.slice(0, -2).trimEnd()}…`;
    const wide = context.measureText(text).width + 10 * ratio;
    // The label stays in sight while any of the field's upper edge, or of its inside, does.
    const labelX = Math.min(Math.max(left, 0), Math.max(left, left + w - wide));
    const labelY = Math.min(Math.max(top, 0), top + h - 18 * ratio);
    context.fillStyle = colour;
    context.fillRect(labelX, labelY, wide, 18 * ratio);
    context.fillStyle = "#fff";
    context.textBaseline = "middle";
    context.fillText(text, labelX + 5 * ratio, labelY + 9.5 * ratio);
  }

  drawNeighbours(context, box, outside, ratio) {
    for (const each of this.data.neighbours) {
      const [left, top, w, h] = box(each);
      if (outside([left, top, w, h]) || w < 5 * ratio) continue;
      const inset = Math.min(3 * ratio, w / 6);
      for (const [colour, line] of [["#222c", 4], [each.colour, 2.4]]) {
        context.lineWidth = Math.min(line * ratio, w / 4);
        context.strokeStyle = colour;
        context.strokeRect(left + inset, top + inset, w - 2 * inset, h - 2 * inset);
      }
    }
  }

  drawMarker(context, [left, top, w, h], ratio) {
    // Never smaller than can be found again on a whole slide.
    const least = 14 * ratio;
    const grow = Math.max(0, least - w) / 2;
    const square = [left - grow, top - grow, w + 2 * grow, Math.max(h, least)];
    for (const [colour, line] of [["#000", 6], ["#fff", 3]]) {
      context.lineWidth = line * ratio;
      context.strokeStyle = colour;
      context.strokeRect(...square);
    }
  }

  // -- scale, pointer, magnification -------------------------------------------------------------------------------

  showScale() {
    if (!this.item || !this.k) return;
    const { mpp, objective_power: power } = this.data.slide;
    const unit = mpp || 1;
    const most = (Math.min(130, this.view.clientWidth / 4) / this.k) * unit; // in um, or px of the slide
    const ten = 10 ** Math.floor(Math.log10(most));
    const length = Math.max(...NICE.map((n) => n * ten).filter((n) => n <= most));
    const text = !mpp ? `${trim(length)} px` : length >= 1000 ? `${trim(length / 1000)} mm` : `${trim(length)} µm`;
    this.scale.firstChild.textContent = text;
    this.scale.lastChild.style.width = `${(length / unit) * this.k}px`;
    const full = power || (mpp ? 10 / mpp : null);
    this.readout.textContent = full ? `${magnified(full * this.k)}×` : `${trim(this.k * 100)} %`;
    this.readout.title = full ? "Magnification on this screen" : "Slide pixels on screen; the slide does not say its scale";
  }

  /** Where an event of the pointer lies on the slide: [x, y]. */
  pointOf(event) {
    const { x, y } = this.toImage(event.position);
    return [x, y];
  }

  toImage(position) {
    return this.item.viewerElementToImageCoordinates(position);
  }

  pointAt(event) {
    if (!this.item) return;
    this.pointed = event;
    const frame = this.stage.getBoundingClientRect();
    const at = this.toImage(new this.OSD.Point(event.clientX - frame.left, event.clientY - frame.top));
    const { mpp, width, height } = this.data.slide;
    this.readouts.hidden = at.x < 0 || at.y < 0 || at.x >= width || at.y >= height;
    this.marking.hover([at.x, at.y]);
    this.token.textContent = this.describe(at);
    this.token.hidden = !this.token.textContent;
    const inside = (f) => at.x >= f.x && at.y >= f.y && at.x < f.x + f.width && at.y < f.y + f.height;
    this.hover(this.data.fields.find(inside) ?? null);
    this.pointer.textContent = mpp
      ? `${((at.x * mpp) / 1000).toFixed(3)}, ${((at.y * mpp) / 1000).toFixed(3)} mm`
      : `${Math.floor(at.x)}, ${Math.floor(at.y)} px`;
  }

  /** Concept, score and, where it is known, its standard error, at a place of the slide. */
  describe(at) {
    for (const map of this.tiled ? this.data.overlays.filter((overlay) => overlay.numbers) : []) {
      const [row, column] = [((at.y - map.y) / map.height) * map.shape[0], ((at.x - map.x) / map.width) * map.shape[1]].map(Math.floor);
      const token = this.tiled.at(map, row, column, (map.width / map.shape[1]) * this.k, Boolean(this.tiledDoubt()));
      if (token) return this.sentence(token.concept, token.score, token.error, token.unsure);
    }
    for (const { map, tokens, doubt } of this.known()) {
      const row = Math.floor(((at.y - map.y) / map.height) * map.shape[0]);
      const column = Math.floor(((at.x - map.x) / map.width) * map.shape[1]);
      const i = tokens.at.get(`${row},${column}`);
      if (i === undefined) continue;
      return this.sentence(tokens.concepts[i], tokens.scores[i], doubt?.error[i], doubt?.unsure[i]);
    }
    return "";
  }

  sentence(id, score, error, unsure) {
    const name = this.data.concepts.find((concept) => concept.id === id)?.name ?? `concept ${id}`;
    if (Number.isNaN(score)) return `${name} · excluded`;
    return `${name} · ${signed(score)}${error === undefined ? "" : ` ± ${error.toFixed(2)}${unsure ? ", sign not certain" : ""}`}`;
  }

  hover(field) {
    if (field === this.hovered) return;
    this.hovered = field;
    this.draw();
  }

  // -- what a person does ------------------------------------------------------------------------------------------

  pick(at, byKey) {
    const { slide } = this.data;
    if (!(at.x >= 0 && at.y >= 0 && at.x < slide.width && at.y < slide.height)) return;
    const place = { x: Math.floor(at.x), y: Math.floor(at.y) };
    this.pending = { x: at.x, y: at.y };
    this.draw();
    const full = slide.objective_power || (slide.mpp ? 10 / slide.mpp : null);
    this.send("click", {
      ...place, slide: slide.id, layer: this.layer, zoom: this.k, magnification: full ? full * this.k : null, keyboard: byKey,
    });
  }

  setLayer(layer) {
    this.layer = layer;
    this.keepChoice();
    const focused = this.root.getRootNode().activeElement;
    this.showLayer();
    if (focused?.disabled) this.osd?.canvas.focus(); // a slider that is now of no use would take the keys with it
    this.draw();
    if (LATE.includes(layer)) this.loadImages();
  }

  leastScore() {
    return this.threshold * (this.data.legend?.limit ?? 0);
  }

  setThreshold(share) {
    this.threshold = Math.min(1, Math.max(0, Math.round(100 * share) / 100));
    this.keepChoice();
    this.showShare();
    this.draw();
  }

  /** Beside the slider: the least score shown, and how much of the tissue has it. */
  showShare() {
    this.least.value = Math.round(100 * this.threshold);
    this.least.disabled = this.layer !== "map" || !this.data.overlays.some((overlay) => overlay.tokens || overlay.above);
    const least = this.leastScore();
    let { n, high, low } = this.tiled ? this.tiled.constructor.above(this.data.overlays, this.threshold) : { n: 0, high: 0, low: 0 };
    for (const { tokens } of this.known()) {
      n += tokens.n;
      for (const score of tokens.scores) {
        if (score >= least) high += 1;
        else if (score <= -least) low += 1;
      }
    }
    const percent = (part) => `${Number(((100 * part) / n).toPrecision(2))} %`;
    this.share.textContent = n && least ? `≥ ${trim(least)}: ${percent(high + low)} of tissue` : "all tissue";
    this.share.title = n && least ? `${percent(high)} at +${trim(least)} or more, ${percent(low)} at −${trim(least)} or less` : "No score is hidden";
    this.least.setAttribute("aria-valuetext", this.share.textContent);
  }

  setHatched(hatched) {
    this.hatched = hatched;
    this.keepChoice();
    this.showLayer();
    this.draw();
    if (hatched) this.loadNumbers("doubt", readDoubt);
  }

  setOpacity(opacity) {
    this.opacity = Math.min(1, Math.max(0, opacity));
    this.keepChoice();
    this.slider.value = Math.round(100 * this.opacity);
    this.draw();
  }

  keepChoice() {
    remember(`prospector.layer.${this.key}`, {
      layer: this.layer, opacity: this.opacity, threshold: this.threshold, hatched: this.hatched, outlined: this.outlined, marked: this.marked, near: this.near,
      askedLayer: this.asked.layer, askedOpacity: this.asked.opacity,
    });
  }

  zoom(factor) {
    if (!this.item) return;
    this.osd.viewport.zoomBy(factor);
    this.osd.viewport.applyConstraints();
  }

  pan(x, y) {
    if (!this.item) return;
    const bounds = this.osd.viewport.getBounds();
    this.osd.viewport.panBy(new this.OSD.Point(x * bounds.width * 0.2, y * bounds.height * 0.2));
    this.osd.viewport.applyConstraints();
  }

  home() {
    if (this.item) this.osd.viewport.goHome();
  }

  fullScreen() {
    if (this.root.getRootNode().fullscreenElement === this.root) document.exitFullscreen();
    else this.root.requestFullscreen?.().catch(() => {});
  }

  keyPressed(event) {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && ["z", "y"].includes(event.key.toLowerCase()) && this.data.marking) {
      event.preventDefault();
      event.stopPropagation();
      const again = event.shiftKey || event.key.toLowerCase() === "y";
      if (again || !this.marking.back()) this.tell({ step: again ? "redo" : "undo" });
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) this.view.classList.remove("pv-mouse");
    const onSlider = event.target === this.slider || event.target === this.least;
    const onButton = event.target.tagName === "BUTTON";
    const actions = {
      1: () => this.setLayer("map"),
      2: () => this.setLayer("sprite"),
      3: () => this.layerButtons.error.disabled || this.setLayer("error"),
      4: () => this.layerButtons.change.disabled || this.setLayer("change"),
      5: () => this.layerButtons.class.disabled || this.setLayer("class"),
      0: () => this.setLayer("none"),
      h: () => this.setLayer("none"),
      "+": () => this.zoom(1.6),
      "=": () => this.zoom(1.6),
      "-": () => this.zoom(1 / 1.6),
      r: () => this.home(),
      f: () => this.fullScreen(),
      "[": () => this.setOpacity(this.opacity - 0.1),
      "]": () => this.setOpacity(this.opacity + 0.1),
      ",": () => this.least.disabled || this.setThreshold(this.threshold - 0.05),
      ".": () => this.least.disabled || this.setThreshold(this.threshold + 0.05),
      u: () => this.canHatch() && this.setHatched(!this.hatched),
      o: () => this.outlineButton.hidden || this.setOutlined(!this.outlined),
      n: () => {
        this.near = !this.near;
        this.keepChoice();
        this.draw();
      },
      g: () => this.regionButton.hidden || this.setMarked(!this.marked),
      l: () => this.linkButton.hidden || this.setLinked(!this.link?.on),
    };
    if (this.data.marking) {
      Object.assign(actions, {
        m: () => this.chooseTool(null),
        b: () => this.chooseTool("rectangle"),
        p: () => this.chooseTool("polygon"),
        d: () => this.chooseTool("freehand"),
      });
    }
    if (this.marking.tool) {
      actions.e = () => {
        const offered = EVIDENCE.filter((each) => this.data.marking[each]);
        this.chooseEvidence(offered[(offered.indexOf(this.marking.evidence) + 1) % offered.length]);
      };
      actions.Backspace = () => this.marking.back();
      actions.Escape = () => (this.marking.points.length ? this.marking.forget() : this.chooseTool(null));
    }
    if (!onSlider) {
      Object.assign(actions, {
        Home: () => this.home(),
        ArrowLeft: () => this.pan(-1, 0),
        ArrowRight: () => this.pan(1, 0),
        ArrowUp: () => this.pan(0, -1),
        ArrowDown: () => this.pan(0, 1),
      });
      if (!onButton && this.item) {
        actions.Enter = () => {
          const centre = this.item.viewportToImageCoordinates(this.osd.viewport.getCenter());
          if (this.marking.tool === "freehand") return;
          if (this.marking.tool) this.marking.corner([centre.x, centre.y], this.k);
          else this.pick(centre, true);
        };
      }
    }
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  // -- legend ------------------------------------------------------------------------------------------------------

  showLayer() {
    const kinds = new Set(this.data.overlays.map((overlay) => overlay.kind));
    for (const layer of LAYERS) {
      const button = this.layerButtons[layer];
      button.setAttribute("aria-pressed", String(layer === this.layer));
      button.disabled = layer !== "none" && !kinds.has(layer);
      // before the first refit there is no change, and of two classes the map says it all
      if (layer === "change" || layer === "class") button.hidden = button.disabled;
    }
    this.slider.value = Math.round(100 * this.opacity);
    this.slider.disabled = this.layer === "none";
    this.showShare();
    const { legend, concepts } = this.data;
    const scroll = this.legend.scrollTop;
    if (this.layer === "map" && legend && kinds.has("map")) this.legend.replaceChildren(this.mapLegend(legend));
    else if (this.layer === "error" && legend && kinds.has("error")) this.legend.replaceChildren(this.errorLegend(legend));
    else if (this.layer === "change" && legend && kinds.has("change")) this.legend.replaceChildren(this.mapLegend({ ...legend, ...legend.change }));
    else if (this.layer === "class" && legend?.classes?.length) this.legend.replaceChildren(...this.classLegend(legend));
    else if (this.layer === "sprite" && concepts.length && kinds.has("sprite")) this.legend.replaceChildren(...this.conceptLegend(concepts));
    else this.legend.replaceChildren(this.keyLegend());
    this.legend.scrollTop = scroll;
  }

  mapLegend({ limit, label, high, low, excluded }) {
    const stops = this.data.ramp.map((colour, i) => `${colour} ${(100 * i) / (this.data.ramp.length - 1)}%`);
    return el("div", { class: "pv-map" },
      el("div", { class: "pv-ramp", role: "img", "aria-label": `Colours from ${-trim(limit)}, ${low || "low"}, over 0 to ${trim(limit)}, ${high || "high"}` },
        el("div", { class: "pv-ends" }, el("span", {}, low || ""), el("span", {}, high || "")),
        el("div", { class: "pv-colours", style: `background:linear-gradient(90deg,${stops.join(",")})` }),
        el("div", { class: "pv-ticks" }, el("span", {}, `−${trim(limit)}`), el("span", {}, "0"), el("span", {}, `+${trim(limit)}`))),
      el("div", { class: "pv-label" }, el("span", {}, label || ""), this.marks(excluded)),
    );
  }

  errorLegend({ error_label: label, excluded }) {
    const ramp = this.data.error_ramp;
    const found = this.known().find(({ doubt }) => doubt);
    const limit = found ? found.doubt.limit : this.tiledDoubt()?.limit;
    const most = limit === undefined ? null : trim(limit);
    const stops = ramp.map((colour, i) => `${colour} ${(100 * i) / (ramp.length - 1)}%`);
    return el("div", { class: "pv-map" },
      el("div", { class: "pv-ramp", role: "img", "aria-label": `Colours from 0, sure, to ${most ?? "…"}, unsure` },
        el("div", { class: "pv-ends" }, el("span", {}, "sure"), el("span", {}, "unsure")),
        el("div", { class: "pv-colours", style: `background:linear-gradient(90deg,${stops.join(",")})` }),
        el("div", { class: "pv-ticks" }, el("span", {}, "0"), el("span", {}, most ? trim(most / 2) : "computing…"), el("span", {}, most ? `± ${most}` : ""))),
      el("div", { class: "pv-label" }, el("span", {}, label || ""), this.marks(excluded)),
    );
  }

  canHatch() {
    return ["map", "error"].includes(this.layer) && this.data.overlays.some((overlay) => overlay.doubt || overlay.doubts);
  }

  /** What hatches mean; the one of uncertain signs is switched here. */
  marks(excluded) {
    let text = "sign not certain";
    const known = this.known();
    const tiled = this.data.overlays.some((overlay) => overlay.summary);
    if (this.hatched && (known.length || tiled)) {
      const count = (part) => known.reduce((sum, each) => sum + part(each), 0);
      const others = this.tiledDoubt();
      const of = count(({ tokens }) => tokens.n) + (others?.n ?? 0);
      const unsure = count(({ doubt }) => doubt?.unsure.reduce((sum, one) => sum + one, 0) ?? 0) + (others?.unsure ?? 0);
      text += known.every(({ doubt }) => doubt) && (!tiled || others) ? `: ${Number(((100 * unsure) / of).toPrecision(2))} % of tissue` : ": computing…";
    }
    return el("div", { class: "pv-marks" },
      this.canHatch() ? el("button", {
        type: "button", class: "pv-concept pv-doubt", "aria-pressed": String(this.hatched), title: "Hatch where fewer than 95 % of resamples agree on the sign (u)",
        onclick: () => {
          this.setHatched(!this.hatched);
          this.legend.querySelector(".pv-doubt")?.focus(); // the legend was drawn anew under the pressed button
        },
      }, el("i", { class: "pv-swatch pv-unsure" }), el("span", {}, text)) : null,
      excluded ? el("span", {}, el("i", { class: "pv-swatch pv-hatched" }), " excluded") : null);
  }

  keyLegend() {
    const keys = [["1", "map"], ["2", "concepts"], ["3", "uncertainty"], ...(this.layerButtons.change.disabled ? [] : [["4", "change"]]), ...(this.layerButtons.class.disabled ? [] : [["5", "classes"]]), ["0", "tissue alone"], ["+ −", "zoom"], ["← ↑ ↓ →", "move"],
      ["[ ]", "opacity"], [", .", "threshold"], ["u", "unsure signs"], ["o", "outlines"], ["n", "neighbours"],
      ...(this.data.marking ? [["b", "mark a rectangle"], ["p", "polygon"], ["d", "freehand"], ["Ctrl Z", "undo"]] : []), ["r", "whole slide"], ["f", "full screen"], ["Enter", "pick at the centre"]];
    return el("div", { class: "pv-keys" }, ...keys.map(([key, what]) => el("span", {}, el("kbd", {}, key), ` ${what}`)));
  }

  classLegend({ classes, excluded }) {
    return [
      ...classes.map(({ name, colour }) => el("span", { class: "pv-concept" }, el("i", { class: "pv-swatch", style: `background:${colour}` }), el("span", {}, name))),
      el("div", { class: "pv-label" }, el("span", {}, "The class that a place speaks for most, in shares of each class's strongest colour; the paler, the less it is ahead of the next"), this.marks(excluded)),
    ];
  }

  conceptLegend(concepts) {
    return concepts.map((concept) =>
      el("button", {
        type: "button", class: "pv-concept", "aria-pressed": String(concept.id === this.highlight), disabled: concept.excluded ? "" : null,
        title: concept.excluded ? `${concept.name}: excluded` : `Show only ${concept.name}`,
        onclick: () => {
          this.highlight = this.highlight === concept.id ? null : concept.id;
          const at = concepts.indexOf(concept);
          this.showLayer();
          this.legend.children[at]?.focus(); // the legend was drawn anew under the pressed button
          this.draw();
        },
      },
      el("i", { class: `pv-swatch${concept.excluded ? " pv-hatched" : concept.pinned ? " pv-pinned" : ""}`, style: concept.excluded ? null : `background:${concept.colour}` }),
      el("span", {}, concept.excluded ? `${concept.name} (excluded)` : concept.pinned ? `${concept.name} (pinned)` : concept.name)));
  }

  destroy() {
    this.keepView();
    this.link?.leave();
    this.gone = true;
    this.resized.disconnect();
    this.root.removeEventListener("keydown", this.onKey, true);
    this.osd?.destroy();
    this.tiled?.destroy();
    this.images.clear();
    Object.values(this.numbers).forEach((kept) => kept.clear());
    this.root.replaceChildren();
  }
}
