// The sequence strip: every residue as a letter in its concept's colour, its score as a bar above or below a middle line.
import { context2d, el, signed, styleOf } from "../web/kit.js";
import { inkOn, rampColour } from "./parts.js";

const CELL = 13, BARS = 54, LETTER = 17, RULER = 15;

export class Strip {
  /** owner: {data, residue(i) -> words, score(i), concept(i), pick(i), hover(i or null), node} */
  constructor(owner) {
    this.owner = owner;
    this.canvas = el("canvas", { class: "sv-cells", tabindex: 0, role: "slider", "aria-orientation": "horizontal",
      "aria-label": "Sequence: arrow keys go from residue to residue, Enter selects one, Home and End go to the ends" });
    this.filler = el("div", { class: "sv-filler" });
    this.scroller = el("div", { class: "sv-scroller" }, this.filler, this.canvas);
    this.node = el("div", { class: "sv-strip" }, this.scroller);
    this.cursor = null;
    this.scroller.addEventListener("scroll", () => this.draw());
    this.canvas.addEventListener("pointermove", (event) => owner.hover(this.at(event)));
    this.canvas.addEventListener("pointerleave", () => owner.hover(null));
    this.canvas.addEventListener("click", (event) => {
      const index = this.at(event);
      if (index !== null) { this.cursor = index; owner.pick(index); }
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.scroller);
  }

  get n() { return this.owner.data.letters.length; }

  at(event) {
    const index = Math.floor((event.offsetX + this.scroller.scrollLeft) / CELL);
    return index >= 0 && index < this.n ? index : null;
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -this.n, End: this.n }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (this.cursor !== null) this.owner.pick(this.cursor);
    } else if (step) {
      event.preventDefault();
      const from = this.cursor ?? this.owner.data.selected ?? (step > 0 ? -1 : 0);
      this.cursor = Math.max(0, Math.min(this.n - 1, from + step));
      this.reveal(this.cursor);
      this.owner.hover(this.cursor);
    } else if (event.key === "Escape") {
      this.cursor = null;
      this.owner.hover(null);
    }
  }

  /** Scroll a residue into sight. */
  reveal(index) {
    const [left, width] = [this.scroller.scrollLeft, this.scroller.clientWidth];
    const x = index * CELL;
    if (x < left + 2 * CELL || x > left + width - 3 * CELL) this.scroller.scrollLeft = x - width / 2;
    this.draw();
  }

  draw() {
    const { owner } = this, { data } = owner;
    if (!data) return;
    const width = this.scroller.clientWidth, height = BARS + LETTER + RULER;
    this.filler.style.width = `${this.n * CELL}px`;
    this.canvas.style.width = `${width}px`;
    if (!width) return;
    const c = context2d(this.canvas, width, height);
    const left = this.scroller.scrollLeft, first = Math.floor(left / CELL), last = Math.min(this.n, Math.ceil((left + width) / CELL));
    const text = styleOf(owner.node, "--st-text-color", "#222"), middle = BARS / 2;
    c.font = "600 11px sans-serif";
    c.textAlign = "center";
    for (let i = first; i < last; i++) {
      const x = i * CELL - left, score = owner.score(i), concept = owner.concept(i);
      if (owner.isLit(i)) {
        c.fillStyle = "#8884";
        c.fillRect(x, 0, CELL, height);
      }
      if (score !== null) {
        const length = Math.max(-1, Math.min(1, score / data.limit)) * (middle - 2);
        c.fillStyle = rampColour(data.ramp, score >= 0 ? Math.max(score, data.limit * 0.25) : Math.min(score, -data.limit * 0.25), data.limit);
        c.fillRect(x + 1.5, length > 0 ? middle - length : middle, CELL - 3, Math.max(0.5, Math.abs(length)));
      }
      c.fillStyle = concept.colour;
      c.fillRect(x + 0.5, BARS, CELL - 1, LETTER);
      if (score === null) { // excluded: hatched
        c.save();
        c.beginPath(); c.rect(x + 0.5, BARS, CELL - 1, LETTER); c.clip();
        c.strokeStyle = "#fff"; c.lineWidth = 1.5;
        for (let at = -LETTER; at < CELL; at += 5) { c.beginPath(); c.moveTo(x + at, BARS + LETTER); c.lineTo(x + at + LETTER, BARS); c.stroke(); }
        c.restore();
      }
      c.fillStyle = inkOn(concept.colour);
      c.fillText(data.letters[i], x + CELL / 2, BARS + 12.5);
      if (data.breaks.includes(i)) {
        c.fillStyle = text;
        c.fillRect(x - 0.5, BARS - 4, 1.5, LETTER + 6);
      }
      if (i === data.selected) {
        c.strokeStyle = text; c.lineWidth = 2;
        c.strokeRect(x + 1, 1, CELL - 2, BARS + LETTER - 2);
      }
      if (i === this.cursor || i === owner.hovered) {
        c.strokeStyle = styleOf(owner.node, "--st-primary-color", "#1a6dcc"); c.lineWidth = 1.5;
        c.strokeRect(x + 0.75, 0.75, CELL - 1.5, BARS + LETTER - 1.5);
      }
    }
    c.fillStyle = text;
    c.globalAlpha = 0.45;
    c.fillRect(0, middle - 0.5, width, 1);
    c.globalAlpha = 0.8;
    c.font = "10px sans-serif";
    for (let i = first; i < last; i++) {
      if (i === 0 || (i + 1) % 10 === 0) c.fillText(data.numbers[i], i * CELL - left + CELL / 2, height - 3);
    }
    c.globalAlpha = 1;
    const now = this.cursor ?? data.selected;
    if (now !== null && now !== undefined) {
      const score = owner.score(now);
      this.canvas.setAttribute("aria-valuenow", now + 1);
      this.canvas.setAttribute("aria-valuetext", `${owner.residue(now)}, ${score === null ? "excluded" : `score ${signed(score)}`}`);
    }
    this.canvas.setAttribute("aria-valuemin", 1);
    this.canvas.setAttribute("aria-valuemax", this.n);
  }
}
