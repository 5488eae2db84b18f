// The buttons above the points and the legend below them, drawn anew only when they would say something else.
import { button, conceptKeys, el, group, rampKey, signed } from "../web/kit.js";

export const LAYER_KEYS = { m: "map", c: "concepts", u: "uncertainty" };

export const number = (value) => (Math.abs(value) >= 1000 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : value.toPrecision(3));

export class Bar {
  constructor(viewer) {
    Object.assign(this, { viewer, state: null });
    this.node = el("div", { class: "gv-bar" });
  }

  draw() {
    const { node, viewer } = this;
    const { ground, data: { layers, marking } } = viewer;
    const state = JSON.stringify([layers.map(({ id, label }) => [id, label]), viewer.layerId, viewer.tool, Boolean(viewer.edges), Boolean(marking), ground.there, ground.open]);
    if (state === this.state) return;
    this.state = state;
    const focused = node.getRootNode().activeElement;
    const held = node.contains(focused) ? focused.dataset.name : null;
    const named = (name, text, title, act, pressed) =>
      button(text, title, act, { "data-name": name, "aria-pressed": pressed === undefined ? null : String(pressed) });
    const showing = named("edges", "Edges", "Show which are neighbours (e)", () => viewer.toggleEdges(), Boolean(viewer.edges));
    const under = ground.there
      ? named("image", ground.pictures().length ? "Image" : "Outlines", "Show what lies under the points (i)", () => ground.toggle(), ground.open) : null;
    const tools = group("gv-group", "Tool",
      named("move", "Move", "Drag to move (Esc)", () => viewer.use("move"), viewer.tool === "move"),
      named("lasso", "Lasso", "Draw around some to mark or move them (l)", () => viewer.use("lasso"), viewer.tool === "lasso"));
    node.replaceChildren(this.colours(named), group("gv-group", "Show", showing, under), ...(marking ? [tools] : []),
      el("span", { class: "gv-gap" }),
      group("gv-group", "View", named("out", "−", "Zoom out (-)", () => viewer.zoom(1 / 1.5)),
        named("in", "+", "Zoom in (+)", () => viewer.zoom(1.5)), named("all", "All", "Show all (0)", () => viewer.unturn())));
    if (held) node.querySelector(`[data-name="${held}"]`)?.focus();
  }

  /** What the points can be coloured by: a button each, and a list for those that belong together. */
  colours(named) {
    const { viewer } = this;
    const { layers } = viewer.data;
    const keyOf = (id) => Object.keys(LAYER_KEYS).find((key) => LAYER_KEYS[key] === id);
    const grouped = layers.filter((layer) => layer.group);
    const colours = group("gv-group", "Colour", ...layers.filter((layer) => !layer.group).map(({ id, label }) =>
      named(id, label, `Colour by ${label.toLowerCase()}${keyOf(id) ? ` (${keyOf(id)})` : ""}`, () => viewer.choose(id), id === viewer.layerId)));
    if (grouped.length) {
      const title = grouped[0].group;
      const chosen = grouped.some(({ id }) => id === viewer.layerId);
      const list = el("select", { "aria-label": title, title: `Colour by ${title.toLowerCase()}`, "data-name": "group", "aria-pressed": String(chosen) },
        el("option", { value: "", disabled: "", selected: chosen ? null : "" }, title),
        ...grouped.map(({ id, label }) => el("option", { value: id, selected: id === viewer.layerId ? "" : null }, label)));
      list.addEventListener("change", () => viewer.choose(list.value));
      colours.append(list);
    }
    return colours;
  }
}

export class Legend {
  constructor(viewer) {
    Object.assign(this, { viewer, state: null });
    this.node = el("div", { class: "gv-legend" });
  }

  draw() {
    const { node, viewer } = this;
    const layer = viewer.layer();
    const { concepts, ramp, more } = viewer.data;
    const state = JSON.stringify([layer, viewer.numbers.high(layer), viewer.only, concepts]);
    if (state === this.state) return;
    this.state = state;
    if (layer.kind === "concept") {
      conceptKeys(node, concepts, {
        className: "gv-key",
        only: viewer.only,
        dot: ({ excluded, colour }) => el("i", { class: excluded ? "out" : "", style: `background:${colour}` }),
        choose: (id) => viewer.showOnly(id),
      });
      return;
    }
    const key = layer.kind === "diverging"
      ? rampKey("gv-ramp", ramp, [layer.low, layer.high], [signed(-layer.limit), layer.unit, signed(layer.limit)])
      : rampKey("gv-ramp", more, null, [number(layer.low), layer.unit, number(viewer.numbers.high(layer))]);
    const none = layer.kind === "diverging" && concepts.some(({ excluded }) => excluded);
    node.replaceChildren(key, ...(none ? [el("span", { class: "gv-key" }, el("i", { class: "out" }), el("span", {}, "excluded, no score"))] : []));
  }
}
