// The palette on the tissue: drawing, outlines, and whether two views move together.

import { button, el, group, press } from "../web/kit.js";
import { EVIDENCE } from "./marking.js";

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
const HOW = {
  rectangle: "Drag from corner to corner; or Enter sets corners at the centre.",
  polygon: "Click each corner (or Enter at the centre), then the last one again. Backspace takes one back.",
  freehand: "Draw around the region with the button held.",
};
const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export class Tools {
  constructor(viewer) {
    this.viewer = viewer;
    const tool = (name, label, key, act) => button(icon(name), `${label} (${key})`, act, { "aria-label": label, "aria-pressed": "false" });
    this.buttons = {
      move: tool("move", "Move and pick", "m", () => this.choose(null)),
      rectangle: tool("rectangle", "Mark a rectangle", "b", () => this.choose("rectangle")),
      polygon: tool("polygon", "Mark a polygon", "p", () => this.choose("polygon")),
      freehand: tool("freehand", "Mark freehand", "d", () => this.choose("freehand")),
    };
    this.outlines = tool("outlines", "Outlines of the concepts", "o", () => viewer.setOutlined(!viewer.outlined));
    this.regions = tool("regions", "Marked regions", "g", () => viewer.setMarked(!viewer.marked));
    this.link = tool("link", "Move both views together", "l", () => this.toggleLink());
    this.drawGroup = group("pv-palette", "Tools", ...Object.values(this.buttons));
    this.evidence = group("pv-evidence", "What the region is marked as");
    this.evidence.hidden = true;
    this.node = el("div", { class: "pv-toolbox" },
      el("div", { class: "pv-tools" }, this.drawGroup, group("pv-palette", "Shown above the layer", this.outlines, this.regions, this.link)),
      this.evidence);
  }

  toggleLink() {
    this.viewer.stage.setLinked(!this.viewer.stage.link?.on);
  }

  choose(tool) {
    const { viewer } = this;
    if (tool && !viewer.data.marking) return;
    viewer.marking.choose(tool);
    this.show();
    if (tool) viewer.stage.focus({ preventScroll: true });
  }

  /** What a region can be marked as here. */
  offered() {
    return EVIDENCE.filter((evidence) => this.viewer.data.marking[evidence]);
  }

  chooseEvidence(evidence) {
    this.viewer.marking.evidence = evidence;
    this.show();
    this.evidence.querySelector("[aria-pressed=true]")?.focus();
    this.viewer.draw();
  }

  nextEvidence() {
    const offered = this.offered();
    this.chooseEvidence(offered[(offered.indexOf(this.viewer.marking.evidence) + 1) % offered.length]);
  }

  show() {
    const { viewer } = this;
    const { marking, link, regions } = viewer.data;
    const { tool, evidence } = viewer.marking;
    this.drawGroup.hidden = !marking;
    for (const [name, node] of Object.entries(this.buttons)) press(node, (tool ?? "move") === name);
    this.outlines.hidden = !viewer.pictures.has("tokens", "numbers");
    press(this.outlines, viewer.outlined);
    this.regions.hidden = !regions.length;
    press(this.regions, viewer.marked);
    this.link.hidden = !link;
    press(this.link, Boolean(viewer.stage.link?.on));
    viewer.view.classList.toggle("pv-drawing", Boolean(tool));
    this.evidence.hidden = !tool;
    if (!tool) return;
    this.evidence.replaceChildren(
      el("span", {}, "Mark as"),
      ...this.offered().map((name) => button(marking[name].label, `${marking[name].help} (e for the next)`, () => this.chooseEvidence(name),
        { class: `pv-as pv-${name}`, "aria-pressed": String(name === evidence) })),
      el("span", { class: "pv-how" }, `${HOW[tool]} Esc ends.`));
  }
}
