// The slide itself: OpenSeadragon, where its view stands, and which other views move with it.

import { absolute, clamp, el, loadLibrary, pixelRatio, recall, remember } from "../web/kit.js";
import { Link } from "./linking.js";

const OPTIONS = {
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
  springStiffness: 9,
  visibilityRatio: 0.3,
  minZoomImageRatio: 0.7,
  maxZoomPixelRatio: 8,
  imageLoaderLimit: 6,
  timeout: 60000,
  tileRetryMax: 2, // a file on a slow share may fail once
  tileRetryDelay: 1500,
  tabIndex: 0,
};

export class Stage {
  /** viewer: the SlideViewer, for its data and for what is told to it; canvas: what lies above the tiles. */
  constructor(viewer, canvas) {
    Object.assign(this, { viewer, canvas, item: null, osd: null, link: null, k: null }); // k: CSS pixels per slide pixel
    this.node = el("div", { class: "pv-osd" });
  }

  get slide() {
    return this.viewer.data.slide;
  }

  /** Whether the slide that is asked for is the one that is open. */
  get ready() {
    return Boolean(this.item) && this.shown === this.slide.id;
  }

  // -- opening -----------------------------------------------------------------------------------------------------

  /** Go on from earlier data (none at first). */
  update(before) {
    const { data } = this.viewer;
    if (!this.osd) this.start();
    else if (before.slide.id !== data.slide.id) this.open();
    else if (before.link !== data.link) this.relink();
    else if (data.focus && JSON.stringify(data.focus) !== JSON.stringify(before.focus)) this.goTo(data.focus);
  }

  async start() {
    if (this.starting) return;
    this.starting = true;
    try {
      this.OSD = await loadLibrary(new URL("./openseadragon.min.js", import.meta.url).href, "OpenSeadragon");
      if (!this.gone) this.create();
    } catch (error) {
      if (!this.gone) this.viewer.say("The slide viewer could not be loaded. Is the app still running?");
      console.error(error);
    } finally {
      this.starting = false;
    }
  }

  create() {
    const { viewer } = this;
    const { marking } = viewer;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const oneClick = { clickToZoom: false, dblClickToZoom: false };
    const gestures = Object.fromEntries(["Mouse", "Touch", "Pen", "Unknown"].map((kind) => [`gestureSettings${kind}`, oneClick]));
    this.osd = new this.OSD.Viewer({ ...OPTIONS, ...gestures, element: this.node, animationTime: still ? 0 : 0.5 });
    this.osd.canvas.append(this.canvas); // above the tiles, below the navigator
    const on = (name, act) => this.osd.addHandler(name, act);
    on("open", () => this.opened());
    on("open-failed", () => viewer.say("This slide cannot be opened."));
    on("tile-load-failed", (event) => {
      if (event.message !== "Image load aborted") viewer.say("Parts of this slide cannot be read. Was its file moved, or is it damaged?");
    });
    on("tile-loaded", () => viewer.notice.hidden || viewer.say(""));
    on("update-viewport", () => {
      this.link?.moved();
      viewer.draw();
    });
    on("animation-finish", () => this.keepView());
    on("canvas-click", (event) => {
      event.preventDefaultAction = true;
      if (!event.quick) return;
      if (!marking.tool) viewer.pick(this.toImage(event.position), false);
      else if (marking.tool === "polygon") marking.corner(this.pointOf(event), this.k);
    });
    on("canvas-double-click", (event) => (event.preventDefaultAction = true));
    on("canvas-press", (event) => marking.press(this.pointOf(event)));
    for (const name of ["canvas-drag", "canvas-drag-end"]) {
      on(name, (event) => {
        if (!marking.strokes()) return;
        event.preventDefaultAction = true; // the slide stays where it is under the stroke
        if (name === "canvas-drag") marking.drag(this.pointOf(event));
      });
    }
    on("canvas-release", (event) => marking.release(this.pointOf(event), this.k));
    on("canvas-key", (event) => (event.preventDefaultAction = true)); // keys are ours (keys.js)
    this.open();
  }

  open() {
    const { slide } = this;
    this.item = null;
    this.shown = slide.id;
    this.viewer.say("");
    const base = absolute(slide.url);
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
    const kept = recall(`prospector.view.${this.viewer.key}.${this.shown}`);
    const { focus } = this.viewer.data;
    if (focus && JSON.stringify(focus) !== kept?.focus) this.goTo(focus, true); // asked for since the view was kept
    else if (kept) {
      const rect = this.item.imageToViewportRectangle(kept.x, kept.y, kept.width, kept.height);
      // By centre and width: the window may have another shape now.
      this.osd.viewport.zoomTo(1 / rect.width, null, true);
      this.osd.viewport.panTo(rect.getCenter(), true);
    }
    this.osd.viewport.applyConstraints(true);
    this.relink();
    this.viewer.draw();
  }

  keepView() {
    if (!this.item) return;
    const r = this.item.viewportToImageRectangle(this.osd.viewport.getBounds());
    remember(`prospector.view.${this.viewer.key}.${this.shown}`,
      { x: r.x, y: r.y, width: r.width, height: r.height, focus: JSON.stringify(this.viewer.data.focus) });
  }

  // -- moving ------------------------------------------------------------------------------------------------------

  goTo({ x, y, width, height }, atOnce = false) {
    if (!this.item) return;
    const pad = Math.max(width, height) * 0.08;
    const box = this.item.imageToViewportRectangle(x - pad, y - pad, width + 2 * pad, height + 2 * pad);
    this.osd.viewport.fitBounds(box, atOnce);
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

  focus(options) {
    this.osd?.canvas.focus(options);
  }

  // -- places ------------------------------------------------------------------------------------------------------

  /** Measure the view: level-0 pixels -> CSS pixels, { x, y, k }. */
  transform() {
    const corner = this.item.imageToViewerElementCoordinates(new this.OSD.Point(0, 0));
    this.k = this.item.viewportToImageZoom(this.osd.viewport.getZoom(true));
    return { x: corner.x, y: corner.y, k: this.k };
  }

  /** What a frame is drawn with, all in device pixels: box(rectangle), dot([x, y]), outside(box), ratio, width, height. */
  frame(width, height) {
    const ratio = pixelRatio();
    const { x, y, k } = this.transform();
    return {
      ratio, width, height,
      box: (r) => [(x + r.x * k) * ratio, (y + r.y * k) * ratio, r.width * k * ratio, r.height * k * ratio],
      dot: ([px, py]) => [(x + px * k) * ratio, (y + py * k) * ratio],
      outside: ([left, top, w, h]) => left > width || top > height || left + w < 0 || top + h < 0,
    };
  }

  centre() {
    return this.item.viewportToImageCoordinates(this.osd.viewport.getCenter());
  }

  /** Where an event of the pointer lies on the slide: [x, y]. */
  pointOf(event) {
    const { x, y } = this.toImage(event.position);
    return [x, y];
  }

  toImage(position) {
    return this.item.viewerElementToImageCoordinates(position);
  }

  /** The same of an event that is not OpenSeadragon's. */
  under({ clientX, clientY }) {
    const frame = this.node.getBoundingClientRect();
    return this.toImage(new this.OSD.Point(clientX - frame.left, clientY - frame.top));
  }

  // -- views that move together ------------------------------------------------------------------------------------

  /** Where this view stands, in micrometres (slide pixels where they are unknown). */
  stand() {
    if (!this.ready) return null;
    const unit = this.slide.mpp || 1;
    const centre = this.item.viewportToImageCoordinates(this.osd.viewport.getCenter(true));
    return { x: centre.x * unit, y: centre.y * unit, scale: unit / this.item.viewportToImageZoom(this.osd.viewport.getZoom(true)) };
  }

  standAt({ x, y, scale }) {
    const unit = this.slide.mpp || 1;
    this.osd.viewport.zoomTo(this.item.imageToViewportZoom(unit / scale), null, true);
    this.osd.viewport.panTo(this.item.imageToViewportCoordinates(new this.OSD.Point(x / unit, y / unit)), true);
  }

  setLinked(on) {
    if (on) this.link?.join();
    else this.link?.leave();
    this.viewer.tools.show();
  }

  unlink() {
    this.link?.leave();
    this.link = null;
  }

  /** Join the views that this one moves with, if it is to. */
  relink() {
    const { link, aligned } = this.viewer.data;
    if (this.link && this.link.name !== link) this.unlink();
    if (link && !this.link && this.item) {
      this.link = new Link(link, { read: () => this.stand(), write: (place) => this.standAt(place) });
      this.link.join();
      if (aligned) this.link.align(); // two views of one slide begin at one place
    }
    this.viewer.tools.show();
  }

  destroy() {
    this.keepView();
    this.link?.leave();
    this.gone = true;
    this.osd?.destroy();
  }
}

/** Which places of a picture of w x h pixels, drawn into a box, are in view: [x0, y0, x1, y1] of the picture, or null. */
export function partInView([left, top, width, height], w, h, view) {
  const [sx, sy] = [width / w, height / h];
  const [x0, y0] = [Math.max(0, Math.floor(-left / sx)), Math.max(0, Math.floor(-top / sy))];
  const [x1, y1] = [clamp(Math.ceil((view.width - left) / sx), 0, w), clamp(Math.ceil((view.height - top) / sy), 0, h)];
  return x1 > x0 && y1 > y0 ? [x0, y0, x1, y1] : null;
}
