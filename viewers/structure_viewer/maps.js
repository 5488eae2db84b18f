// What needs no WebGL: the contact map, whose cells are the kernel's pair terms, and the contact graph in the plane.
import { context2d, el, signed, styleOf } from "../web/kit.js";
import { rampColour } from "./parts.js";

class Plane {
  constructor(owner, label) {
    this.owner = owner;
    this.canvas = el("canvas", { class: "sv-plane", tabindex: 0, role: "img", "aria-label": label });
    this.node = el("div", { class: "sv-planebox" }, this.canvas);
    this.canvas.addEventListener("pointermove", (event) => this.pointed(event, false));
    this.canvas.addEventListener("pointerleave", () => this.owner.hover(null));
    this.canvas.addEventListener("click", (event) => this.pointed(event, true));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.node);
  }

  get size() { return [this.node.clientWidth, this.node.clientHeight]; }
}

/** Residues against residues; a contact in the colour of what the pair adds to each of the two. */
export class ContactMap extends Plane {
  constructor(owner) {
    super(owner, "Contact map: pairs of residues in contact, coloured by the weight of the pair");
  }

  place() {
    const [width, height] = this.size, side = Math.max(40, Math.min(width, height) - 40);
    return { side, left: (width - side) / 2 + 12, top: 8, step: side / this.owner.data.letters.length };
  }

  draw() {
    const { owner } = this, { data } = owner, [width, height] = this.size;
    if (!data || !width || !height) return;
    const c = context2d(this.canvas, width, height), { side, left, top, step } = this.place();
    const text = styleOf(owner.node, "--st-text-color", "#222");
    c.fillStyle = styleOf(owner.node, "--st-secondary-background-color", "#eee");
    c.fillRect(left, top, side, side);
    const cell = Math.max(step, 2.5);
    for (const [i, j, weight] of data.edges) {
      c.fillStyle = rampColour(data.ramp, weight, data.pair_limit);
      for (const [a, b] of [[i, j], [j, i]]) c.fillRect(left + (a + 0.5) * step - cell / 2, top + (b + 0.5) * step - cell / 2, cell, cell);
    }
    c.strokeStyle = text;
    c.strokeRect(left, top, side, side);
    c.fillStyle = text;
    c.font = "11px sans-serif";
    const n = data.letters.length, every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000].find((nice) => n / nice <= 10) ?? n;
    for (let i = every - 1; i < n; i += every) {
      c.textAlign = "center"; c.fillText(data.numbers[i], left + (i + 0.5) * step, top + side + 13);
      c.textAlign = "right"; c.fillText(data.numbers[i], left - 4, top + (i + 0.5) * step + 4);
    }
    for (const [index, colour] of [[data.selected, text], [owner.hovered, styleOf(owner.node, "--st-primary-color", "#1a6dcc")]]) {
      if (index === null || index === undefined) continue;
      c.strokeStyle = colour;
      c.globalAlpha = 0.7;
      c.strokeRect(left + index * step, top, Math.max(step, 1), side);
      c.strokeRect(left, top + index * step, side, Math.max(step, 1));
      c.globalAlpha = 1;
    }
  }

  pointed(event, clicked) {
    const { data } = this.owner, { left, top, step } = this.place();
    const x = (event.offsetX - left) / step - 0.5, y = (event.offsetY - top) / step - 0.5, reach = Math.max(0.6, 5 / step);
    let best = null, nearest = reach;
    for (const [i, j, weight] of data.edges) {
      for (const [a, b] of [[i, j], [j, i]]) {
        const away = Math.max(Math.abs(a - x), Math.abs(b - y));
        if (away < nearest) { nearest = away; best = [a, b, weight]; }
      }
    }
    const index = Math.round(x);
    if (best) this.owner.hover(best[0], `${this.owner.residue(best[0])} – ${this.owner.residue(best[1])}: the pair adds ${signed(best[2])} to each`);
    else this.owner.hover(index >= 0 && index < data.letters.length && y >= -0.5 && y < data.letters.length ? index : null);
    if (clicked && best) this.owner.pick(best[0]);
  }
}

/** The chain as a graph in the plane: residues in their concept's colour, contacts as lines, size by score. */
export class FlatGraph extends Plane {
  constructor(owner) {
    super(owner, "Contact graph: residues in the colour of their concept or score, contacts as lines");
  }

  place() {
    const [width, height] = this.size;
    const scale = Math.min(width - 40, height - 40) / 2;
    return ([x, y]) => [width / 2 + x * scale * Math.min(1.5, (width - 40) / (2 * scale)), height / 2 + y * scale];
  }

  draw() {
    const { owner } = this, { data } = owner, [width, height] = this.size;
    if (!data || !width || !height) return;
    const c = context2d(this.canvas, width, height), place = this.place(), spots = data.flat.map(place);
    const text = styleOf(owner.node, "--st-text-color", "#222");
    c.lineWidth = 1;
    c.strokeStyle = text;
    c.globalAlpha = 0.16;
    c.beginPath();
    for (const [i, j] of data.edges) { c.moveTo(...spots[i]); c.lineTo(...spots[j]); }
    c.stroke();
    c.globalAlpha = 0.5;
    c.lineWidth = 1.5;
    c.beginPath();
    spots.forEach((spot, i) => (i && !data.breaks.includes(i) ? c.lineTo(...spot) : c.moveTo(...spot)));
    c.stroke();
    c.globalAlpha = 1;
    const base = Math.max(1.6, Math.min(6, 90 / Math.sqrt(spots.length)));
    const order = spots.map((_, i) => i).sort((a, b) => (owner.score(a) ?? 0) - (owner.score(b) ?? 0));
    for (const i of order) {
      const score = owner.score(i), radius = base * (1 + 0.9 * Math.max(0, Math.min(1, (score ?? 0) / data.limit)));
      c.beginPath();
      c.arc(...spots[i], radius, 0, 7);
      c.fillStyle = owner.colour(i);
      c.fill();
      c.strokeStyle = i === data.selected || i === owner.hovered ? text : "#0006";
      c.lineWidth = i === data.selected || i === owner.hovered ? 2.5 : 0.6;
      c.stroke();
    }
    for (const { token, colour } of owner.neighbours()) {
      c.beginPath(); c.moveTo(...spots[data.selected]); c.lineTo(...spots[token]);
      c.strokeStyle = colour; c.lineWidth = 3; c.stroke();
    }
    c.font = "600 11px sans-serif"; c.textAlign = "left"; c.fillStyle = text;
    for (const i of new Set([...data.top, ...(data.selected === null ? [] : [data.selected])])) {
      c.fillText(`${data.letters[i]}${data.numbers[i]}`, spots[i][0] + base + 4, spots[i][1] + 4);
    }
  }

  pointed(event, clicked) {
    const { data } = this.owner, place = this.place();
    let best = null, nearest = 12;
    data.flat.forEach((each, i) => {
      const [x, y] = place(each), away = Math.hypot(x - event.offsetX, y - event.offsetY);
      if (away < nearest) { nearest = away; best = i; }
    });
    this.owner.hover(best);
    if (clicked && best !== null) this.owner.pick(best);
  }
}
