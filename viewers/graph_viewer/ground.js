// What lies under the points: images of channels, borders of cells, outlines.
import { clamp, deviceContext, el, group, Recent, request } from "../web/kit.js";

const SHADES = ["#5b7bff", "#26d07c", "#ff5a4d", "#ffd23d", "#ff6bdc", "#37d8ff", "#ffffff"];
const PRIMARIES = ["#ff0000", "#00ff00", "#0000ff", "#000000"]; // red, green, blue and what else there is
const GREY = [150, 150, 150];
const KEPT = 320; // tiles that are kept
const OUTLINED = 12; // CSS px of a point from which outlines are drawn

/** Images of channels, borders and outlines on a canvas below the points; how a channel is shown is kept by its name. */
export class Ground {
  constructor(viewer) {
    Object.assign(this, { viewer, open: false, on: false, looks: new Map(), contrast: "usual", opacity: 1, points: 1, lines: true });
    this.tiles = new Recent(KEPT);
    this.tints = new Recent(KEPT);
    this.squares = new Recent(KEPT);
    this.canvas = el("canvas", {});
    this.panel = group("gv-under", "Image under the points");
    this.panel.hidden = true;
  }

  get data() { return this.viewer.data.under; }
  get images() { return this.data?.images ?? []; }
  get there() { return Boolean(this.data?.outlines || this.images.length); }
  get shown() { return this.on && this.pictures().length > 0; }

  pictures() { return this.images.filter(({ borders }) => !borders); }
  borders() { return this.images.filter(({ borders }) => borders); }

  look(image, at) {
    const name = image.rgb ? `rgb ${at}` : image.channels[at];
    const colour = image.rgb ? PRIMARIES[at] : SHADES[at % SHADES.length];
    if (!this.looks.has(name)) this.looks.set(name, { on: at < 3, colour });
    return this.looks.get(name);
  }

  toggle() {
    this.open = !this.open;
    if (this.open) this.on = true;
    this.drawPanel();
    this.viewer.bar.draw();
    this.viewer.later();
  }

  drawPanel() {
    this.panel.hidden = !this.open || !this.there;
    if (this.panel.hidden) return;
    const shown = this.pictures();
    const rows = [];
    if (shown.length) rows.push(this.check(this.on, el("b", {}, "Image"), ({ checked }) => { this.on = checked; }));
    for (const image of shown) {
      if (shown.length > 1) rows.push(el("div", { class: "gv-name", title: image.name }, image.name));
      rows.push(el("div", { class: "gv-channels" }, ...this.channelRows(image)));
    }
    if (shown.some(({ rgb }) => !rgb)) {
      const choice = el("select", { onchange: this.change(({ value }) => { this.contrast = value; }) },
        ...Object.entries(this.data.contrasts).map(([id, label]) => el("option", { value: id, selected: id === this.contrast ? "" : null }, label)));
      rows.push(el("label", { class: "gv-range", title: "Percentiles of a channel that are black and full" }, el("span", {}, "Contrast"), choice));
    }
    if (shown.length) rows.push(this.range("Opacity", this.opacity, ({ value }) => { this.opacity = Number(value); }));
    rows.push(this.range("Points", this.points, ({ value }) => { this.points = Number(value); }));
    if (this.data.outlines || this.borders().length) rows.push(this.check(this.lines, "Outlines, zoomed in", ({ checked }) => { this.lines = checked; }));
    this.panel.replaceChildren(...rows);
  }

  channelRows(image) {
    if (image.rgb) return [this.check(this.look(image, 0).on, image.name, ({ checked }) => [0, 1, 2].forEach((at) => { this.look(image, at).on = checked; }))];
    return image.channels.map((name, at) => {
      const look = this.look(image, at);
      const show = ({ checked }) => {
        look.on = checked;
        if (!checked) return;
        this.on = true;
        this.drawPanel();
      };
      const colour = this.change(({ value }) => { look.colour = value; });
      return el("div", { class: "gv-channel" }, this.check(look.on, name, show),
        el("input", { type: "color", value: look.colour, "aria-label": `Colour of ${name}`, oninput: colour }));
    });
  }

  change(act) {
    return (event) => {
      act(event.target);
      this.viewer.later();
    };
  }

  check(on, label, act) {
    return el("label", {}, el("input", { type: "checkbox", checked: on ? "" : null, onchange: this.change(act) }), label);
  }

  range(label, value, act) {
    return el("label", { class: "gv-range" }, el("span", {}, label), el("input", { type: "range", min: 0, max: 1, step: 0.05, value, oninput: this.change(act) }));
  }

  // -- fetching -----------------------------------------------------------------------------------------------------

  /** A tile if it is here; else it is fetched, and all is drawn again. */
  tile(url) {
    return this.fetched(this.tiles, url, async (answer) => createImageBitmap(await answer.blob()));
  }

  square(url) {
    return this.fetched(this.squares, url, async (answer) => {
      const bytes = await answer.arrayBuffer();
      const head = new Uint32Array(bytes, 0, 1)[0];
      return { tokens: new Uint32Array(bytes, 4, head), starts: new Uint32Array(bytes, 4 + 4 * head, head + 1), xy: new Float32Array(bytes, 8 + 8 * head) };
    });
  }

  fetched(cache, url, read) {
    const known = cache.get(url);
    if (known) return known.value;
    const entry = { value: null };
    cache.set(url, entry);
    request(url).then(read).then((value) => {
      entry.value = value;
      this.viewer.later();
    }).catch(() => {});
    return null;
  }

  tinted(url, picture, colour, how = "multiply") {
    const name = `${url} ${colour}`;
    const known = this.tints.get(name);
    if (known) return known;
    const canvas = el("canvas", { width: picture.width, height: picture.height });
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    Object.assign(context, { globalCompositeOperation: how, fillStyle: colour });
    context.fillRect(0, 0, picture.width, picture.height);
    this.tints.set(name, canvas);
    return canvas;
  }

  // -- drawing ------------------------------------------------------------------------------------------------------

  draw(view, ratio, size) {
    const { canvas, viewer } = this;
    const pictures = this.on ? this.pictures() : [];
    const outlined = this.lines && size * (this.shown ? 2 : 1) >= OUTLINED && this.there;
    viewer.canvas.style.opacity = this.there ? this.points : 1;
    canvas.hidden = !pictures.length && !outlined;
    viewer.root.dataset.under = "";
    if (canvas.hidden) return;
    const context = deviceContext(canvas, view.width, view.height);
    this.counts = { drawn: 0, missing: 0 };
    context.globalAlpha = this.opacity;
    for (const image of pictures) this.drawImage(context, image, view, ratio);
    context.globalAlpha = 1;
    context.globalCompositeOperation = "source-over";
    if (outlined && this.data.outlines) this.drawOutlines(context, view, ratio);
    else if (outlined) for (const image of this.borders()) this.drawBorders(context, image, view, ratio, pictures.length ? null : `rgb(${viewer.ink})`);
    const { drawn, missing } = this.counts;
    viewer.root.dataset.under = missing ? `waiting ${missing}` : `drawn ${drawn}`;
  }

  drawImage(context, image, view, ratio) {
    const places = this.seen(image, view, ratio);
    const channels = image.channels.map((_, at) => at).filter((at) => this.look(image, at).on);
    if (!channels.length || !places) return;
    this.transform(context, image, view, ratio);
    context.globalCompositeOperation = "source-over";
    context.fillStyle = "#000";
    context.fillRect(0, 0, image.width, image.height);
    context.globalCompositeOperation = "lighter";
    for (const channel of channels) {
      this.drawTiles(context, image, places, `${image.urls[this.contrast]}/${places.level}`, `-c${channel}`,
        (url, picture) => this.tinted(url, picture, this.look(image, channel).colour));
    }
  }

  drawBorders(context, image, view, ratio, ink) {
    const places = this.seen(image, view, ratio);
    if (!places) return;
    this.transform(context, image, view, ratio);
    this.drawTiles(context, image, places, `${image.urls.usual}/${places.level}`, "",
      (url, picture) => (ink ? this.tinted(url, picture, ink, "source-in") : picture));
  }

  drawTiles(context, image, places, folder, suffix, paint) {
    for (const [column, row, step] of places.tiles) {
      const url = `${folder}/${column}_${row}${suffix}.png`;
      const picture = this.tile(url);
      this.counts[picture ? "drawn" : "missing"]++;
      if (!picture) continue;
      context.drawImage(paint(url, picture), column * image.tile * step, row * image.tile * step, picture.width * step, picture.height * step);
    }
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
    const down = clamp(Math.floor(Math.log2(1 / pixel) + 0.25), 0, image.top);
    const step = 2 ** down;
    const side = image.tile * step;
    const clip = (value, most) => clamp(Math.floor(value / side), 0, most);
    const [right, bottom] = [Math.ceil(image.width / side) - 1, Math.ceil(image.height / side) - 1];
    if (Math.max(...xs) < 0 || Math.max(...ys) < 0 || Math.min(...xs) > image.width || Math.min(...ys) > image.height) return null;
    const tiles = [];
    for (let row = clip(Math.min(...ys), bottom); row <= clip(Math.max(...ys), bottom); row++) {
      for (let column = clip(Math.min(...xs), right); column <= clip(Math.max(...xs), right); column++) tiles.push([column, row, step]);
    }
    return { level: image.top - down, tiles };
  }

  drawOutlines(context, view, ratio) {
    const { url, side, origin } = this.data.outlines;
    const k = view.unit * ratio;
    context.setTransform(k, 0, 0, k, (view.width / 2) * ratio - view.x * k, (view.height / 2) * ratio - view.y * k);
    const half = [view.width / 2 / view.unit, view.height / 2 / view.unit];
    const from = (at, centre) => Math.max(0, Math.floor((centre - half[at] - origin[at]) / side) - 1);
    const to = (at, centre) => Math.min(99999, Math.floor((centre + half[at] - origin[at]) / side) + 1);
    const { pen, flat } = this.viewer;
    context.lineWidth = 1.4 / view.unit;
    for (let row = from(1, view.y); row <= to(1, view.y); row++) {
      for (let column = from(0, view.x); column <= to(0, view.x); column++) {
        const square = this.square(`${url}/0/${column}_${row}.bin`);
        this.counts[square ? "drawn" : "missing"]++;
        if (!square) continue;
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
  }
}
