// The legend below the slide: what the colours and hatches of the layer on show mean, or which keys there are.

import { conceptKeys, el, gradient, spans, trim } from "../web/kit.js";

const percentOf = (part, n) => `${Number(((100 * part) / n).toPrecision(2))} %`;

export class Legend {
  constructor(viewer) {
    this.viewer = viewer;
    this.node = el("div", { class: "pv-legend" });
  }

  show() {
    const { node, viewer } = this;
    const { legend, concepts, overlays } = viewer.data;
    const { layer } = viewer;
    const scroll = node.scrollTop;
    const there = overlays.some((overlay) => overlay.kind === layer);
    if (layer === "map" && legend && there) node.replaceChildren(this.ofMap(legend));
    else if (layer === "error" && legend && there) node.replaceChildren(this.ofError(legend));
    else if (layer === "change" && legend && there) node.replaceChildren(this.ofMap({ ...legend, ...legend.change }));
    else if (layer === "class" && legend?.classes?.length) node.replaceChildren(...this.ofClasses(legend));
    else if (layer === "sprite" && concepts.length && there) this.ofConcepts(concepts);
    else node.replaceChildren(this.ofKeys());
    node.scrollTop = scroll;
  }

  ramp(colours, words, ends, ticks, label, excluded) {
    return el("div", { class: "pv-map" },
      el("div", { class: "pv-ramp", role: "img", "aria-label": words },
        el("div", { class: "pv-ends" }, ...spans(ends)),
        el("div", { class: "pv-colours", style: `background:${gradient(colours)}` }),
        el("div", { class: "pv-ticks" }, ...spans(ticks))),
      el("div", { class: "pv-label" }, el("span", {}, label || ""), this.marks(excluded)));
  }

  ofMap({ limit, label, high, low, excluded }) {
    const words = `Colours from ${-trim(limit)}, ${low || "low"}, over 0 to ${trim(limit)}, ${high || "high"}`;
    return this.ramp(this.viewer.data.ramp, words, [low || "", high || ""], [`−${trim(limit)}`, "0", `+${trim(limit)}`], label, excluded);
  }

  ofError({ error_label: label, excluded }) {
    const { data, pictures } = this.viewer;
    const known = pictures.known().find(({ doubt }) => doubt);
    const limit = known ? known.doubt.limit : pictures.tiledDoubt()?.limit;
    const most = limit === undefined ? null : trim(limit);
    const ticks = ["0", most ? trim(most / 2) : "computing…", most ? `± ${most}` : ""];
    return this.ramp(data.error_ramp, `Colours from 0, sure, to ${most ?? "…"}, unsure`, ["sure", "unsure"], ticks, label, excluded);
  }

  /** What hatches mean; the one of uncertain signs is switched here. */
  marks(excluded) {
    const { viewer } = this;
    const hatch = () => {
      viewer.setHatched(!viewer.hatched);
      this.node.querySelector(".pv-doubt")?.focus(); // the legend was drawn anew under the pressed button
    };
    return el("div", { class: "pv-marks" },
      viewer.canHatch() ? el("button", {
        type: "button", class: "pv-concept pv-doubt", "aria-pressed": String(viewer.hatched), onclick: hatch,
        title: "Hatch where fewer than 95 % of resamples agree on the sign (u)",
      }, el("i", { class: "pv-swatch pv-unsure" }), el("span", {}, `sign not certain${this.unsureShare()}`)) : null,
      excluded ? el("span", {}, el("i", { class: "pv-swatch pv-hatched" }), " excluded") : null);
  }

  /** Of how much of the tissue the sign is not certain, in words, where hatches show it. */
  unsureShare() {
    const { hatched, pictures } = this.viewer;
    const known = pictures.known();
    const tiled = pictures.has("summary");
    if (!hatched || !(known.length || tiled)) return "";
    const others = pictures.tiledDoubt();
    if (!known.every(({ doubt }) => doubt) || (tiled && !others)) return ": computing…";
    const n = known.reduce((sum, { tokens }) => sum + tokens.n, others?.n ?? 0);
    const unsure = known.reduce((sum, { doubt }) => sum + doubt.unsure.reduce((count, one) => count + one, 0), others?.unsure ?? 0);
    return `: ${percentOf(unsure, n)} of tissue`;
  }

  ofKeys() {
    const { layerButtons: { change, class: classes }, data } = this.viewer;
    const keys = [["1", "map"], ["2", "concepts"], ["3", "uncertainty"], ...(change.disabled ? [] : [["4", "change"]]),
      ...(classes.disabled ? [] : [["5", "classes"]]), ["0", "tissue alone"], ["+ −", "zoom"], ["← ↑ ↓ →", "move"],
      ["[ ]", "opacity"], [", .", "threshold"], ["u", "unsure signs"], ["o", "outlines"], ["n", "neighbours"],
      ...(data.marking ? [["b", "mark a rectangle"], ["p", "polygon"], ["d", "freehand"], ["Ctrl Z", "undo"]] : []),
      ["r", "whole slide"], ["f", "full screen"], ["Enter", "pick at the centre"]];
    return el("div", { class: "pv-keys" }, ...keys.map(([key, what]) => el("span", {}, el("kbd", {}, key), ` ${what}`)));
  }

  ofClasses({ classes, excluded }) {
    const words = "The class that a place speaks for most, in shares of each class's strongest colour; the paler, the less it is ahead of the next";
    return [
      ...classes.map(({ name, colour }) => el("span", { class: "pv-concept" }, el("i", { class: "pv-swatch", style: `background:${colour}` }), el("span", {}, name))),
      el("div", { class: "pv-label" }, el("span", {}, words), this.marks(excluded)),
    ];
  }

  ofConcepts(concepts) {
    const { viewer } = this;
    conceptKeys(this.node, concepts, {
      className: "pv-concept",
      only: viewer.highlight,
      dot: ({ excluded, pinned, colour }) => el("i", {
        class: `pv-swatch${excluded ? " pv-hatched" : pinned ? " pv-pinned" : ""}`, style: excluded ? null : `background:${colour}`,
      }),
      attributes: ({ name, excluded }) => (excluded ? { disabled: "", title: `${name}: excluded` } : {}),
      choose: (id) => {
        viewer.highlight = id;
        viewer.showLayer();
        viewer.draw();
      },
    });
  }
}

/** Beside the slider of the threshold: how much of the tissue it leaves, in short and in full. */
export function shareWords({ n, high, low }, least) {
  if (!n || !least) return ["all tissue", "No score is hidden"];
  return [`≥ ${trim(least)}: ${percentOf(high + low, n)} of tissue`,
    `${percentOf(high, n)} at +${trim(least)} or more, ${percentOf(low, n)} at −${trim(least)} or less`];
}
