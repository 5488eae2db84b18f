// Tools of the 3D view: go to a residue, measure, spin, picture, full screen.
import { button, el, press } from "../web/kit.js";

/** The residue that is meant: "52A", "C52", "CYS 52", "B:52"; null if there is none. */
export function residueNamed(words, data) {
  const [, chain, number] = words.trim().match(/^(?:(\S+)[:/])?\s*[A-Za-z]{0,4}?\s*(-?\d+[A-Za-z]?)$/) ?? [];
  if (number === undefined) return null;
  const found = data.numbers.findIndex((each, i) =>
    each.toUpperCase() === number.toUpperCase() && (chain === undefined || data.labels[i].startsWith(`${chain}:`)));
  return found < 0 ? null : found;
}

/** Whether a label at a spot (x, y in pixels) would cover one of those that are placed. */
export const isFree = ([x, y], spots, width = 46, height = 20) =>
  spots.every(([left, top]) => Math.abs(left - x) > width || Math.abs(top - y) > height);

export class Tools {
  constructor(owner) {
    this.owner = owner;
    this.ends = [];
    this.goTo = el("input", { type: "text", class: "sv-goto", placeholder: "Go to residue", "aria-label": "Go to residue", size: 11,
      title: "A number, such as 52 or 52A; with its chain where there are several: B:52", onchange: () => this.go() });
    this.measure = button("Measure", "Distance between two atoms: click one, then the other", () => this.measuring(!this.on), { class: "sv-home" });
    this.spin = button("Spin", "Turn the structure", () => owner.set({ spin: !owner.shown.spin }), { class: "sv-home" });
    this.save = button("Picture", "Save the 3D view as a picture (PNG)", () => this.picture(), { class: "sv-home" });
    this.full = button("Full screen", "Full screen (f)", () => this.fill(), { class: "sv-home" });
    this.node = el("div", { class: "sv-tools", role: "group", "aria-label": "Tools" }, this.measure, this.spin, this.save);
  }

  go() {
    const found = residueNamed(this.goTo.value, this.owner.data);
    this.goTo.setAttribute("aria-invalid", String(found === null));
    if (found === null) return;
    this.owner.flight = true;
    this.owner.strip.reveal(found);
    this.owner.pick(found);
  }

  measuring(on) {
    this.on = on;
    this.ends = [];
    this.owner.paint();
  }

  /** An atom was clicked while measuring. */
  take(atom) {
    if (this.ends.length === 2) this.ends = [];
    this.ends.push(atom);
    this.owner.paint();
  }

  get distance() {
    if (this.ends.length < 2) return null;
    const [one, other] = this.ends;
    return Math.hypot(one.x - other.x, one.y - other.y, one.z - other.z);
  }

  draw(viewer, colour) {
    for (const end of this.ends) viewer.addSphere({ center: end, radius: 0.5, color: colour, opacity: 0.7 });
    if (this.distance === null) return;
    const [start, end] = this.ends;
    viewer.addCylinder({ start, end, radius: 0.08, color: colour, dashed: true });
    const position = { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2, z: (start.z + end.z) / 2 };
    viewer.addLabel(`${this.distance.toFixed(1)} Å`, { position, fontSize: 13, fontColor: "#111111", backgroundColor: "#fff3b0", backgroundOpacity: 0.95, inFront: true });
  }

  picture() {
    const { viewer, data } = this.owner;
    if (!viewer) return;
    el("a", { href: viewer.pngURI(), download: `${data.labels.length} residues.png` }).click();
  }

  fill() {
    const { node } = this.owner;
    if (node.getRootNode().fullscreenElement) document.exitFullscreen();
    else node.requestFullscreen?.().catch(() => {});
  }

  paint(isModel) {
    this.node.hidden = !isModel;
    press(this.measure, Boolean(this.on));
    press(this.spin, Boolean(this.owner.shown.spin));
    this.owner.viewer?.spin(isModel && this.owner.shown.spin ? "y" : false);
  }
}
