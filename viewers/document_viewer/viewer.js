// The document viewer: a text whose tokens are tinted, their concepts in order above it, and the whole of it beside.
import {
  button, clamp, conceptName, deviceContext, el, gradient, group, onTheme, pixelRatio, placeAt, press, rampStep, recall, remember, signed, withModifier,
} from "../web/kit.js";
import { Finder } from "./finder.js";
import { Overview } from "./overview.js";

const MODES = { score: "Score", concept: "Concepts", none: "Plain" };
const TOGETHER = "prospector-documents";
const [AGAINST, FOR] = ["#3b8ad8", "#ef7d18"];
const STRONGEST = 0.62; // of a tint: words on it stay easy to read

export class Viewer {
  constructor(root, component) {
    this.root = root;
    this.kept = { mode: "score", threshold: 0, ...recall(`prospector.document.${component.data.key}`) };
    this.modes = group("dv-modes", "Colour by", ...Object.entries(MODES).map(([mode, label]) => el("button", { type: "button", "data-mode": mode, onclick: () => this.set({ mode }) }, label)));
    this.slider = el("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": "Least score that is tinted, in hundredths of the strongest colour",
      oninput: () => this.set({ threshold: Number(this.slider.value) }) });
    this.above = el("span", { class: "dv-num dv-count" });
    this.copied = button("Copy", "Copy what is selected, else the whole text", () => this.copy());
    const hot = (way, key, text) => button(way < 0 ? "↑" : "↓", `${text} hot spot (key ${key})`, () => this.spot(way), { "aria-label": `${text} hot spot` });
    this.legend = el("div", { class: "dv-legend" });
    this.strip = el("canvas", { class: "dv-strip", role: "img", onclick: (event) => this.clickStrip(event) });
    this.page = el("article", { class: "dv-page" });
    this.pane = el("div", { class: "dv-pane", tabindex: 0, role: "group", onkeydown: (event) => this.key(event), onscroll: () => this.overview.scrolled() }, this.page);
    this.finder = new Finder(this.page, () => this.pane.focus());
    this.overview = new Overview(this);
    this.tip = el("div", { class: "dv-tip", hidden: "" });
    this.body = el("div", { class: "dv-body" }, this.pane, this.overview.node);
    root.replaceChildren(
      el("div", { class: "dv-bar" }, this.modes, el("label", { class: "dv-group" }, "Threshold", this.slider, this.above),
        el("div", { class: "dv-group" }, "Hot spot", hot(-1, "p", "Previous"), hot(1, "n", "Next")),
        this.finder.node, this.copied),
      this.legend, el("div", { class: "dv-order" }, el("span", {}, "Concepts in order"), this.strip), this.body,
      el("p", { class: "dv-help" }, "Keys: arrows step, n and p go to hot spots, / finds, Esc ends the selection. Shift and a click select several."), this.tip);
    this.page.addEventListener("click", (event) => this.clicked(event));
    this.page.addEventListener("pointermove", (event) => this.point(event));
    this.page.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    this.watch = new ResizeObserver(() => this.sized());
    this.watch.observe(this.pane);
    this.joins = ({ detail }) => { // two texts side by side are coloured alike
      if (detail.from !== this) { Object.assign(this.kept, detail.change); this.paint(); }
    };
    window.addEventListener(TOGETHER, this.joins);
    this.fits = () => this.fit();
    window.addEventListener("resize", this.fits);
    this.theme = onTheme(() => this.paint());
    this.update(component);
  }

  destroy() {
    this.watch.disconnect();
    this.theme.disconnect();
    window.removeEventListener("resize", this.fits);
    window.removeEventListener(TOGETHER, this.joins);
    clearTimeout(this.later);
    this.finder.clear();
  }

  set(change) {
    Object.assign(this.kept, change);
    window.dispatchEvent(new CustomEvent(TOGETHER, { detail: { from: this, change } }));
    remember(`prospector.document.${this.data.key}`, this.kept);
    this.paint();
  }

  update(component) {
    const before = this.data;
    this.data = component.data;
    this.send = component.setTriggerValue;
    this.fit();
    if (before?.id !== this.data.id) { this.build(); this.pane.scrollTop = 0; }
    this.chosen = this.data.selected.length ? [this.data.selected[0], this.data.selected.at(-1)] : null;
    this.cursor = this.chosen?.[1] ?? null;
    this.paint();
    if (this.data.focus !== before?.focus && this.chosen) this.reveal(this.chosen[0], true);
    this.pane.setAttribute("aria-label", `Text of ${this.data.starts.length} ${this.data.words.tokens}; arrow keys step through them`);
  }

  fit() { // the room that the window has below what is above
    if (this.data) this.body.style.height = `${Math.max(300, Math.min(this.data.height, window.innerHeight - this.data.above - 130))}px`;
  }

  build() {
    const { text, starts, ends, sections, title, language, rtl } = this.data;
    this.spans = new Array(starts.length);
    this.page.replaceChildren();
    this.page.lang = language ?? "";
    this.page.dir = rtl ? "rtl" : "ltr";
    if (title) this.page.append(el("h1", {}, title));
    const cuts = sections.length ? sections.map(([heading, start], at) => [heading, start, sections[at + 1]?.[1] ?? text.length]) : [["", 0, text.length]];
    let token = 0;
    for (const [heading, start, end] of cuts) {
      if (heading) this.page.append(el("h2", {}, heading));
      let block = el("div", { class: "dv-text" }), at = start;
      const blocks = [block];
      for (let inside = 0; token < starts.length && starts[token] < end; token += 1) {
        block.append(text.slice(at, starts[token]));
        if ((inside += 1) > 40 && /\n\s*$/.test(text.slice(at, starts[token]))) { inside = 0; block = el("div", { class: "dv-text" }); blocks.push(block); } // long texts are laid out where they are looked at
        this.spans[token] = el("span", { class: "dv-s", "data-token": token }, text.slice(starts[token], ends[token]));
        block.append(this.spans[token]);
        at = ends[token];
      }
      block.append(text.slice(at, end).replace(/\s+$/, ""));
      for (const each of blocks) { // white space at the seams is the gap between blocks, no empty line
        const first = each.firstChild;
        if (first?.nodeType === Node.TEXT_NODE) first.data = first.data.replace(/^\s+/, "");
      }
      this.page.append(...blocks);
    }
    this.finder.again();
  }

  colour(token) {
    const { scores, concepts_of: of, limit, ramp } = this.data;
    const score = scores[token];
    if (this.kept.mode === "concept") return this.known.get(of[token])?.colour ?? "#888888";
    if (score === null) return null;
    return rampStep(ramp, score, -limit, limit);
  }

  tint(token) {
    const { scores, limit } = this.data;
    const { mode, threshold } = this.kept;
    const share = scores[token] === null ? 0 : Math.min(1, Math.abs(scores[token]) / limit);
    if (mode === "none" || (scores[token] !== null && 100 * share < threshold)) return "transparent";
    if (mode === "concept") return `color-mix(in srgb, ${this.colour(token)} 38%, transparent)`;
    // the middle colours of the two sides, stronger the larger the score: on paper and on black alike
    const base = (scores[token] ?? 0) < 0 ? AGAINST : FOR;
    return `color-mix(in srgb, ${base} ${(100 * STRONGEST * share).toFixed(1)}%, transparent)`;
  }

  paint() {
    if (!this.data) return;
    const { concepts, scores, limit, classes, unit, words, neighbours, marks } = this.data;
    const { mode, threshold } = this.kept;
    this.known = new Map(concepts.map((concept) => [concept.id, concept]));
    for (const choice of this.modes.children) press(choice, choice.dataset.mode === mode);
    this.slider.value = threshold;
    this.slider.disabled = mode === "none";
    this.above.textContent = `±${((threshold * limit) / 100).toFixed(2)}`;
    const near = new Map(neighbours.map((each) => [each.token, each.colour]));
    const marked = new Map(marks.map((each) => [each.token, each]));
    this.spans.forEach((span, token) => {
      span.style.background = this.tint(token);
      span.classList.toggle("dv-off", scores[token] === null && mode !== "none");
      span.classList.toggle("dv-on", this.isChosen(token));
      span.classList.toggle("dv-near", near.has(token));
      if (near.has(token)) span.style.setProperty("--near", near.get(token));
      if (marked.has(token)) span.dataset.mark = marked.get(token).label;
      else delete span.dataset.mark;
    });
    this.drawLegend(mode, limit, classes, unit);
    this.drawStrip();
    this.strip.setAttribute("aria-label", `Data sprite: ${this.spans.length} ${words.tokens} in the colours of their concepts`);
    this.overview.draw();
  }

  drawLegend(mode, limit, classes, unit) {
    const { concepts, scores } = this.data;
    if (mode === "concept") {
      const here = new Set(this.data.concepts_of);
      this.legend.replaceChildren(...concepts.filter(({ id }) => here.has(id)).map((concept) =>
        el("span", {}, el("i", { style: `background:${concept.colour}` }), conceptName(concept))));
      return;
    }
    const mix = (base) => `color-mix(in srgb, ${base} ${100 * STRONGEST}%, transparent)`;
    const parts = [el("div", { class: "dv-scale" }, el("span", {}, `speaks for ${classes[0]}`), el("span", { class: "dv-num" }, signed(-limit)),
      el("span", { class: "dv-ramp", style: `background:${gradient([mix(AGAINST), "transparent", mix(FOR)])}` }),
      el("span", { class: "dv-num" }, signed(limit)), el("span", {}, `speaks for ${classes[1]}`)), el("span", { style: "opacity:.75" }, `prospect score (${unit}, summed)`)];
    if (scores.includes(null)) parts.push(el("span", {}, el("i", { style: "background:repeating-linear-gradient(135deg,#8888 0 2px,transparent 2px 5px)" }), "excluded or ignored"));
    this.legend.replaceChildren(...(mode === "none" ? [el("span", { style: "opacity:.75" }, "The text without colours")] : parts));
  }

  drawStrip() {
    const ink = deviceContext(this.strip, this.strip.clientWidth, 14);
    const [wide, high, n] = [this.strip.width, this.strip.height, this.spans.length];
    for (let token = 0; token < n; token += 1) {
      const left = Math.floor((token * wide) / n), right = Math.max(left + 1, Math.floor(((token + 1) * wide) / n));
      ink.fillStyle = this.known.get(this.data.concepts_of[token])?.colour ?? "#888";
      ink.globalAlpha = this.data.scores[token] === null ? 0.25 : 1;
      ink.fillRect(left, 0, right - left - (wide / n > 4 ? 1 : 0), high);
    }
    ink.globalAlpha = 1;
    if (this.chosen) {
      ink.strokeStyle = getComputedStyle(this.root).color;
      ink.lineWidth = 2 * pixelRatio();
      const left = (Math.min(...this.chosen) * wide) / n, right = ((Math.max(...this.chosen) + 1) * wide) / n;
      ink.strokeRect(left + 1, 1, Math.max(3, right - left - 2), high - 2);
    }
  }

  sized() {
    this.drawStrip();
    this.overview.draw();
  }

  // ---- choosing

  isChosen(token) { return Boolean(this.chosen) && token >= Math.min(...this.chosen) && token <= Math.max(...this.chosen); }

  choose(first, last, now = true) {
    this.chosen = first === null ? null : [first, last];
    this.cursor = last;
    this.spans.forEach((span, token) => span.classList.toggle("dv-on", this.isChosen(token)));
    this.sized();
    clearTimeout(this.later);
    const say = () => this.send("pick", { first: first === null ? null : Math.min(first, last), last: first === null ? null : Math.max(first, last), count: (this.picks = (this.picks ?? 0) + 1) });
    if (now) say();
    else this.later = setTimeout(say, 250); // one held key is one question
  }

  clicked(event) {
    const span = event.target.closest(".dv-s");
    if (!span || String(window.getSelection?.() ?? "").length > 1) return; // words are being selected to copy
    const token = Number(span.dataset.token);
    if (event.shiftKey && this.chosen) this.choose(this.chosen[0], token);
    else this.choose(token, token);
  }

  clickStrip(event) {
    const box = this.strip.getBoundingClientRect();
    const token = Math.min(this.spans.length - 1, Math.floor(((event.clientX - box.left) / box.width) * this.spans.length));
    this.choose(token, token);
    this.reveal(token);
  }

  reveal(token, centre = false) {
    const span = this.spans[token];
    if (!span) return;
    span.scrollIntoView({ block: "center", behavior: "instant" }); // twice: what comes into sight is then laid out, and taller or shorter
    requestAnimationFrame(() => span.scrollIntoView({ block: centre ? "center" : "nearest", behavior: "instant" }));
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const last = this.spans.length - 1;
    if (withModifier(event)) return;
    let to = null;
    if (step) to = this.cursor === null ? (step > 0 ? 0 : last) : clamp(this.cursor + step, 0, last);
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = last;
    else if (event.key === "n" || event.key === "p") { this.spot(event.key === "n" ? 1 : -1); event.preventDefault(); event.stopPropagation(); return; }
    else if (event.key === "/") { event.preventDefault(); this.finder.field.focus(); return; }
    else if (event.key === "Escape") { this.choose(null, null); return; }
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose(event.shiftKey && this.chosen ? this.chosen[0] : to, to, false);
    this.reveal(to);
  }

  spot(way) {
    const { scores, limit } = this.data;
    const least = Math.max(limit / 2, (this.kept.threshold * limit) / 100);
    const hot = scores.map((score, token) => [score, token]).filter(([score]) => score !== null && score >= least).map(([, token]) => token);
    const starts = hot.filter((token, at) => hot[at - 1] !== token - 1);
    if (!starts.length) { this.finder.say("no hot spot"); return; }
    const at = this.cursor ?? (way > 0 ? -1 : this.spans.length);
    const to = way > 0 ? starts.find((token) => token > at) ?? starts[0] : starts.findLast((token) => token < at) ?? starts.at(-1);
    this.choose(to, to, false);
    this.reveal(to, true);
    this.pane.focus({ preventScroll: true });
  }

  point(event) {
    const span = event.target.closest?.(".dv-s");
    if (!span) { this.tip.hidden = true; return; }
    const token = Number(span.dataset.token), score = this.data.scores[token];
    this.tip.textContent = `${this.known.get(this.data.concepts_of[token])?.name ?? ""} · ${score === null ? "no score" : signed(score)}`;
    this.tip.hidden = false;
    placeAt(this.tip, Math.min(event.clientX + 14, window.innerWidth - 200), event.clientY + 18);
  }

  async copy() {
    const { text, starts, ends } = this.data;
    const part = this.chosen ? text.slice(starts[Math.min(...this.chosen)], ends[Math.max(...this.chosen)]) : text;
    try {
      await navigator.clipboard.writeText(part);
      this.copied.textContent = "Copied";
    } catch {
      this.copied.textContent = "Not allowed";
    }
    setTimeout(() => { this.copied.textContent = "Copy"; }, 1400);
  }
}
