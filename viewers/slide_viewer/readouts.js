// What the viewer says in numbers: the scale bar, the magnification, and the place under the pointer.

import { el, roundLength, signed, trim } from "../web/kit.js";

const magnified = (m) => (m >= 10 ? m.toFixed(1).replace(/\.0$/, "") : m >= 1 ? m.toFixed(1) : m.toFixed(2));

export class Readouts {
  constructor(viewer) {
    this.viewer = viewer;
    this.magnification = el("output", { class: "pv-mag", title: "Magnification on this screen" });
    this.scale = el("div", { class: "pv-scale" }, el("span"), el("i"));
    this.pointer = el("span", { class: "pv-pointer" });
    this.token = el("span", { class: "pv-token", hidden: "" });
    this.node = el("div", { class: "pv-readouts", hidden: "" }, this.token, this.pointer);
  }

  showScale() {
    const { stage, view } = this.viewer;
    if (!stage.item || !stage.k) return;
    const { mpp } = stage.slide;
    const unit = mpp || 1;
    const length = roundLength((Math.min(130, view.clientWidth / 4) / stage.k) * unit); // in um, or px of the slide
    const text = !mpp ? `${trim(length)} px` : length >= 1000 ? `${trim(length / 1000)} mm` : `${trim(length)} µm`;
    this.scale.firstChild.textContent = text;
    this.scale.lastChild.style.width = `${(length / unit) * stage.k}px`;
    const full = this.fullMagnification();
    this.magnification.textContent = full ? `${magnified(full * stage.k)}×` : `${trim(stage.k * 100)} %`;
    this.magnification.title = full ? "Magnification on this screen" : "Slide pixels on screen; the slide does not say its scale";
  }

  /** Of the slide's own pixels, where that is known. */
  fullMagnification() {
    const { mpp, objective_power: power } = this.viewer.data.slide;
    return power || (mpp ? 10 / mpp : null);
  }

  pointAt(event) {
    const { viewer } = this;
    if (!viewer.stage.item) return;
    this.pointed = event;
    const at = viewer.stage.under(event);
    const { mpp, width, height } = viewer.data.slide;
    this.node.hidden = at.x < 0 || at.y < 0 || at.x >= width || at.y >= height;
    viewer.marking.hover([at.x, at.y]);
    this.token.textContent = this.describe(at);
    this.token.hidden = !this.token.textContent;
    const inside = (f) => at.x >= f.x && at.y >= f.y && at.x < f.x + f.width && at.y < f.y + f.height;
    viewer.hover(viewer.data.fields.find(inside) ?? null);
    this.pointer.textContent = mpp
      ? `${((at.x * mpp) / 1000).toFixed(3)}, ${((at.y * mpp) / 1000).toFixed(3)} mm`
      : `${Math.floor(at.x)}, ${Math.floor(at.y)} px`;
  }

  /** Once more where the pointer is, as more is known now. */
  again() {
    if (this.pointed && !this.node.hidden) this.pointAt(this.pointed);
  }

  /** Concept, score and, where it is known, its standard error, at a place of the slide. */
  describe(at) {
    const { pictures, stage } = this.viewer;
    const cell = (map) => [((at.y - map.y) / map.height) * map.shape[0], ((at.x - map.x) / map.width) * map.shape[1]].map(Math.floor);
    for (const map of pictures.tiledMaps()) {
      const token = pictures.tiled.at(map, ...cell(map), (map.width / map.shape[1]) * stage.k, Boolean(pictures.tiledDoubt()));
      if (token) return this.sentence(token.concept, token.score, token.error, token.unsure);
    }
    for (const { map, tokens, doubt } of pictures.known()) {
      const i = tokens.at.get(cell(map).join(","));
      if (i !== undefined) return this.sentence(tokens.concepts[i], tokens.scores[i], doubt?.error[i], doubt?.unsure[i]);
    }
    return "";
  }

  sentence(id, score, error, unsure) {
    const name = this.viewer.data.concepts.find((concept) => concept.id === id)?.name ?? `concept ${id}`;
    if (Number.isNaN(score)) return `${name} · excluded`;
    return `${name} · ${signed(score)}${error === undefined ? "" : ` ± ${error.toFixed(2)}${unsure ? ", sign not certain" : ""}`}`;
  }
}
