// The atlas: what Streamlit runs at each change of data. A canvas with a few thousand points needs no library.
const live = (window.__prospectorAtlases ??= new WeakMap());
const GREY = "#9a9a9a";
const COLOURS = { concept: "Concept", score: "Score", label: "Label" };

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

class Atlas {
  constructor(root, component) {
    Object.assign(this, { root, by: "concept", only: null, scale: 1, x: 0, y: 0, at: null, drag: null, lasso: null, chosen: new Set() });
    this.buttons = Object.fromEntries(Object.entries(COLOURS).map(([name, label]) =>
      [name, el("button", { type: "button", title: `Colour by ${label.toLowerCase()}`, onclick: () => this.colourBy(name) }, label)]));
    this.canvas = el("canvas", { tabindex: 0, role: "application",
      "aria-describedby": "at-keys" });
    this.drawing = el("button", { type: "button", title: "Draw around what to choose (L; or hold Shift while you drag)", onclick: () => this.lassoing(!this.lasso) }, "Lasso");
    this.clear = el("button", { type: "button", title: "Choose none (Escape)", onclick: () => this.choose([]) }, "None");
    this.count = el("span", { class: "at-count", role: "status" });
    this.tip = el("div", { class: "at-tip", hidden: "" });
    this.legend = el("div", { class: "at-legend" });
    this.view = el("div", { class: "at-view" }, this.canvas, this.tip);
    this.keys = el("div", { id: "at-keys", class: "at-keys" }, "Arrow keys go from point to point, Enter selects one, plus and minus zoom, 0 shows all. R draws a rectangle: " +
      "arrow keys make it larger or smaller, with Shift they move it, Enter chooses what is in it, Escape leaves it. L draws a lasso with the pointer. " +
      "Escape chooses none. Control Z takes the last edit back.");
    const zoom = (label, text, act) => el("button", { type: "button", title: label, "aria-label": label, onclick: act }, text);
    root.replaceChildren(
      el("div", { class: "at-bar" }, el("span", {}, "Colour"),
        el("div", { class: "at-group", role: "group", "aria-label": "Colour" }, ...Object.values(this.buttons)),
        el("div", { class: "at-group", role: "group", "aria-label": "Choose several" }, this.drawing, this.clear), this.count, el("span", { class: "at-gap" }),
        el("div", { class: "at-group", role: "group", "aria-label": "View" }, zoom("Zoom out", "−", () => this.zoom(1 / 1.5)),
          zoom("Zoom in", "+", () => this.zoom(1.5)), zoom("Show all (0)", "All", () => this.home()))),
      this.view, this.legend, this.keys);
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
    }, { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => {
      const round = this.lasso || event.shiftKey;
      this.drag = { x: event.offsetX, y: event.offsetY, moved: false, line: round ? [[event.offsetX, event.offsetY]] : null };
      if (round) this.lasso = { line: this.drag.line };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => this.pointed(event));
    this.canvas.addEventListener("pointerup", (event) => {
      const { moved, line } = this.drag ?? {};
      this.drag = null;
      if (moved && line) this.choose(this.inside(line));
      else if (moved === false) {
        if (!event.shiftKey) this.lasso = null;
        this.pick(this.nearest(event.offsetX, event.offsetY, 14));
      }
    });
    this.canvas.addEventListener("pointercancel", () => {
      this.drag = null;
      this.lassoing(false);
    });
    this.canvas.addEventListener("pointerleave", () => this.show(null));
    this.canvas.addEventListener("blur", () => this.show(null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.view);
    this.update(component);
  }

  update(component) {
    this.data = component.data;
    this.send = component.setTriggerValue;
    this.root.style.height = `min(${this.data.height}px, max(380px, 100vh - 210px))`;
    const reach = (values) => Math.max(...values.map(Math.abs), 1e-6);
    this.reach = [reach(this.data.points.x), reach(this.data.points.y)]; // all of it fills the view
    if (!this.data.concepts.some(({ id }) => id === this.only)) this.only = null;
    const { points, concepts, ramp, limit, class_colours: classColours } = this.data;
    const colours = new Map(concepts.map(({ id, colour, excluded }) => [id, excluded ? GREY : colour]));
    const shade = (score) => ramp[Math.round(((Math.max(-1, Math.min(1, score / limit)) + 1) / 2) * (ramp.length - 1))];
    this.colours = {
      concept: points.concept.map((id) => colours.get(id) ?? GREY),
      score: points.score.map((score) => (score === null ? GREY : shade(score))),
      label: points.label.map((label) => classColours[label] ?? GREY),
    };
    const known = (this.data.chosen ?? []).filter((i) => i < this.data.points.x.length);
    this.chosen = new Set(known);
    this.show(null);
    this.draw();
  }

  // -- places -------------------------------------------------------------------------------------------------------

  place(i) {
    const { clientWidth: width, clientHeight: height } = this.view;
    const unit = this.unit();
    return [width / 2 + (this.data.points.x[i] - this.x) * unit, height / 2 - (this.data.points.y[i] - this.y) * unit];
  }

  unit() {
    const [width, height] = [this.view.clientWidth, this.view.clientHeight].map((side) => Math.max(20, side / 2 - 18));
    return Math.min(width / this.reach[0], height / this.reach[1]) * this.scale;
  }

  zoom(factor, px = this.view.clientWidth / 2, py = this.view.clientHeight / 2) {
    const [dx, dy] = [px - this.view.clientWidth / 2, this.view.clientHeight / 2 - py];
    const before = this.unit();
    this.scale = Math.max(0.8, Math.min(40, this.scale * factor));
    const after = this.unit();
    this.x += dx / before - dx / after;
    this.y += dy / before - dy / after;
    this.show(null);
    this.draw();
  }

  home() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.draw();
  }

  visible(i) {
    return this.only === null || this.data.points.concept[i] === this.only;
  }

  nearest(x, y, most) {
    let [best, found] = [most ** 2, null];
    for (let i = 0; i < this.data.points.x.length; i++) {
      if (!this.visible(i)) continue;
      const [px, py] = this.place(i);
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (far < best) [best, found] = [far, i];
    }
    return found;
  }

  // -- drawing ------------------------------------------------------------------------------------------------------

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.view;
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const size = Math.min(8, 3 * this.scale ** 0.5);
    const colours = this.colours[this.by];
    context.lineWidth = 0.6;
    context.strokeStyle = "#0005";
    for (let i = 0; i < colours.length; i++) {
      const [x, y] = this.place(i);
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
      const faint = this.chosen.size && !this.chosen.has(i);
      context.globalAlpha = !this.visible(i) ? 0.08 : faint ? 0.25 : 0.9;
      context.fillStyle = colours[i];
      context.beginPath();
      context.arc(x, y, size, 0, 2 * Math.PI);
      context.fill();
      if (this.visible(i) && !faint) context.stroke();
    }
    context.globalAlpha = 1;
    for (const [i, line] of [[this.data.selected, 3], [this.at, 2]]) {
      if (i === null || i === undefined) continue;
      const [x, y] = this.place(i);
      for (const [colour, wide] of [["#fff", line + 2], ["#000", line]]) {
        context.strokeStyle = colour;
        context.lineWidth = wide;
        context.beginPath();
        context.arc(x, y, size + 4, 0, 2 * Math.PI);
        context.stroke();
      }
    }
    if (this.lasso?.line?.length > 1) {
      context.beginPath();
      this.lasso.line.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.fillStyle = "#3182bd22";
      context.fill();
      for (const [colour, wide, dash] of [["#fff", 3, []], ["#08519c", 1.5, [5, 4]]]) {
        context.strokeStyle = colour;
        context.lineWidth = wide;
        context.setLineDash(dash);
        context.stroke();
      }
      context.setLineDash([]);
    }
    this.canvas.classList.toggle("at-lassoing", this.lasso !== null);
    this.drawing.setAttribute("aria-pressed", String(this.lasso !== null));
    this.clear.disabled = !this.chosen.size;
    const [many, inside] = [this.chosen.size, this.lasso?.corner ? this.inside(this.lasso.line).length : null];
    const words = inside !== null ? `${inside} in the rectangle` : many ? `${many} chosen` : "";
    if (this.count.textContent !== words) this.count.textContent = words;
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-pressed", String(name === this.by));
    this.drawLegend();
  }

  drawLegend() {
    const { concepts, classes, class_colours: colours, sides, limit, ramp } = this.data;
    const state = JSON.stringify([this.by, this.only, concepts, limit, sides]);
    if (state === this.said) return;
    this.said = state;
    if (this.by === "concept") {
      this.legend.replaceChildren(...concepts.map((concept, at) => el("button", {
        type: "button", class: "at-key", "aria-pressed": String(concept.id === this.only), title: `Show only ${concept.name}`,
        onclick: () => {
          this.only = this.only === concept.id ? null : concept.id;
          this.draw();
          this.legend.children[at]?.focus();
        },
      }, el("i", { style: `background:${concept.excluded ? GREY : concept.colour}` }), el("span", {}, concept.excluded ? `${concept.name} (excluded)` : concept.name))));
    } else if (this.by === "score") {
      const stops = ramp.map((colour, i) => `${colour} ${(100 * i) / (ramp.length - 1)}%`).join(",");
      this.legend.replaceChildren(el("div", { class: "at-ramp" },
        el("div", {}, el("span", {}, sides[0]), el("span", {}, sides[1])),
        el("i", { style: `background:linear-gradient(90deg,${stops})` }),
        el("div", {}, el("span", {}, signed(-limit)), el("span", {}, "prospect score"), el("span", {}, signed(limit)))));
    } else {
      this.legend.replaceChildren(...[...classes.map((name, at) => [name, colours[at]]), ["unlabelled", GREY]].map(([name, colour]) =>
        el("span", { class: "at-key" }, el("i", { style: `background:${colour}` }), el("span", {}, `of data labelled ${name}`))));
    }
  }

  // -- what a person does -------------------------------------------------------------------------------------------

  colourBy(name) {
    this.by = name;
    if (name !== "concept") this.only = null;
    this.draw();
  }

  pointed(event) {
    if (this.drag) {
      const [dx, dy] = [event.offsetX - this.drag.x, event.offsetY - this.drag.y];
      if (this.drag.line) {
        if (!this.drag.moved && Math.hypot(dx, dy) <= 4) return;
        this.drag.moved = true;
        const [lx, ly] = this.drag.line.at(-1);
        if (Math.hypot(event.offsetX - lx, event.offsetY - ly) > 3) this.drag.line.push([event.offsetX, event.offsetY]);
        this.show(null);
        this.draw();
      } else if (this.drag.moved || Math.hypot(dx, dy) > 4) {
        Object.assign(this.drag, { x: event.offsetX, y: event.offsetY, moved: true });
        this.x -= dx / this.unit();
        this.y += dy / this.unit();
        this.show(null);
        this.draw();
      }
      return;
    }
    this.show(this.nearest(event.offsetX, event.offsetY, 14));
  }

  /** The tile of a point, beside it. */
  show(i) {
    if (i === this.at) return;
    this.at = i;
    this.tip.hidden = i === null;
    if (i !== null) {
      const { points, concepts, pictures, texts } = this.data;
      const concept = concepts.find(({ id }) => id === points.concept[i]);
      const score = points.score[i] === null ? "no score" : signed(points.score[i]);
      this.tip.classList.toggle("at-words", Boolean(texts));
      this.tip.replaceChildren(texts ? el("p", {}, texts[i]) : el("img", { src: new URL(`${pictures}/0/${i}_0.png`, document.baseURI).href, alt: "" }),
        el("b", {}, concept?.name ?? `concept ${points.concept[i]}`), `${score} · ${points.name[i]}`);
      const [x, y] = this.place(i);
      const { clientWidth: width, clientHeight: height } = this.view;
      const wide = texts ? 260 : 132;
      this.tip.style.left = `${x + wide + 18 < width ? x + 14 : Math.max(2, x - wide - 14)}px`;
      this.tip.style.top = `${Math.max(2, Math.min(y - 70, height - 186))}px`;
    }
    this.draw();
  }

  pick(i) {
    this.draw();
    if (i !== null && i !== undefined) this.send("pick", { point: i, count: (this.picks = (this.picks ?? 0) + 1) });
  }

  // -- choosing several ---------------------------------------------------------------------------------------------

  lassoing(on) {
    this.lasso = on ? { line: [] } : null;
    this.draw();
  }

  /** Points inside an outline of the view; those that the legend has made faint do not count. */
  inside(line) {
    const found = [];
    for (let i = 0; i < this.data.points.x.length; i++) {
      if (!this.visible(i)) continue;
      const [x, y] = this.place(i);
      let within = false;
      for (let k = 0, j = line.length - 1; k < line.length; j = k++) {
        const [[ax, ay], [bx, by]] = [line[k], line[j]];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
      }
      if (within) found.push(i);
    }
    return found;
  }

  choose(points) {
    this.lasso = null;
    this.chosen = new Set(points);
    this.draw();
    this.send("lasso", { points, count: (this.lassos = (this.lassos ?? 0) + 1) });
  }

  /** A rectangle for the keyboard: around the point that was gone to, else in the middle. */
  rectangle() {
    const at = this.at ?? this.data.selected;
    const [x, y] = at === null || at === undefined ? [this.view.clientWidth / 2, this.view.clientHeight / 2] : this.place(at);
    this.lasso = { corner: [x - 40, y - 40, x + 40, y + 40] };
    this.stretch(0, 0, false);
  }

  stretch(dx, dy, whole) {
    const corner = this.lasso.corner;
    corner[2] = Math.max(corner[0] + 8, corner[2] + 12 * dx);
    corner[3] = Math.max(corner[1] + 8, corner[3] + 12 * dy);
    if (whole) [corner[0], corner[1]] = [corner[0] + 12 * dx, corner[1] + 12 * dy];
    const [left, top, right, bottom] = corner;
    this.lasso.line = [[left, top], [right, top], [right, bottom], [left, bottom]];
    this.show(null);
    this.draw();
  }

  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const letter = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey && (letter === "z" || letter === "y")) {
      this.send("step", { to: letter === "y" || event.shiftKey ? "redo" : "undo", count: (this.steps = (this.steps ?? 0) + 1) });
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step && this.lasso?.corner) this.stretch(...step, event.shiftKey);
    else if (step) this.go(...step);
    else if (event.key === "Escape" && (this.lasso || this.chosen.size)) {
      if (this.lasso) this.lassoing(false);
      else this.choose([]);
      this.drag = null;
    } else if (letter === "r") this.lasso?.corner ? this.lassoing(false) : this.rectangle();
    else if (letter === "l") this.lassoing(!this.lasso);
    else if (event.key === "Enter" && this.lasso?.corner) this.choose(this.inside(this.lasso.line));
    else if (event.key === "Enter" || event.key === " ") this.pick(this.at);
    else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "0" || event.key === "Home") this.home();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The nearest point in a direction. */
  go(dx, dy) {
    const from = this.at ?? this.data.selected;
    if (from === null || from === undefined) return this.show(this.nearest(this.view.clientWidth / 2, this.view.clientHeight / 2, 1e9));
    const [x, y] = this.place(from);
    let [best, found] = [Infinity, null];
    for (let i = 0; i < this.data.points.x.length; i++) {
      if (i === from || !this.visible(i)) continue;
      const [px, py] = this.place(i);
      const [along, across] = [(px - x) * dx + (py - y) * dy, Math.abs((px - x) * dy + (py - y) * dx)];
      if (along <= 0.5 || across > along) continue;
      if (along + across < best) [best, found] = [along + across, i];
    }
    if (found !== null) this.show(found);
  }
}

export default function (component) {
  const { parentElement } = component;
  const known = live.get(parentElement);
  if (known) known.update(component);
  else live.set(parentElement, new Atlas(parentElement.querySelector(".at"), component));
  return () => {
    live.get(parentElement)?.resized.disconnect();
    live.delete(parentElement);
  };
}
