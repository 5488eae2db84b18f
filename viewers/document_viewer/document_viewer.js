// The document viewer: what Streamlit runs at each change of data.
const live = (window.__prospectorDocuments ??= new WeakMap());

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
const MODES = { score: "Score", concept: "Concepts", none: "Plain" };
const TOGETHER = "prospector-documents";
const STRONGEST = 0.62; // of a tint: words on it stay easy to read
const isDark = (node) => {
  const [r, g, b] = getComputedStyle(node).color.match(/\d+(\.\d+)?/g)?.map(Number) ?? [0, 0, 0];
  return r + g + b > 380;
};

class DocumentViewer {
  constructor(root, component) {
    this.root = root;
    this.kept = this.remembered(component.data.key);
    this.modes = el("div", { class: "dv-modes", role: "group", "aria-label": "Colour by" },
      ...Object.entries(MODES).map(([mode, label]) => el("button", { type: "button", "data-mode": mode, onclick: () => this.set({ mode }) }, label)));
    this.slider = el("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": "Least score that is tinted, in hundredths of the strongest colour",
      oninput: () => this.set({ threshold: Number(this.slider.value) }) });
    this.above = el("span", { class: "dv-num dv-count" });
    this.search = el("input", { type: "search", placeholder: "Find", "aria-label": "Find in this text", oninput: () => this.find(), onkeydown: (event) => {
      if (event.key === "Enter") { event.preventDefault(); this.step(event.shiftKey ? -1 : 1); }
      if (event.key === "Escape") { this.search.value = ""; this.find(); this.pane.focus(); }
      event.stopPropagation();
    } });
    this.found = el("span", { class: "dv-count", role: "status" });
    this.copied = el("button", { type: "button", title: "Copy what is selected, else the whole text", onclick: () => this.copy() }, "Copy");
    this.hot = (way, key, text) => el("button", { type: "button", title: `${text} hot spot (key ${key})`, "aria-label": `${text} hot spot`, onclick: () => this.spot(way) }, way < 0 ? "↑" : "↓");
    this.legend = el("div", { class: "dv-legend" });
    this.strip = el("canvas", { class: "dv-strip", role: "img", onclick: (event) => this.clickStrip(event) });
    this.page = el("article", { class: "dv-page" });
    this.pane = el("div", { class: "dv-pane", tabindex: 0, role: "group", onkeydown: (event) => this.key(event), onscroll: () => this.scrolled() }, this.page);
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.window = el("div", { class: "dv-window" });
    this.map = el("div", { class: "dv-map", title: "The whole text; drag to move in it" }, this.canvas, this.window);
    this.tip = el("div", { class: "dv-tip", hidden: "" });
    this.body = el("div", { class: "dv-body" }, this.pane, this.map);
    root.replaceChildren(
      el("div", { class: "dv-bar" }, this.modes, el("label", { class: "dv-group" }, "Threshold", this.slider, this.above),
        el("div", { class: "dv-group" }, "Hot spot", this.hot(-1, "p", "Previous"), this.hot(1, "n", "Next")),
        el("div", { class: "dv-group" }, this.search, this.found), this.copied),
      this.legend, el("div", { class: "dv-order" }, el("span", {}, "Concepts in order"), this.strip), this.body,
      el("p", { class: "dv-help" }, "Keys: arrows step, n and p go to hot spots, / finds, Esc ends the selection. Shift and a click select several."), this.tip);
    this.page.addEventListener("click", (event) => this.clicked(event));
    this.page.addEventListener("pointermove", (event) => this.point(event));
    this.page.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    const drag = (event) => { if (event.buttons || event.type === "pointerdown") this.goTo(event); };
    this.map.addEventListener("pointerdown", (event) => { this.map.setPointerCapture(event.pointerId); drag(event); });
    this.map.addEventListener("pointermove", drag);
    this.watch = new ResizeObserver(() => this.sized());
    this.watch.observe(this.pane);
    this.joins = ({ detail }) => { // two texts side by side are coloured alike
      if (detail.from !== this) { Object.assign(this.kept, detail.change); this.paint(); }
    };
    window.addEventListener(TOGETHER, this.joins);
    this.fits = () => this.fit();
    window.addEventListener("resize", this.fits);
    this.theme = new MutationObserver(() => this.paint());
    this.theme.observe(document.documentElement, { attributes: true, attributeFilter: ["class", "style", "data-theme"] });
    this.update(component);
  }

  gone() {
    this.watch.disconnect();
    this.theme.disconnect();
    window.removeEventListener("resize", this.fits);
    window.removeEventListener(TOGETHER, this.joins);
    clearTimeout(this.later);
    CSS.highlights?.delete("dv-found");
    CSS.highlights?.delete("dv-here");
  }

  remembered(key) {
    try { return { mode: "score", threshold: 0, ...JSON.parse(sessionStorage.getItem(`prospector.document.${key}`) ?? "{}") }; } catch { return { mode: "score", threshold: 0 }; }
  }

  set(change) {
    Object.assign(this.kept, change);
    window.dispatchEvent(new CustomEvent(TOGETHER, { detail: { from: this, change } }));
    try { sessionStorage.setItem(`prospector.document.${this.data.key}`, JSON.stringify(this.kept)); } catch { /* a private window: not kept, no more */ }
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
    this.found.textContent = "";
    if (this.search.value) this.find();
  }

  colour(token) {
    const { scores, concepts_of: of, limit, ramp } = this.data;
    const score = scores[token];
    if (this.kept.mode === "concept") return this.known.get(of[token])?.colour ?? "#888888";
    if (score === null) return null;
    const share = Math.max(-1, Math.min(1, score / limit));
    return ramp[Math.round(((share + 1) / 2) * (ramp.length - 1))];
  }

  tint(token) {
    const { scores, limit } = this.data;
    const { mode, threshold } = this.kept;
    const share = scores[token] === null ? 0 : Math.min(1, Math.abs(scores[token]) / limit);
    if (mode === "none" || (scores[token] !== null && 100 * share < threshold)) return "transparent";
    if (mode === "concept") return `color-mix(in srgb, ${this.colour(token)} 38%, transparent)`;
    // the middle colours of the two sides, stronger the larger the score: on paper and on black alike
    const base = (scores[token] ?? 0) < 0 ? "#3b8ad8" : "#ef7d18";
    return `color-mix(in srgb, ${base} ${(100 * STRONGEST * share).toFixed(1)}%, transparent)`;
  }

  paint() {
    if (!this.data) return;
    const { concepts, scores, limit, classes, unit, words, neighbours, marks } = this.data;
    const { mode, threshold } = this.kept;
    this.known = new Map(concepts.map((concept) => [concept.id, concept]));
    for (const button of this.modes.children) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
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
    this.drawMap();
  }

  drawLegend(mode, limit, classes, unit) {
    const { concepts, scores } = this.data;
    if (mode === "concept") {
      const here = new Set(this.data.concepts_of);
      this.legend.replaceChildren(...concepts.filter(({ id }) => here.has(id)).map(({ name, colour, excluded }) =>
        el("span", {}, el("i", { style: `background:${colour}` }), name + (excluded ? " (excluded)" : ""))));
      return;
    }
    const mix = (base) => `color-mix(in srgb, ${base} ${100 * STRONGEST}%, transparent)`;
    const parts = [el("div", { class: "dv-scale" }, el("span", {}, `speaks for ${classes[0]}`), el("span", { class: "dv-num" }, signed(-limit)),
      el("span", { class: "dv-ramp", style: `background:linear-gradient(90deg, ${mix("#3b8ad8")}, transparent, ${mix("#ef7d18")})` }),
      el("span", { class: "dv-num" }, signed(limit)), el("span", {}, `speaks for ${classes[1]}`)), el("span", { style: "opacity:.75" }, `prospect score (${unit}, summed)`)];
    if (scores.includes(null)) parts.push(el("span", {}, el("i", { style: "background:repeating-linear-gradient(135deg,#8888 0 2px,transparent 2px 5px)" }), "excluded or ignored"));
    this.legend.replaceChildren(...(mode === "none" ? [el("span", { style: "opacity:.75" }, "The text without colours")] : parts));
  }

  drawStrip() {
    const wide = Math.max(1, Math.round(this.strip.clientWidth * devicePixelRatio)), high = Math.round(14 * devicePixelRatio);
    Object.assign(this.strip, { width: wide, height: high });
    const ink = this.strip.getContext("2d"), n = this.spans.length;
    for (let token = 0; token < n; token += 1) {
      const left = Math.floor((token * wide) / n), right = Math.max(left + 1, Math.floor(((token + 1) * wide) / n));
      ink.fillStyle = this.known.get(this.data.concepts_of[token])?.colour ?? "#888";
      ink.globalAlpha = this.data.scores[token] === null ? 0.25 : 1;
      ink.fillRect(left, 0, right - left - (wide / n > 4 ? 1 : 0), high);
    }
    ink.globalAlpha = 1;
    if (this.chosen) {
      ink.strokeStyle = getComputedStyle(this.root).color;
      ink.lineWidth = 2 * devicePixelRatio;
      const left = (Math.min(...this.chosen) * wide) / n, right = ((Math.max(...this.chosen) + 1) * wide) / n;
      ink.strokeRect(left + 1, 1, Math.max(3, right - left - 2), high - 2);
    }
  }

  drawMap() {
    const box = this.map.getBoundingClientRect();
    if (!box.height || !this.spans) return;
    const ratio = devicePixelRatio, wide = Math.round(box.width * ratio), high = Math.round(box.height * ratio);
    Object.assign(this.canvas, { width: wide, height: high });
    const ink = this.canvas.getContext("2d"), { text, starts, ends } = this.data;
    // Lines as they would stand on a narrow page: from the text alone, as what is out of sight has no place yet.
    const perLine = 70, rows = [];
    let row = 0, column = 0, at = 0, token = 0;
    const walk = (upto, inside) => {
      for (; at < upto; at += 1) {
        if (text[at] === "\n" || column >= perLine) { row += 1; column = 0; }
        if (text[at] === "\n") continue;
        if (inside && text[at] !== " ") {
          const last = rows.at(-1);
          if (last?.token === token && last.row === row) last.to = column + 1;
          else rows.push({ token, row, from: column, to: column + 1 });
        }
        column += 1;
      }
    };
    for (; token < starts.length; token += 1) { walk(starts[token], false); walk(ends[token], true); }
    walk(text.length, false);
    const total = row + 1, step = Math.min(high / total, 6 * ratio), margin = 5 * ratio;
    this.drawn = (step * total) / high;
    ink.fillStyle = getComputedStyle(this.root).color;
    const dark = isDark(this.root);
    for (const piece of rows) {
      const colour = this.kept.mode === "none" ? null : this.colour(piece.token);
      const share = this.data.scores[piece.token] === null ? 0 : Math.abs(this.data.scores[piece.token]) / this.data.limit;
      const weak = !colour || (this.kept.mode === "score" && (share < 0.08 || 100 * share < this.kept.threshold));
      ink.globalAlpha = weak ? 0.22 : 1;
      ink.fillStyle = weak ? (dark ? "#fff" : "#000") : colour;
      const scale = (wide - 2 * margin) / perLine;
      ink.fillRect(margin + piece.from * scale, piece.row * step, (piece.to - piece.from) * scale, Math.max(1, step * 0.72));
    }
    if (this.chosen) {
      const mine = rows.filter((piece) => this.isChosen(piece.token));
      if (mine.length) { ink.globalAlpha = 1; ink.strokeStyle = getComputedStyle(this.root).color; ink.lineWidth = 1.5 * ratio;
        ink.strokeRect(1, mine[0].row * step - 1, wide - 2, Math.max(5, (mine.at(-1).row - mine[0].row + 1) * step + 1)); }
    }
    this.scrolled();
  }

  sized() { this.drawStrip(); this.drawMap(); }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.pane;
    const room = this.map.clientHeight * (this.drawn ?? 1);
    this.window.style.top = `${(scrollTop / scrollHeight) * room}px`;
    this.window.style.height = `${Math.max(10, Math.min(1, clientHeight / scrollHeight) * room)}px`;
    this.window.hidden = scrollHeight <= clientHeight + 2;
  }

  goTo(event) {
    const box = this.map.getBoundingClientRect();
    const share = (event.clientY - box.top) / (box.height * (this.drawn ?? 1));
    this.pane.scrollTop = share * this.pane.scrollHeight - this.pane.clientHeight / 2;
  }

  // ---- choosing

  isChosen(token) { return Boolean(this.chosen) && token >= Math.min(...this.chosen) && token <= Math.max(...this.chosen); }

  choose(first, last, now = true) {
    this.chosen = first === null ? null : [first, last];
    this.cursor = last;
    this.spans.forEach((span, token) => span.classList.toggle("dv-on", this.isChosen(token)));
    this.drawStrip();
    this.drawMap();
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
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    let to = null;
    if (step) to = this.cursor === null ? (step > 0 ? 0 : last) : Math.max(0, Math.min(last, this.cursor + step));
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = last;
    else if (event.key === "n" || event.key === "p") { this.spot(event.key === "n" ? 1 : -1); event.preventDefault(); event.stopPropagation(); return; }
    else if (event.key === "/") { event.preventDefault(); this.search.focus(); return; }
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
    if (!starts.length) { this.found.textContent = "no hot spot"; return; }
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
    this.tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - 200)}px`;
    this.tip.style.top = `${event.clientY + 18}px`;
  }

  // ---- finding and copying

  find() {
    const asked = this.search.value.trim().toLowerCase();
    this.hits = [];
    CSS.highlights?.delete("dv-found");
    CSS.highlights?.delete("dv-here");
    this.at = -1;
    this.found.textContent = "";
    if (!asked) return;
    const nodes = [], walker = document.createTreeWalker(this.page, NodeFilter.SHOW_TEXT);
    let all = "";
    for (let node = walker.nextNode(); node; node = walker.nextNode()) { nodes.push([all.length, node]); all += node.data; }
    const lower = all.toLowerCase().length === all.length ? all.toLowerCase() : all; // some capitals become two letters
    const place = (where) => {
      let low = 0, high = nodes.length - 1;
      while (low < high) { const middle = (low + high + 1) >> 1; if (nodes[middle][0] <= where) low = middle; else high = middle - 1; }
      return [nodes[low][1], where - nodes[low][0]];
    };
    const pattern = new RegExp(asked.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+"), "g");
    for (const match of lower.matchAll(pattern)) {
      if (this.hits.length >= 2000) break;
      const range = new Range(), [from, left] = place(match.index), [to, right] = place(match.index + match[0].length - 1);
      range.setStart(from, left);
      range.setEnd(to, right + 1);
      this.hits.push(range);
    }
    if (window.Highlight && this.hits.length) CSS.highlights.set("dv-found", new Highlight(...this.hits));
    this.step(1);
  }

  step(way) {
    const n = this.hits?.length ?? 0;
    if (!n) { this.found.textContent = this.search.value.trim() ? "none" : ""; return; }
    this.at = (this.at + way + n) % n;
    this.found.textContent = `${this.at + 1} of ${n}`;
    const range = this.hits[this.at];
    if (window.Highlight) CSS.highlights.set("dv-here", new Highlight(range));
    range.startContainer.parentElement.scrollIntoView({ block: "center", behavior: "instant" });
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

export default function (component) {
  const { parentElement } = component;
  const known = live.get(parentElement);
  if (known) known.update(component);
  else live.set(parentElement, new DocumentViewer(parentElement.querySelector(".dv"), component));
  return () => { live.get(parentElement)?.gone(); live.delete(parentElement); };
}
