// Pictures of the layers and numbers per token, as far as they are there: what is drawn comes from here.

import { absolute, fetchBytes, rgb } from "../web/kit.js";

const LATE = ["error", "change", "class"]; // layers that cost the server work: only for those who look at them

/** What viewers/tokens.py wrote: where tokens lie, their concepts and scores. */
function readTokens(bytes) {
  const n = bytes.byteLength / 16;
  const [rows, columns, concepts, scores] = [Int32Array, Int32Array, Int32Array, Float32Array].map((kind, at) => new kind(bytes, at * n * 4, n));
  const at = new Map();
  for (let i = 0; i < n; i++) at.set(`${rows[i]},${columns[i]}`, i);
  return { n, rows, columns, concepts, scores, at };
}

function readDoubt(bytes) {
  const n = (bytes.byteLength - 4) / 8;
  return { limit: new Float32Array(bytes, 0, 1)[0], error: new Float32Array(bytes, 4, n), unsure: new Int32Array(bytes, 4 + 4 * n, n) };
}

const READERS = { tokens: readTokens, doubt: readDoubt };

function canvasOf(width, height, options) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  return [canvas, canvas.getContext("2d", options)];
}

/** A canvas of one pixel per token, opaque where `keep(token)`. */
function stencilOf([rows, columns], tokens, keep) {
  const [canvas, context] = canvasOf(columns, rows);
  const pixels = context.createImageData(columns, rows);
  for (let i = 0; i < tokens.n; i++) if (keep(i)) pixels.data[4 * (tokens.rows[i] * columns + tokens.columns[i]) + 3] = 255;
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** A canvas as large as `image`, painted by `paint`, and left only where `stencil` is opaque. */
function cut(image, stencil, paint) {
  const [canvas, context] = canvasOf(image.naturalWidth, image.naturalHeight);
  paint(context, canvas);
  context.globalCompositeOperation = "destination-in";
  context.imageSmoothingEnabled = false;
  context.drawImage(stencil, 0, 0, canvas.width, canvas.height);
  return canvas;
}

export class Pictures {
  constructor(viewer) {
    this.viewer = viewer;
    this.images = new Map(); // overlay id + kind -> { url, image, waiting, faded, shown, hatch }
    this.numbers = { tokens: new Map(), doubt: new Map() }; // overlay id -> { url, waiting, value }
    this.tiled = undefined; // TokenTiles, null while its module is loaded
  }

  get overlays() {
    return this.viewer.data.overlays;
  }

  has(...names) {
    return this.overlays.some((overlay) => names.some((name) => overlay[name]));
  }

  image(overlay) {
    return this.images.get(`${overlay.kind}|${overlay.id}`);
  }

  // -- fetching ----------------------------------------------------------------------------------------------------

  async load() {
    const { layer, hatched } = this.viewer;
    const wanted = new Map(this.overlays.filter((overlay) => overlay.url).map((overlay) => [`${overlay.kind}|${overlay.id}`, overlay]));
    for (const name of this.images.keys()) if (!wanted.has(name)) this.images.delete(name);
    for (const [name, overlay] of wanted) if (LATE.includes(overlay.kind) && layer !== overlay.kind) wanted.delete(name);
    // What is on screen first; the other layers follow, so that the switch is instantaneous.
    const [first, later] = [[], []];
    for (const entry of wanted) (entry[1].kind === layer ? first : later).push(entry);
    await Promise.all(first.map(([name, overlay]) => this.loadImage(name, overlay)));
    if (this.viewer.gone) return;
    later.forEach(([name, overlay]) => this.loadImage(name, overlay));
    this.loadNumbers("tokens");
    if (layer === "error" || hatched) this.loadNumbers("doubt");
  }

  async loadImage(name, overlay) {
    const entry = this.images.get(name) ?? {};
    this.images.set(name, entry);
    if (entry.url === overlay.url || entry.waiting === overlay.url) return;
    entry.waiting = overlay.url;
    const image = new Image();
    image.src = absolute(overlay.url);
    try {
      await image.decode();
    } catch {
      if (entry.waiting === overlay.url) entry.waiting = null;
      if (!this.viewer.gone) this.viewer.say("A layer could not be loaded. Reload the page.");
      return;
    }
    if (entry.waiting !== overlay.url) return; // a newer one was asked for meanwhile
    Object.assign(entry, { url: overlay.url, image, waiting: null, faded: null, shown: null, hatch: null });
    this.viewer.draw();
  }

  /** Layers of which the server works out more than for the others are fetched when they are looked at. */
  loadLate(layer) {
    if (LATE.includes(layer)) this.load();
  }

  /** Overlays of grids too large for one picture have a module of their own (token_tiles.js). */
  async loadTiles() {
    this.tiled?.update(this.overlays);
    if (this.tiled !== undefined || !this.has("tiles")) return;
    const { viewer } = this;
    this.tiled = null;
    try {
      const { TokenTiles } = await import("./token_tiles.js");
      if (viewer.gone) return;
      this.tiled = new TokenTiles({
        changed: (legend) => {
          if (legend) viewer.showLayer();
          viewer.draw();
          viewer.readouts.again();
        },
        failed: () => viewer.say("Parts of a layer could not be loaded. Reload the page."),
      });
      viewer.showLayer();
      viewer.draw();
    } catch (error) {
      this.tiled = undefined;
      if (!viewer.gone) viewer.say("A layer could not be loaded. Reload the page.");
      console.error(error);
    }
  }

  /** Numbers a token: "tokens" for threshold and hover, "doubt" for the uncertainty. */
  async loadNumbers(kind) {
    const { viewer } = this;
    const numbers = this.numbers[kind];
    const wanted = this.overlays.filter((overlay) => overlay[kind]);
    const ids = new Set(wanted.map((overlay) => overlay.id));
    for (const id of numbers.keys()) if (!ids.has(id)) numbers.delete(id);
    await Promise.all(wanted.map(async ({ id, [kind]: url }) => {
      const entry = numbers.get(id) ?? {};
      numbers.set(id, entry);
      if (entry.url === url || entry.waiting === url) return;
      entry.waiting = url;
      try {
        const value = READERS[kind](await fetchBytes(url));
        if (entry.waiting === url) Object.assign(entry, { url, value, waiting: null });
      } catch {
        if (entry.waiting === url) entry.waiting = null;
        if (!viewer.gone && numbers.get(id) === entry) viewer.say("Scores could not be loaded. Reload the page.");
      }
    }));
    if (viewer.gone) return;
    viewer.showShare();
    if (kind === "doubt") viewer.showLayer();
    viewer.draw();
  }

  // -- numbers -----------------------------------------------------------------------------------------------------

  /** The uncertainty of tiled maps, asked for when it is looked at: { limit, unsure, n } or null. */
  tiledDoubt() {
    const { hatched, layer } = this.viewer;
    return (hatched || layer === "error") && this.tiled ? this.tiled.summary(this.overlays) : null;
  }

  /** Numbers of the datum that an overlay belongs to, if they are those of the picture that is asked for. */
  numbersOf(kind, map) {
    const entry = map && this.numbers[kind].get(map.id);
    return entry && entry.url === map[kind] ? entry.value : null;
  }

  /** Every map overlay with its tokens and doubts, as far as they are there. */
  known() {
    return this.overlays
      .filter((overlay) => overlay.tokens)
      .map((map) => ({ map, tokens: this.numbersOf("tokens", map), doubt: this.numbersOf("doubt", map) }))
      .filter(({ tokens }) => tokens);
  }

  /** Maps of which numbers are fetched block by block. */
  tiledMaps() {
    return this.tiled ? this.overlays.filter((overlay) => overlay.numbers) : [];
  }

  /** How many tokens there are, and how many have a score of at least `least`, of either sign: { n, high, low }. */
  countAbove(least, threshold) {
    const sum = this.tiled ? this.tiled.constructor.above(this.overlays, threshold) : { n: 0, high: 0, low: 0 };
    for (const { tokens } of this.known()) {
      sum.n += tokens.n;
      for (const score of tokens.scores) {
        if (score >= least) sum.high += 1;
        else if (score <= -least) sum.low += 1;
      }
    }
    return sum;
  }

  // -- what is drawn of a picture ----------------------------------------------------------------------------------

  /** The map without scores weaker than the threshold; excluded tokens stay, hatched. */
  above(entry, map) {
    const tokens = this.numbersOf("tokens", map);
    const least = this.viewer.leastScore();
    if (!tokens || !least) return entry.image;
    if (entry.shown?.least !== least || entry.shown.tokens !== tokens) {
      const stencil = stencilOf(map.shape, tokens, (i) => !(Math.abs(tokens.scores[i]) < least));
      entry.shown = { least, tokens, canvas: cut(entry.image, stencil, (context) => context.drawImage(entry.image, 0, 0)) };
    }
    return entry.shown.canvas;
  }

  /** Stripes where the sign of what is shown is not certain, or null. */
  unsure(entry, map) {
    const [tokens, doubt] = [this.numbersOf("tokens", map), this.numbersOf("doubt", map)];
    if (!this.viewer.hatched || !tokens || !doubt || doubt.error.length !== tokens.n) return null;
    const least = this.viewer.layer === "map" ? this.viewer.leastScore() : 0;
    if (entry.hatch?.least !== least || entry.hatch.doubt !== doubt) {
      const stencil = stencilOf(map.shape, tokens, (i) => doubt.unsure[i] && !(Math.abs(tokens.scores[i]) < least));
      const canvas = cut(entry.image, stencil, (context, { width, height }) => {
        // Across the hatch of excluded tokens, and over the whole picture: neighbours join into one area.
        const step = Math.max(4, Math.round(width / map.shape[1] / 2));
        for (const [colour, shift] of [["#fff", 0], ["#222", step / 4]]) {
          context.strokeStyle = colour;
          context.lineWidth = Math.max(1, step / 5);
          context.beginPath();
          for (let x = -height + shift; x < width; x += step) {
            context.moveTo(x, 0);
            context.lineTo(x + height, height);
          }
          context.stroke();
        }
      });
      entry.hatch = { least, doubt, canvas };
    }
    return entry.hatch.canvas;
  }

  /** The sprite with all but one concept faded; made once a highlight. */
  fade(entry, concept) {
    if (entry.faded?.concept === concept.id && entry.faded.colour === concept.colour) return entry.faded.canvas;
    const [canvas, context] = canvasOf(entry.image.naturalWidth, entry.image.naturalHeight, { willReadFrequently: true });
    context.drawImage(entry.image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    const [r, g, b] = rgb(concept.colour);
    for (let i = 0; i < pixels.data.length; i += 4) {
      const same = pixels.data[i] === r && pixels.data[i + 1] === g && pixels.data[i + 2] === b;
      if (!same) pixels.data[i + 3] *= 0.12;
    }
    context.putImageData(pixels, 0, 0);
    entry.faded = { concept: concept.id, colour: concept.colour, canvas };
    return canvas;
  }

  destroy() {
    this.tiled?.destroy();
    this.images.clear();
    Object.values(this.numbers).forEach((numbers) => numbers.clear());
  }
}
