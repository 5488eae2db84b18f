// Drawing around points, and what may then become of them.
import { button, el, group, inRing } from "../web/kit.js";

export const SHADES = { for: "#cc4c02", against: "#2171b5", ignore: "#777" };
const MOST_POINTS = 400; // of an outline: what is finer says nothing about points

export class Lasso {
  constructor(viewer) {
    this.viewer = viewer;
    this.line = null; // [x, y] of the data, while something is drawn or asked
    this.menu = group("gv-mark", "What was drawn");
    this.menu.hidden = true;
  }

  begin(place) {
    this.menu.hidden = true;
    this.line = [place];
  }

  forget() {
    this.line = null;
    this.menu.hidden = true;
  }

  end() {
    this.forget();
    this.viewer.later("over");
  }

  /** Tokens within the line. */
  tokens() {
    const { flat } = this.viewer;
    const inside = [];
    for (let i = 0; i < flat.length / 3; i++) if (inRing(this.line, flat[3 * i], flat[3 * i + 1])) inside.push(i);
    return inside;
  }

  /** What was drawn around: how many, and what may become of them. */
  offer() {
    const { words, marking } = this.viewer.data;
    const tokens = this.line.length > 2 ? this.tokens() : [];
    if (!tokens.length) {
      this.end();
      return;
    }
    this.menu.replaceChildren(el("b", {}, `${tokens.length.toLocaleString("en")} ${tokens.length === 1 ? words.token : words.tokens}:`),
      ...Object.entries(marking).map(([evidence, { label, help }]) => button(label, help, () => this.mark(evidence, tokens),
        { style: ["for", "against"].includes(evidence) ? `border-color:${SHADES[evidence]}` : "" })),
      button("Cancel", null, () => this.end()));
    this.menu.hidden = false;
    this.menu.querySelector("button").focus();
  }

  mark(evidence, tokens) {
    const { viewer } = this;
    const { middle } = viewer.data.graph;
    const thin = Math.max(1, Math.floor(this.line.length / MOST_POINTS));
    const polygon = this.line.filter((_, at) => at % thin === 0).map(([x, y]) => [x + middle[0], y + middle[1]]);
    viewer.send("mark", viewer.turn.some(Boolean) || polygon.length < 3 ? { evidence, tokens } : { evidence, polygon });
    this.end();
  }
}
