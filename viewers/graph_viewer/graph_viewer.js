// The graph viewer: what Streamlit runs at each change of data. Points by WebGL2, by a plain canvas where there is none.
const live = (window.__prospectorGraphs ??= new WeakMap());
const GREY = [150, 150, 150];
const KEYS = { m: "map", c: "concepts", u: "uncertainty" };

const VERTEX = `#version 300 es
in vec3 place; in vec4 colour; uniform vec4 view; uniform vec2 depth; uniform float size; out vec4 shade;
void main() {
  gl_Position = vec4(place.xy * view.xy + view.zw, place.z * depth.x, 1.0);
  gl_PointSize = size; shade = colour;
}`;
const FRAGMENT = `#version 300 es
precision mediump float; in vec4 shade; uniform float round; uniform vec3 rim; out vec4 pixel;
void main() {
  if (round > 0.5) {
    float far = length(gl_PointCoord - 0.5) * 2.0;
    if (far > 1.0) discard;
    float edge = round > 1.5 ? smoothstep(0.72, 0.86, far) * 0.55 : 0.0;
    pixel = vec4(mix(shade.rgb, rim, edge), shade.a);
  } else pixel = shade;
  if (pixel.a < 0.01) discard;
}`;

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
const number = (value) => (Math.abs(value) >= 1000 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : value.toPrecision(3));
const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// -- what draws -------------------------------------------------------------------------------------------------------

class WebGL {
  constructor(canvas) {
    this.gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
    if (!this.gl) throw new Error("no WebGL2");
    this.name = "WebGL2";
    const { gl } = this;
    const shader = (kind, text) => {
      const made = gl.createShader(kind);
      gl.shaderSource(made, text);
      gl.compileShader(made);
      if (!gl.getShaderParameter(made, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(made));
      return made;
    };
    this.program = gl.createProgram();
    gl.attachShader(this.program, shader(gl.VERTEX_SHADER, VERTEX));
    gl.attachShader(this.program, shader(gl.FRAGMENT_SHADER, FRAGMENT));
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(this.program));
    gl.useProgram(this.program);
    this.at = Object.fromEntries(["view", "depth", "size", "round", "rim"].map((name) => [name, gl.getUniformLocation(this.program, name)]));
    [this.places, this.colours, this.lines] = [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()];
    for (const [name, buffer, size, kind, norm] of [["place", this.places, 3, gl.FLOAT, false], ["colour", this.colours, 4, gl.UNSIGNED_BYTE, true]]) {
      const where = gl.getAttribLocation(this.program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(where);
      gl.vertexAttribPointer(where, size, kind, norm, 0, 0);
      this[`${name}At`] = where;
    }
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  setPlaces(places) { this.fill(this.places, places); }
  setColours(colours) { this.shades = colours; this.fill(this.colours, colours); }

  fill(buffer, array, target = this.gl.ARRAY_BUFFER) {
    this.gl.bindBuffer(target, buffer);
    this.gl.bufferData(target, array, this.gl.DYNAMIC_DRAW);
  }

  setEdges(edges) {
    this.edges = edges;
    if (edges) this.fill(this.lines, edges, this.gl.ELEMENT_ARRAY_BUFFER);
  }

  draw(view, n, size, ratio, space, ink) {
    const { gl } = this;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl[space ? "enable" : "disable"](gl.DEPTH_TEST);
    gl.uniform4f(this.at.view, (2 * view.unit) / view.width, (-2 * view.unit) / view.height, (-2 * view.x * view.unit) / view.width, (2 * view.y * view.unit) / view.height);
    gl.uniform2f(this.at.depth, space ? -1 / space : 0, 0);
    gl.uniform3fv(this.at.rim, ink.map((part) => part / 255));
    if (this.edges) {
      gl.disableVertexAttribArray(this.colourAt);
      gl.vertexAttrib4f(this.colourAt, ...ink.map((part) => part / 255), size > 5 ? 0.45 : 0.22);
      gl.uniform1f(this.at.round, 0);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.lines);
      gl.drawElements(gl.LINES, this.edges.length, gl.UNSIGNED_INT, 0);
      gl.enableVertexAttribArray(this.colourAt);
    }
    gl.uniform1f(this.at.size, size * ratio);
    gl.uniform1f(this.at.round, size > 7 ? 2 : 1);
    gl.drawArrays(gl.POINTS, 0, n);
  }

  /** Milliseconds since ``began``, once all is drawn: reading a pixel waits for it. */
  finish(began) {
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
    return performance.now() - began;
  }
}

class Plain {
  constructor(canvas) {
    this.name = "canvas";
    this.context = canvas.getContext("2d");
  }

  finish(began) { return performance.now() - began; }
  setPlaces(places) { this.places = places; }
  setColours(colours) { this.shades = this.colours = colours; }
  setEdges(edges) { this.edges = edges; }

  draw(view, n, size, ratio, space, ink) {
    const { context, places, colours, edges } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const x = (i) => view.width / 2 + (places[3 * i] - view.x) * view.unit;
    const y = (i) => view.height / 2 + (places[3 * i + 1] - view.y) * view.unit;
    if (edges) {
      context.strokeStyle = `rgba(${ink},${size > 5 ? 0.45 : 0.22})`;
      context.lineWidth = 1;
      context.beginPath();
      for (let e = 0; e < edges.length; e += 2) {
        context.moveTo(x(edges[e]), y(edges[e]));
        context.lineTo(x(edges[e + 1]), y(edges[e + 1]));
      }
      context.stroke();
    }
    Object.assign(context, { strokeStyle: `rgba(${ink},0.5)`, lineWidth: 1 });
    let last = "";
    for (let i = 0; i < n; i++) {
      const [px, py] = [x(i), y(i)];
      if (px < -size || py < -size || px > view.width + size || py > view.height + size) continue;
      const colour = `rgba(${colours[4 * i]},${colours[4 * i + 1]},${colours[4 * i + 2]},${colours[4 * i + 3] / 255})`;
      if (colour !== last) context.fillStyle = last = colour;
      if (size < 5) context.fillRect(px - size / 2, py - size / 2, size, size);
      else {
        context.beginPath();
        context.arc(px, py, size / 2, 0, 2 * Math.PI);
        context.fill();
        if (size > 7 && colours[4 * i + 3] > 30) context.stroke();
      }
    }
  }
}

// -- what lies under the points ---------------------------------------------------------------------------------------

const SHADES = ["#5b7bff", "#26d07c", "#ff5a4d", "#ffd23d", "#ff6bdc", "#37d8ff", "#ffffff"];
const KEPT = 320; // tiles that are kept
const MANY = 20000; // points from which on it is looked at how long they take
const SLOW = 40; // milliseconds per frame beyond which the picture is moved rather than drawn anew
const RESTS = 150; // milliseconds without a move after which it is drawn anew
const OUTLINED = 12; // CSS px of a point from which outlines are drawn

/** Images of channels, borders and outlines on a canvas below the points; how a channel is shown is kept by its name. */
class Ground {
  constructor(viewer) {
    Object.assign(this, { viewer, tiles: new Map(), squares: new Map(), open: false, on: false, looks: new Map(), contrast: "usual", opacity: 1, points: 1, lines: true });
    this.canvas = el("canvas", {});
    this.panel = el("div", { class: "gv-under", hidden: "", role: "group", "aria-label": "Image under the points" });
  }

  get data() { return this.viewer.data.under; }
  get images() { return this.data?.images ?? []; }
  get there() { return Boolean(this.images.some(({ borders }) => !borders) || this.data?.outlines || this.images.length); }

  get shown() { return this.on && this.images.some(({ borders }) => !borders); }

  look(image, at) {
    const name = image.rgb ? `rgb ${at}` : image.channels[at];
    if (!this.looks.has(name)) this.looks.set(name, image.rgb ? { on: at < 3, colour: ["#ff0000", "#00ff00", "#0000ff", "#000000"][at] } : { on: at < 3, colour: SHADES[at % SHADES.length] });
    return this.looks.get(name);
  }

  toggle() {
    this.open = !this.open;
    if (this.open) this.on = true;
    this.drawPanel();
    this.viewer.drawBar();
    this.viewer.later();
  }

  drawPanel() {
    this.panel.hidden = !this.open || !this.there;
    if (this.panel.hidden) return;
    const later = () => this.viewer.later();
    const change = (act) => (event) => { act(event.target); later(); };
    const rows = [];
    const check = (on, label, act) => el("label", {}, el("input", { type: "checkbox", checked: on ? "" : null, onchange: change(act) }), label);
    const range = (label, value, act) => el("label", { class: "gv-range" }, el("span", {}, label), el("input", { type: "range", min: 0, max: 1, step: 0.05, value, oninput: change(act) }));
    const shown = this.images.filter(({ borders }) => !borders);
    if (shown.length) rows.push(check(this.on, el("b", {}, "Image"), ({ checked }) => { this.on = checked; }));
    for (const image of shown) {
      if (shown.length > 1) rows.push(el("div", { class: "gv-name", title: image.name }, image.name));
      const list = el("div", { class: "gv-channels" });
      (image.rgb ? [image.name] : image.channels).forEach((name, at) => {
        const look = this.look(image, at);
        if (image.rgb) {
          list.append(check(look.on, name, ({ checked }) => [0, 1, 2].forEach((each) => { this.look(image, each).on = checked; })));
          return;
        }
        list.append(el("div", { class: "gv-channel" }, check(look.on, name, ({ checked }) => { look.on = checked; if (checked) { this.on = true; this.drawPanel(); } }),
          el("input", { type: "color", value: look.colour, "aria-label": `Colour of ${name}`, oninput: change(({ value }) => { look.colour = value; }) })));
      });
      rows.push(list);
    }
    if (shown.some(({ rgb }) => !rgb)) {
      const choice = el("select", { onchange: change(({ value }) => { this.contrast = value; }) },
        ...Object.entries(this.data.contrasts).map(([id, label]) => el("option", { value: id, selected: id === this.contrast ? "" : null }, label)));
      rows.push(el("label", { class: "gv-range", title: "Percentiles of a channel that are black and full" }, el("span", {}, "Contrast"), choice));
    }
    if (shown.length) rows.push(range("Opacity", this.opacity, ({ value }) => { this.opacity = Number(value); }));
    rows.push(range("Points", this.points, ({ value }) => { this.points = Number(value); }));
    if (this.data.outlines || this.images.some(({ borders }) => borders)) rows.push(check(this.lines, "Outlines, zoomed in", ({ checked }) => { this.lines = checked; }));
    this.panel.replaceChildren(...rows);
  }

  /** A tile if it is here; else it is fetched, and all is drawn again. */
  tile(key, url) {
    const known = this.tiles.get(key);
    if (known) {
      this.tiles.delete(key);
      this.tiles.set(key, known); // the one used last is dropped last
      return known.picture;
    }
    const made = { picture: null };
    this.tiles.set(key, made);
    fetch(url).then((answer) => (answer.ok ? answer.blob() : Promise.reject(new Error(answer.status)))).then(createImageBitmap).then((picture) => {
      made.picture = picture;
      this.viewer.later();
    }).catch(() => {});
    for (const first of this.tiles.keys()) {
      if (this.tiles.size <= KEPT) break;
      this.tiles.delete(first);
    }
    return null;
  }

  tinted(key, picture, colour, how = "multiply") {
    const name = `${key} ${colour}`;
    const known = this.tiles.get(name);
    if (known) return known.picture;
    const made = el("canvas", { width: picture.width, height: picture.height });
    const context = made.getContext("2d");
    context.drawImage(picture, 0, 0);
    Object.assign(context, { globalCompositeOperation: how, fillStyle: colour });
    context.fillRect(0, 0, picture.width, picture.height);
    this.tiles.set(name, { picture: made });
    return made;
  }

  draw(view, ratio, size) {
    const { canvas } = this;
    const images = this.on && this.there ? this.images.filter(({ borders }) => !borders) : [];
    const outlined = this.lines && size * (this.shown ? 2 : 1) >= OUTLINED && this.there;
    this.viewer.canvas.style.opacity = this.there ? this.points : 1;
    const visible = images.length || outlined;
    canvas.hidden = !visible;
    this.viewer.root.dataset.under = "";
    if (!visible) return;
    const [w, h] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, w, h);
    let [drawn, missing] = [0, 0];
    context.globalAlpha = this.opacity;
    for (const image of images) {
      const places = this.seen(image, view, ratio);
      const channels = image.channels.map((_, at) => at).filter((at) => this.look(image, at).on);
      if (!channels.length || !places) continue;
      this.transform(context, image, view, ratio);
      context.globalCompositeOperation = "source-over";
      context.fillStyle = "#000";
      context.fillRect(0, 0, image.width, image.height);
      context.globalCompositeOperation = "lighter";
      for (const channel of channels) {
        for (const [column, row, step] of places.tiles) {
          const url = `${image.urls[this.contrast]}/${places.level}/${column}_${row}-c${channel}.png`;
          const picture = this.tile(url, url);
          if (!picture) { missing++; continue; }
          context.drawImage(this.tinted(url, picture, this.look(image, channel).colour), column * image.tile * step, row * image.tile * step, picture.width * step, picture.height * step);
          drawn++;
        }
      }
    }
    context.globalAlpha = 1;
    context.globalCompositeOperation = "source-over";
    if (outlined) {
      for (const image of this.images.filter(({ borders }) => borders)) {
        if (this.data.outlines) break;
        const places = this.seen(image, view, ratio);
        if (!places) continue;
        this.transform(context, image, view, ratio);
        for (const [column, row, step] of places.tiles) {
          const url = `${image.urls.usual}/${places.level}/${column}_${row}.png`;
          const picture = this.tile(url, url);
          if (!picture) { missing++; continue; }
          const lines = images.length ? picture : this.tinted(url, picture, `rgb(${this.viewer.ink})`, "source-in");
          context.drawImage(lines, column * image.tile * step, row * image.tile * step, picture.width * step, picture.height * step);
          drawn++;
        }
      }
      if (this.data.outlines) {
        const [squares, waiting] = this.outlines(context, view, ratio);
        drawn += squares;
        missing += waiting;
      }
    }
    this.viewer.root.dataset.under = missing ? `waiting ${missing}` : `drawn ${drawn}`;
  }

  transform(context, image, view, ratio) {
    const [a, b, c, d, e, f] = image.matrix;
    const k = view.unit * ratio;
    context.setTransform(a * k, b * k, c * k, d * k, (view.width / 2) * ratio + (e - view.x) * k, (view.height / 2) * ratio + (f - view.y) * k);
    context.imageSmoothingEnabled = Math.hypot(a, b) * k < 2;
  }

  /** The level to draw, and its tiles in sight: [column, row, pixels of the image a pixel of the tile]. */
  seen(image, view, ratio) {
    const [a, b, c, d, e, f] = image.matrix;
    const det = a * d - b * c;
    if (!det) return null;
    const [xs, ys] = [[], []];
    for (const [sx, sy] of [[-1, -1], [1, -1], [-1, 1], [1, 1]]) {
      const x = view.x + (sx * view.width) / 2 / view.unit - e;
      const y = view.y + (sy * view.height) / 2 / view.unit - f;
      xs.push((d * x - c * y) / det);
      ys.push((a * y - b * x) / det);
    }
    const pixel = Math.hypot(a, b) * view.unit * ratio; // screen pixels per pixel of the image
    const down = Math.max(0, Math.min(image.top, Math.floor(Math.log2(1 / pixel) + 0.25)));
    const step = 2 ** down;
    const side = image.tile * step;
    const clip = (value, most) => Math.max(0, Math.min(most, Math.floor(value / side)));
    const [right, bottom] = [Math.ceil(image.width / side) - 1, Math.ceil(image.height / side) - 1];
    if (Math.max(...xs) < 0 || Math.max(...ys) < 0 || Math.min(...xs) > image.width || Math.min(...ys) > image.height) return null;
    const tiles = [];
    for (let row = clip(Math.min(...ys), bottom); row <= clip(Math.max(...ys), bottom); row++) {
      for (let column = clip(Math.min(...xs), right); column <= clip(Math.max(...xs), right); column++) tiles.push([column, row, step]);
    }
    return { level: image.top - down, tiles };
  }

  outlines(context, view, ratio) {
    const { url, side, origin } = this.data.outlines;
    const k = view.unit * ratio;
    context.setTransform(k, 0, 0, k, (view.width / 2) * ratio - view.x * k, (view.height / 2) * ratio - view.y * k);
    const half = [view.width / 2 / view.unit, view.height / 2 / view.unit];
    const from = (at, centre) => Math.max(0, Math.floor((centre - half[at] - origin[at]) / side) - 1);
    const to = (at, centre) => Math.min(99999, Math.floor((centre + half[at] - origin[at]) / side) + 1);
    const { pen, flat } = this.viewer;
    let [drawn, missing] = [0, 0];
    context.lineWidth = 1.4 / view.unit;
    for (let row = from(1, view.y); row <= to(1, view.y); row++) {
      for (let column = from(0, view.x); column <= to(0, view.x); column++) {
        const square = this.square(`${url}/0/${column}_${row}.bin`);
        if (!square) { missing++; continue; }
        drawn++;
        const { tokens, starts, xy } = square;
        for (let i = 0; i < tokens.length; i++) {
          if (starts[i] === starts[i + 1] || 3 * tokens[i] >= flat.length || !this.viewer.visible(tokens[i])) continue;
          const at = 4 * tokens[i];
          const [r, g, b] = pen.shades ? pen.shades.subarray(at, at + 3) : GREY;
          context.beginPath();
          for (let v = starts[i]; v < starts[i + 1]; v++) context[v === starts[i] ? "moveTo" : "lineTo"](xy[2 * v], xy[2 * v + 1]);
          context.closePath();
          context.fillStyle = `rgba(${r},${g},${b},0.35)`;
          context.strokeStyle = this.on ? "#fff" : `rgba(${this.viewer.ink},0.7)`;
          context.fill();
          context.stroke();
        }
      }
    }
    return [drawn, missing];
  }

  square(url) {
    const known = this.squares.get(url);
    if (known !== undefined) return known;
    this.squares.set(url, null);
    fetch(url).then((answer) => (answer.ok ? answer.arrayBuffer() : Promise.reject(new Error(answer.status)))).then((bytes) => {
      const head = new Uint32Array(bytes, 0, 1)[0];
      this.squares.set(url, { tokens: new Uint32Array(bytes, 4, head), starts: new Uint32Array(bytes, 4 + 4 * head, head + 1), xy: new Float32Array(bytes, 8 + 8 * head) });
      this.viewer.later();
    }).catch(() => {});
    for (const first of this.squares.keys()) {
      if (this.squares.size <= KEPT) break;
      this.squares.delete(first);
    }
    return null;
  }
}

// -- the viewer -------------------------------------------------------------------------------------------------------

class GraphViewer {
  constructor(root, component) {
    Object.assign(this, { root, numbers: new Map(), tops: new Map(), only: null, at: null, drag: null, tool: "move", lasso: null, turn: [0, 0], shown: null, focusCount: 0 });
    this.canvas = el("canvas", {});
    this.over = el("canvas", { class: "gv-over", tabindex: 0, role: "application" });
    this.tip = el("div", { class: "gv-tip", hidden: "" });
    this.menu = el("div", { class: "gv-mark", hidden: "", role: "group", "aria-label": "What was drawn" });
    this.note = el("div", { class: "gv-note" });
    this.said = el("div", { class: "gv-said", "aria-live": "polite" });
    this.legend = el("div", { class: "gv-legend" });
    this.bar = el("div", { class: "gv-bar" });
    this.ground = new Ground(this);
    this.view = el("div", { class: "gv-view" }, this.ground.canvas, this.canvas, this.over, this.note, this.tip, this.ground.panel, this.menu, this.said);
    root.replaceChildren(this.bar, this.view, this.legend);
    try {
      this.pen = new WebGL(this.canvas);
    } catch {
      const canvas = el("canvas", {});
      this.canvas.replaceWith(canvas);
      this.canvas = canvas;
      this.pen = new Plain(canvas);
    }
    root.dataset.pen = this.pen.name;
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => { this.pen = new WebGL(this.canvas); this.reload(); });
    const { over } = this;
    over.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
    }, { passive: false });
    over.addEventListener("contextmenu", (event) => this.data.graph.dims === 3 && event.preventDefault());
    over.addEventListener("pointerdown", (event) => this.down(event));
    over.addEventListener("pointermove", (event) => this.moved(event));
    over.addEventListener("pointerup", (event) => this.up(event));
    over.addEventListener("pointercancel", () => { this.drag = null; });
    over.addEventListener("pointerleave", () => this.point(null));
    over.addEventListener("blur", () => this.point(null));
    over.addEventListener("keydown", (event) => this.key(event));
    this.resized = new ResizeObserver(() => this.later());
    this.resized.observe(this.view);
    this.update(component);
  }

  update(component) {
    this.data = component.data;
    this.send = component.setTriggerValue;
    const { graph, layers, words } = this.data;
    this.root.style.height = `min(${this.data.height}px, max(400px, 100vh - ${this.data.above}px))`;
    this.over.setAttribute("aria-label", `${graph.n.toLocaleString("en")} ${words.tokens}. Arrow keys go from one to the next, Enter selects, plus and minus zoom, 0 shows all, e shows edges, l draws.`);
    const style = getComputedStyle(this.root);
    this.ink = (style.color.match(/\d+/g) ?? [34, 34, 34]).slice(0, 3).map(Number);
    if (!layers.some(({ id }) => id === this.layerId)) this.layerId = this.data.layer;
    if (!this.data.concepts.some(({ id }) => id === this.only)) this.only = null;
    if (this.graphId !== graph.id) {
      Object.assign(this, { graphId: graph.id, places: null, flat: null, edges: null, turn: [0, 0], lasso: null });
      this.pen.setEdges(null);
      this.menu.hidden = true;
      this.home(false);
      this.fetchPlaces(graph);
    }
    this.focus = this.data.focus_count > this.focusCount ? this.data.focus : null;
    this.focusCount = Math.max(this.focusCount, this.data.focus_count);
    this.ground.drawPanel();
    this.drawBar();
    this.show();
    this.later();
  }

  async bytes(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.arrayBuffer();
  }

  async fetchPlaces(graph) {
    const places = new Float32Array(await this.bytes(graph.positions));
    if (this.graphId !== graph.id) return;
    this.places = places;
    let reach = 1e-9;
    const [xs, ys] = [[Infinity, -Infinity], [Infinity, -Infinity]];
    for (let i = 0; i < places.length; i += 3) {
      xs[0] = Math.min(xs[0], places[i]); xs[1] = Math.max(xs[1], places[i]);
      ys[0] = Math.min(ys[0], places[i + 1]); ys[1] = Math.max(ys[1], places[i + 1]);
      reach = Math.max(reach, Math.hypot(places[i], places[i + 1], places[i + 2]));
    }
    Object.assign(this, { reach, box: [Math.max((xs[1] - xs[0]) / 2, 1e-6), Math.max((ys[1] - ys[0]) / 2, 1e-6)] });
    this.spacing = Math.sqrt((4 * this.box[0] * this.box[1]) / graph.n);
    this.project();
    this.home(false);
    this.paint();
    this.later();
  }

  reload() {
    this.project();
    this.pen.setEdges(this.edges ?? null);
    this.paint();
    this.later();
  }

  /** Places as seen: turned about the vertical, then about the horizontal axis where they are in space. */
  project() {
    const { places } = this;
    if (!places) return;
    if (this.data.graph.dims < 3 || !(this.turn[0] || this.turn[1])) this.flat = places;
    else {
      const [a, b] = this.turn;
      const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
      if (this.flat === places || !this.flat) this.flat = new Float32Array(places.length);
      for (let i = 0; i < places.length; i += 3) {
        const x = ca * places[i] + sa * places[i + 2];
        const z = ca * places[i + 2] - sa * places[i];
        this.flat[i] = x;
        this.flat[i + 1] = cb * places[i + 1] - sb * z;
        this.flat[i + 2] = sb * places[i + 1] + cb * z;
      }
    }
    this.pen.setPlaces(this.flat);
  }

  layer() { return this.data.layers.find(({ id }) => id === this.layerId) ?? this.data.layers[0]; }
  high(layer) { return layer.headed ? this.tops.get(layer.url) ?? 1 : layer.high; }
  values(layer) { return layer && this.numbers.get(layer.url); }

  /** Fetch what the present layer, and the words of a point, need. */
  async show() {
    const layer = this.layer();
    this.over.dataset.layer = layer.id;
    const wanted = [layer, ...this.data.layers.filter(({ id }) => id === "map" || id === "concepts")];
    await Promise.all(wanted.map(async ({ url, headed }) => {
      if (this.numbers.has(url)) return;
      const found = new Float32Array(await this.bytes(url));
      if (headed) this.tops.set(url, found[0]);
      if (this.numbers.size > 24) this.numbers.delete(this.numbers.keys().next().value);
      this.numbers.set(url, headed ? found.subarray(1) : found);
    }));
    this.paint();
    this.later();
  }

  paint() {
    const { graph, concepts, ramp, more } = this.data;
    const layer = this.layer();
    const values = this.values(layer);
    const ids = this.values(this.data.layers.find(({ id }) => id === "concepts"));
    if (!values || values.length !== graph.n) return;
    const colours = new Uint8Array(4 * graph.n);
    const table = new Map(concepts.map(({ id, colour, excluded }) => [id, excluded ? null : rgb(colour)]));
    const steps = (layer.kind === "diverging" ? ramp : more).map(rgb);
    const [low, high] = layer.kind === "diverging" ? [-layer.limit, layer.limit] : [layer.low, this.high(layer)];
    for (let i = 0; i < graph.n; i++) {
      const value = values[i];
      let colour = null;
      if (layer.kind === "concept") colour = table.get(value);
      else if (!Number.isNaN(value)) colour = steps[Math.round(Math.max(0, Math.min(1, (value - low) / (high - low || 1))) * (steps.length - 1))];
      const off = this.only !== null && ids && ids[i] !== this.only;
      const [r, g, b] = colour ?? GREY;
      colours[4 * i] = r; colours[4 * i + 1] = g; colours[4 * i + 2] = b;
      colours[4 * i + 3] = off ? 22 : colour ? 245 : 90;
    }
    this.pen.setColours(colours);
    this.painted = true;
    this.root.dataset.painted = `${graph.id} ${layer.id}`;
    this.drawLegend();
  }

  visible(i) {
    if (this.only === null) return true;
    const ids = this.values(this.data.layers.find(({ id }) => id === "concepts"));
    return !ids || ids[i] === this.only;
  }

  // -- places -------------------------------------------------------------------------------------------------------

  size() { return { width: this.view.clientWidth, height: this.view.clientHeight }; }

  unit() {
    if (!this.box) return 1;
    const { width, height } = this.size();
    const box = this.data.graph.dims === 3 ? [this.reach, this.reach] : this.box;
    return Math.min(Math.max(20, width / 2 - 14) / box[0], Math.max(20, height / 2 - 14) / box[1]) * this.scale;
  }

  onScreen(i) {
    const { width, height } = this.size();
    const unit = this.unit();
    return [width / 2 + (this.flat[3 * i] - this.x) * unit, height / 2 + (this.flat[3 * i + 1] - this.y) * unit];
  }

  inData(px, py) {
    const { width, height } = this.size();
    const unit = this.unit();
    return [(px - width / 2) / unit + this.x, (py - height / 2) / unit + this.y];
  }

  zoom(factor, px = this.size().width / 2, py = this.size().height / 2) {
    const before = this.inData(px, py);
    this.scale = Math.max(0.5, Math.min(400, this.scale * factor));
    const after = this.inData(px, py);
    this.x += before[0] - after[0];
    this.y += before[1] - after[1];
    this.later("view");
  }

  home(draw = true) {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    if (draw) this.later();
  }

  nearest(px, py, most) {
    if (!this.flat) return null;
    const [x, y] = this.inData(px, py);
    let [best, found] = [(most / this.unit()) ** 2, null];
    const { flat } = this;
    for (let i = 0, k = 0; k < flat.length; i++, k += 3) {
      const far = (flat[k] - x) ** 2 + (flat[k + 1] - y) ** 2;
      if (far < best && this.visible(i)) [best, found] = [far, i];
    }
    return found;
  }

  hit() { return Math.max(9, Math.min(40, 0.75 * this.spacing * this.unit())); }
  /** Smaller over an image, which is to be seen between them. */
  pointSize() { return Math.max(1.6, Math.min(22, 0.72 * this.spacing * this.unit())) * (this.ground.shown ? 0.5 : 1); }

  // -- drawing ------------------------------------------------------------------------------------------------------

  /** Draw in the next frame: "over", rings and lasso alone; "view", as the view has moved; or all anew. */
  later(what = "all") {
    this.what = Math.max(this.what ?? 0, ["over", "view", "all"].indexOf(what));
    this.wanted ??= requestAnimationFrame(() => {
      const { what: most } = this;
      this.wanted = this.what = null;
      this.draw(most);
    });
  }

  draw(what = 2) {
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = this.size();
    if (!this.flat || !this.painted || !width) return;
    for (const canvas of [this.canvas, this.over]) {
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width === w && canvas.height === h) continue;
      Object.assign(canvas, { width: w, height: h });
      what = 2;
    }
    if (this.focus !== null && this.focus !== undefined && this.focus * 3 < this.flat.length) {
      this.scale = Math.max(this.scale, Math.min(60, Math.min(...this.box) / (this.spacing * 8)));
      [this.x, this.y] = [this.flat[3 * this.focus], this.flat[3 * this.focus + 1]];
      this.focus = null;
      what = 2;
    }
    const view = { width, height, unit: this.unit(), x: this.x, y: this.y };
    const size = this.pointSize();
    if (what === 1 && this.cost > SLOW && this.drawn) this.slide(view);
    else if (what) this.drawAll(view, size, ratio);
    this.drawOver(ratio, size);
    this.drawScale(view.unit);
  }

  drawAll(view, size, ratio) {
    clearTimeout(this.settling);
    const n = this.flat.length / 3;
    const began = performance.now();
    this.pen.draw(view, n, size, ratio, this.data.graph.dims === 3 ? this.reach * 1.05 : 0, this.ink);
    this.cost = n < MANY ? 0 : this.pen.finish(began);
    this.ground.draw(view, ratio, size);
    this.drawn = view;
    for (const canvas of [this.canvas, this.ground.canvas]) canvas.style.transform = "";
  }

  /** Move the picture that is there, and draw anew once the view rests: where points are many and drawn in software. */
  slide(view) {
    const { drawn } = this;
    const [right, down] = [(drawn.x - view.x) * view.unit, (drawn.y - view.y) * view.unit];
    for (const canvas of [this.canvas, this.ground.canvas]) canvas.style.transform = `translate(${right}px, ${down}px) scale(${view.unit / drawn.unit})`;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.later(), RESTS);
  }

  drawOver(ratio, size) {
    const context = this.over.getContext("2d", { willReadFrequently: true }); // redrawn in software: it is nearly empty
    const { width, height } = this.size();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const ring = (i, radius, strokes) => {
      const [x, y] = this.onScreen(i);
      for (const [colour, wide] of strokes) {
        Object.assign(context, { strokeStyle: colour, lineWidth: wide });
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.stroke();
      }
    };
    const shades = { for: "#cc4c02", against: "#2171b5", ignore: "#777" };
    for (const region of this.turn.some(Boolean) ? [] : this.data.regions) {
      Object.assign(context, { strokeStyle: shades[region.evidence] ?? "#777", lineWidth: region.lit ? 4 : 2 });
      context.setLineDash(region.evidence === "ignore" ? [5, 4] : []);
      for (const points of region.rings) {
        context.beginPath();
        points.forEach(([x, y], at) => {
          const [mx, my] = this.data.graph.middle;
          const unit = this.unit();
          context[at ? "lineTo" : "moveTo"](width / 2 + (x - mx - this.x) * unit, height / 2 + (y - my - this.y) * unit);
        });
        context.closePath();
        context.stroke();
      }
    }
    context.setLineDash([]);
    for (const { token, colour } of this.data.neighbours) if (token * 3 < this.flat.length) ring(token, Math.max(4, size / 2 + 1.5), [["#0008", 4], [colour, 2.4]]);
    const { selected } = this.data;
    if (selected !== null && selected !== undefined && selected * 3 < this.flat.length) ring(selected, Math.max(6, size / 2 + 3), [["#fff", 5], ["#000", 3]]);
    if (this.at !== null) ring(this.at, Math.max(6, size / 2 + 3), [["#fff", 4], ["#000", 2]]);
    if (this.lasso?.length > 1) {
      context.beginPath();
      this.lasso.forEach(([x, y], at) => {
        const unit = this.unit();
        context[at ? "lineTo" : "moveTo"](width / 2 + (x - this.x) * unit, height / 2 + (y - this.y) * unit);
      });
      context.closePath();
      Object.assign(context, { fillStyle: "#ffffff30", strokeStyle: "#000", lineWidth: 3 });
      context.fill();
      context.stroke();
      Object.assign(context, { strokeStyle: "#fff", lineWidth: 1.5 });
      context.stroke();
    }
  }

  drawScale(unit) {
    const { graph } = this.data;
    const parts = [];
    if (graph.laid_out) parts.push(el("span", {}, "No coordinates: laid out by edges"));
    else if (graph.unit) {
      const most = 130 / unit;
      const power = 10 ** Math.floor(Math.log10(most));
      const length = [5, 2, 1].find((step) => step * power <= most) * power;
      parts.push(el("span", {}, `${Number(length.toPrecision(6)).toLocaleString("en")} ${graph.unit}`), el("div", { class: "gv-scale", style: `width:${(length * unit).toFixed(1)}px` }));
    }
    this.note.hidden = !parts.length;
    this.note.replaceChildren(...parts);
  }

  drawBar() {
    const { layers, marking } = this.data;
    const state = JSON.stringify([layers.map(({ id, label }) => [id, label]), this.layerId, this.tool, Boolean(this.edges), Boolean(marking), this.ground.there, this.ground.open]);
    if (state === this.barSaid) return;
    const held = this.bar.contains(this.root.getRootNode().activeElement) ? this.root.getRootNode().activeElement.dataset.name : null;
    this.barSaid = state;
    const button = (name, text, title, act, pressed) => el("button", { type: "button", title, "data-name": name, "aria-pressed": pressed === undefined ? null : String(pressed), onclick: act }, text);
    const single = layers.filter(({ group }) => !group);
    const grouped = layers.filter(({ group }) => group);
    const letter = (id) => Object.entries(KEYS).find(([, name]) => name === id)?.[0];
    const colour = el("div", { class: "gv-group", role: "group", "aria-label": "Colour" },
      ...single.map(({ id, label }) => button(id, label, `Colour by ${label.toLowerCase()}${letter(id) ? ` (${letter(id)})` : ""}`, () => this.choose(id), id === this.layerId)));
    if (grouped.length) {
      const chosen = grouped.some(({ id }) => id === this.layerId);
      const list = el("select", { "aria-label": grouped[0].group, title: `Colour by ${grouped[0].group.toLowerCase()}`, "data-name": "group", "aria-pressed": String(chosen) },
        el("option", { value: "", disabled: "", selected: chosen ? null : "" }, grouped[0].group),
        ...grouped.map(({ id, label }) => el("option", { value: id, selected: id === this.layerId ? "" : null }, label)));
      list.addEventListener("change", () => this.choose(list.value));
      colour.append(list);
    }
    this.bar.replaceChildren(colour,
      el("div", { class: "gv-group", role: "group", "aria-label": "Show" }, button("edges", "Edges", "Show which are neighbours (e)", () => this.toggleEdges(), Boolean(this.edges)),
        this.ground.there ? button("image", this.ground.images.some(({ borders }) => !borders) ? "Image" : "Outlines", "Show what lies under the points (i)", () => this.ground.toggle(), this.ground.open) : null),
      ...(marking ? [el("div", { class: "gv-group", role: "group", "aria-label": "Tool" },
        button("move", "Move", "Drag to move (Esc)", () => this.use("move"), this.tool === "move"),
        button("lasso", "Lasso", "Draw around some to mark or move them (l)", () => this.use("lasso"), this.tool === "lasso"))] : []),
      el("span", { class: "gv-gap" }),
      el("div", { class: "gv-group", role: "group", "aria-label": "View" }, button("out", "−", "Zoom out (-)", () => this.zoom(1 / 1.5)),
        button("in", "+", "Zoom in (+)", () => this.zoom(1.5)), button("all", "All", "Show all (0)", () => { this.turn = [0, 0]; this.project(); this.home(); })));
    if (held) this.bar.querySelector(`[data-name="${held}"]`)?.focus();
  }

  drawLegend() {
    const layer = this.layer();
    const { concepts, ramp, more } = this.data;
    const state = JSON.stringify([layer, this.high(layer), this.only, concepts]);
    if (state === this.legendSaid) return;
    this.legendSaid = state;
    if (layer.kind === "concept") {
      this.legend.replaceChildren(...concepts.map((concept, at) => el("button", {
        type: "button", class: "gv-key", "aria-pressed": String(concept.id === this.only), title: `Show only ${concept.name}`,
        onclick: () => {
          this.only = this.only === concept.id ? null : concept.id;
          this.paint();
          this.later();
          this.legend.children[at]?.focus();
        },
      }, el("i", { class: concept.excluded ? "out" : "", style: `background:${concept.colour}` }), el("span", {}, concept.excluded ? `${concept.name} (excluded)` : concept.name))));
      return;
    }
    const steps = layer.kind === "diverging" ? ramp : more;
    const stops = steps.map((colour, i) => `${colour} ${(100 * i) / (steps.length - 1)}%`).join(",");
    const ends = layer.kind === "diverging" ? [signed(-layer.limit), signed(layer.limit)] : [number(layer.low), number(this.high(layer))];
    const none = concepts.some(({ excluded }) => excluded) && layer.kind === "diverging";
    this.legend.replaceChildren(el("div", { class: "gv-ramp" },
      layer.kind === "diverging" ? el("div", {}, el("span", {}, layer.low), el("span", {}, layer.high)) : null,
      el("i", { style: `background:linear-gradient(90deg,${stops})` }),
      el("div", {}, el("span", {}, ends[0]), el("span", {}, layer.unit), el("span", {}, ends[1]))),
      ...(none ? [el("span", { class: "gv-key" }, el("i", { class: "out" }), el("span", {}, "excluded, no score"))] : []));
  }

  // -- what a person does -------------------------------------------------------------------------------------------

  choose(id) {
    if (!this.data.layers.some((layer) => layer.id === id)) return;
    this.layerId = id;
    if (this.layer().kind !== "concept") this.only = null;
    this.drawBar();
    this.show();
  }

  use(tool) {
    this.tool = tool;
    if (tool === "move") this.endLasso();
    this.drawBar();
  }

  async toggleEdges() {
    if (this.edges) this.edges = null;
    else {
      const id = this.graphId;
      const found = new Uint32Array(await this.bytes(this.data.graph.edges));
      if (id !== this.graphId) return;
      this.edges = found;
    }
    this.pen.setEdges(this.edges);
    this.root.dataset.edges = this.edges ? this.edges.length / 2 : "";
    this.drawBar();
    this.later();
  }

  down(event) {
    this.over.setPointerCapture(event.pointerId);
    const turning = this.data.graph.dims === 3 && (event.shiftKey || event.button === 2);
    this.drag = { x: event.offsetX, y: event.offsetY, moved: false, what: turning ? "turn" : this.tool };
    if (this.drag.what === "lasso") {
      this.menu.hidden = true;
      this.lasso = [this.inData(event.offsetX, event.offsetY)];
    }
  }

  moved(event) {
    const { drag } = this;
    if (!drag) {
      this.point(this.nearest(event.offsetX, event.offsetY, this.hit()));
      return;
    }
    const [dx, dy] = [event.offsetX - drag.x, event.offsetY - drag.y];
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    drag.moved = true;
    this.point(null);
    if (drag.what === "lasso") this.lasso.push(this.inData(event.offsetX, event.offsetY));
    else if (drag.what === "turn") {
      this.turn = [this.turn[0] + dx / 150, this.turn[1] + dy / 150];
      this.project();
      Object.assign(drag, { x: event.offsetX, y: event.offsetY });
    } else {
      this.x -= dx / this.unit();
      this.y -= dy / this.unit();
      Object.assign(drag, { x: event.offsetX, y: event.offsetY });
    }
    this.later({ lasso: "over", turn: "all" }[drag.what] ?? "view");
  }

  up(event) {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    if (!drag.moved) {
      this.lasso = null;
      this.pick(this.nearest(event.offsetX, event.offsetY, this.hit()));
    } else if (drag.what === "lasso") this.offer();
    this.later();
  }

  inside() {
    const found = [];
    const ring = this.lasso;
    for (let i = 0; i < this.flat.length / 3; i++) {
      const [x, y] = [this.flat[3 * i], this.flat[3 * i + 1]];
      let within = false;
      for (let a = 0, b = ring.length - 1; a < ring.length; b = a++) {
        if (ring[a][1] > y !== ring[b][1] > y && x < ((ring[b][0] - ring[a][0]) * (y - ring[a][1])) / (ring[b][1] - ring[a][1]) + ring[a][0]) within = !within;
      }
      if (within) found.push(i);
    }
    return found;
  }

  /** What was drawn around: how many, and what may become of them. */
  offer() {
    const { words, marking } = this.data;
    const tokens = this.lasso.length > 2 ? this.inside() : [];
    if (!tokens.length) {
      this.endLasso();
      return;
    }
    const shades = { for: "#cc4c02", against: "#2171b5" };
    this.menu.replaceChildren(el("b", {}, `${tokens.length.toLocaleString("en")} ${tokens.length === 1 ? words.token : words.tokens}:`),
      ...Object.entries(marking).map(([evidence, { label, help }]) => el("button", {
        type: "button", title: help, style: shades[evidence] ? `border-color:${shades[evidence]}` : "", onclick: () => this.mark(evidence, tokens),
      }, label)),
      el("button", { type: "button", onclick: () => this.endLasso() }, "Cancel"));
    this.menu.hidden = false;
    this.menu.querySelector("button").focus();
  }

  mark(evidence, tokens) {
    const { middle } = this.data.graph;
    const thin = Math.max(1, Math.floor(this.lasso.length / 400));
    const polygon = this.lasso.filter((_, at) => at % thin === 0).map(([x, y]) => [x + middle[0], y + middle[1]]);
    this.send("mark", this.turn.some(Boolean) || polygon.length < 3 ? { evidence, tokens } : { evidence, polygon });
    this.endLasso();
  }

  endLasso() {
    this.lasso = null;
    this.menu.hidden = true;
    this.later("over");
  }

  pick(i) {
    this.send("pick", { token: i });
  }

  point(i) {
    if (i === this.at) return;
    this.at = i;
    this.tip.hidden = i === null;
    if (i !== null && this.flat) {
      const words = this.about(i);
      this.tip.replaceChildren(el("b", {}, words[0]), ...words.slice(1).map((line) => el("div", {}, line)));
      const [x, y] = this.onScreen(i);
      const { width, height } = this.size();
      Object.assign(this.tip.style, { left: `${Math.min(x + 14, width - 200)}px`, top: `${Math.min(y + 14, height - 74)}px` });
    }
    this.later("over");
  }

  about(i) {
    const { layers, concepts, words } = this.data;
    const get = (id) => this.values(layers.find((layer) => layer.id === id))?.[i];
    const concept = concepts.find(({ id }) => id === get("concepts"));
    const score = get("map");
    const layer = this.layer();
    const lines = [concept?.name ?? `${words.token} ${i}`];
    lines.push(score === undefined || Number.isNaN(score) ? "no score" : `score ${signed(score)}`);
    if (!["map", "concepts"].includes(layer.id)) {
      const value = this.values(layer)?.[i];
      if (value !== undefined && !Number.isNaN(value)) lines.push(`${layer.label}: ${layer.kind === "diverging" ? signed(value) : number(value)}`);
    }
    return lines;
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const letter = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (letter === "z" && !event.altKey) {
        this.send("step", { step: event.shiftKey ? "redo" : "undo", at: Date.now() });
        event.preventDefault();
      }
      return;
    }
    if (steps[event.key]) this.step(...steps[event.key]);
    else if (event.key === "Enter" && this.at !== null) this.pick(this.at);
    else if (letter === "+" || letter === "=") this.zoom(1.5);
    else if (letter === "-") this.zoom(1 / 1.5);
    else if (letter === "0") this.home();
    else if (letter === "e") this.toggleEdges();
    else if (letter === "i" && this.ground.there) this.ground.toggle();
    else if (letter === "l" && this.data.marking) this.use("lasso");
    else if (event.key === "Escape") this.use("move");
    else if (KEYS[letter]) this.choose(KEYS[letter]);
    else return;
    event.preventDefault();
  }

  /** The nearest point in a direction from the one pointed at, the selected one, or the middle. */
  step(dx, dy) {
    if (!this.flat) return;
    const start = this.at ?? this.data.selected;
    if (start === null || start === undefined) {
      this.point(this.nearest(this.size().width / 2, this.size().height / 2, 1e6));
    } else {
      let [best, found] = [Infinity, null];
      const [x, y] = [this.flat[3 * start], this.flat[3 * start + 1]];
      for (let i = 0; i < this.flat.length / 3; i++) {
        const [ox, oy] = [this.flat[3 * i] - x, this.flat[3 * i + 1] - y];
        const along = ox * dx + oy * dy;
        const across = Math.abs(ox * dy) + Math.abs(oy * dx);
        if (along <= 0 || across > along || along + across >= best || !this.visible(i)) continue;
        [best, found] = [along + across, i];
      }
      if (found === null) return;
      this.point(found);
    }
    if (this.at === null) return;
    const { width, height } = this.size();
    const [px, py] = this.onScreen(this.at);
    if (px < 20 || py < 20 || px > width - 20 || py > height - 20) [this.x, this.y] = [this.flat[3 * this.at], this.flat[3 * this.at + 1]];
    this.said.textContent = this.about(this.at).join(", ");
  }
}

export default function (component) {
  const { parentElement } = component;
  const known = live.get(parentElement);
  if (known) known.update(component);
  else live.set(parentElement, new GraphViewer(parentElement.querySelector(".gv"), component));
  return () => {
    live.get(parentElement)?.resized.disconnect();
    live.delete(parentElement);
  };
}
