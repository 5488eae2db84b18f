// Overlays too large for one picture: tiles of 256 x 256 cells, fetched as they come into view (viewers/token_tiles.py).
//
// At the last level a cell is a token; each level before halves the one after. While a tile is on its way, a coarser one
// stands in, or what the tile showed before the threshold or the highlight changed.

import { fetchBytes, Recent } from "../web/kit.js";

const BLOCK = 256;
const KEPT = 320; // tiles, 256 KiB each once decoded
const BLOCKS_KEPT = 8; // blocks of numbers, some MiB each
const IN_FLIGHT = 4; // the browser asks six at a time of one server: the slide's own tiles need some of them
const SETTLE = 150; // ms that a slider must rest before tiles of its new place are asked for
const AGAIN = 4000; // ms before a tile that failed is asked for once more
const VISIBLE = 3; // CSS px a token from which on its numbers are fetched

const columnsOf = (bytes, head, kinds) => {
  const n = (bytes.byteLength - head) / (4 * kinds.length);
  return kinds.map((kind, at) => new kind(bytes, head + at * n * 4, n));
};

/** One block of what viewers/tokens.py writes, with the place of each token. */
function readBlock(bytes) {
  const [rows, columns, concepts, scores] = columnsOf(bytes, 0, [Int32Array, Int32Array, Int32Array, Float32Array]);
  const at = new Int32Array(BLOCK * BLOCK).fill(-1);
  rows.forEach((row, i) => (at[(row % BLOCK) * BLOCK + (columns[i] % BLOCK)] = i));
  return { at, concepts, scores };
}

function readDoubts(bytes) {
  const [error, unsure] = columnsOf(bytes, 4, [Float32Array, Int32Array]);
  return { error, unsure };
}

const readSummary = (bytes) => {
  const [limit, unsure, n] = new Float32Array(bytes, 0, 3);
  return { limit, unsure, n };
};

export class TokenTiles {
  /** `changed` is called when something new can be drawn, `failed` when something could not be fetched. */
  constructor({ changed, failed }) {
    this.changed = changed;
    this.failed = failed;
    this.images = new Recent(KEPT, (image) => image.close?.());
    this.blocks = new Recent(BLOCKS_KEPT);
    this.summaries = new Map();
    this.shown = new Map(); // overlay id -> which pictures of it are wanted, and which were before
    this.wanted = new Map(); // url -> how to read it; in the order of asking
    this.pointed = new Map(); // the same, of the block under the pointer
    this.asked = new Map(); // url -> AbortController
    this.broken = new Map(); // url -> time of the failure
  }

  /** Forget what belongs to no overlay any more. */
  update(overlays) {
    const ids = new Set(overlays.filter((overlay) => overlay.tiles).map((overlay) => overlay.id));
    for (const [id, entry] of this.shown) {
      if (ids.has(id)) continue;
      clearTimeout(entry.timer);
      this.shown.delete(id);
    }
    const summaries = new Set(overlays.map((overlay) => overlay.summary));
    for (const url of this.summaries.keys()) if (!summaries.has(url)) this.summaries.delete(url);
    this.broken.clear();
    this.pointed.clear();
  }

  // -- drawing -----------------------------------------------------------------------------------------------------

  /** Before the overlays of a frame; `end` after them: what no frame wants any more is not fetched further. */
  begin() {
    this.wanted.clear();
  }

  end() {
    this.pump();
  }

  /**
   * Draw what is in view of an overlay.
   *
   * place: left, top, width and height on the canvas; width, height: of the canvas;
   * view: { threshold (share of the limit), hatched, concept (id or null) }.
   */
  draw(context, overlay, place, width, height, view) {
    const [rows, columns] = overlay.shape;
    const [sx, sy] = [place[2] / columns, place[3] / rows];
    const times = Math.min(overlay.levels, Math.max(0, Math.ceil(Math.log2(0.8 / sx))));
    const cell = 2 ** times;
    // In whole cells, so that what is drawn of a tile does not end within one.
    const within = (low, high, most) => [Math.max(0, Math.floor(low / cell) * cell), Math.min(most, Math.ceil(high / cell) * cell)];
    const [left, right] = within(-place[0] / sx, (width - place[0]) / sx, columns);
    const [upper, lower] = within(-place[1] / sy, (height - place[1]) / sy, rows);
    if (left >= right || upper >= lower) return;
    const entry = this.entry(overlay, view);
    const side = BLOCK * cell;
    this.find(entry.now, 0, 0, 0, true); // the coarsest first: it can stand in for any other
    const tiles = [];
    for (let y = Math.floor(upper / side); y * side < lower; y++) {
      for (let x = Math.floor(left / side); x * side < right; x++) tiles.push([x, y]);
    }
    // From the middle of the view outwards.
    const far = ([x, y]) => Math.hypot((x + 0.5) * side - (left + right) / 2, (y + 0.5) * side - (upper + lower) / 2);
    tiles.sort((a, b) => far(a) - far(b));
    let complete = true;
    for (const [x, y] of tiles) {
      const area = [Math.max(left, x * side), Math.max(upper, y * side), Math.min(right, (x + 1) * side), Math.min(lower, (y + 1) * side)];
      const level = overlay.levels - times;
      let found = this.find(entry.now, level, x, y, true);
      if (!found) complete = false;
      found ??= entry.before && this.find(entry.before, level, x, y);
      for (let up = 1; !found && up <= level; up++) {
        const coarse = [level - up, x >> up, y >> up];
        found = this.find(entry.now, ...coarse) ?? (entry.before && this.find(entry.before, ...coarse));
      }
      if (found) this.paint(context, found, area, place, [sx, sy], overlay.levels);
    }
    if (complete) entry.before = null;
  }

  /** Which pictures of an overlay are to be drawn: { now, before }, each an address and the view's part of it. */
  entry(overlay, { threshold, hatched, concept }) {
    const percent = Math.round(100 * threshold);
    const view = overlay.kind === "class" ? "" : overlay.kind === "sprite"
      ? (concept === null ? "" : `c${concept}`)
      : `${overlay.kind === "map" && percent ? `t${percent}` : ""}${hatched ? "u" : ""}`;
    const asked = { base: overlay.tiles, view };
    const same = (one, other) => one.base === other.base && one.view === other.view;
    let entry = this.shown.get(overlay.id);
    if (!entry) this.shown.set(overlay.id, (entry = { now: asked, before: null, next: asked, timer: 0 }));
    if (!same(entry.next, asked)) {
      const change = () => {
        if (same(entry.now, entry.next)) return;
        entry.before = entry.now;
        entry.now = entry.next;
      };
      clearTimeout(entry.timer);
      const dragged = entry.next.base === asked.base && entry.next.view.startsWith("t") && asked.view.startsWith("t");
      entry.next = asked;
      if (dragged) {
        entry.timer = setTimeout(() => {
          change();
          this.tell();
        }, SETTLE);
      } else change();
    }
    return entry;
  }

  /** A tile that is there, or null; `want` asks for it. */
  find({ base, view }, level, x, y, want = false) {
    const url = `${base}/${level}/${x}_${y}${view && `-${view}`}.png`;
    const image = this.images.get(url);
    if (image) return { image, level, x, y };
    if (want) this.wanted.set(url, "image");
    return null;
  }

  paint(context, { image, level, x, y }, [left, upper, right, lower], place, [sx, sy], top) {
    const cell = 2 ** (top - level);
    const [x0, y0] = [x * BLOCK * cell, y * BLOCK * cell];
    // Edges on whole pixels of the screen: neighbours share them, and no seam is left.
    const [l, r] = [left, right].map((column) => Math.round(place[0] + column * sx));
    const [u, b] = [upper, lower].map((row) => Math.round(place[1] + row * sy));
    if (r <= l || b <= u) return;
    context.imageSmoothingEnabled = sx * cell < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(image, (left - x0) / cell, (upper - y0) / cell, (right - left) / cell, (lower - upper) / cell, l, u, r - l, b - u);
  }

  // -- numbers -----------------------------------------------------------------------------------------------------

  /**
   * Concept and score of a place of the grid, { concept, score, error, unsure }, or null where there is none or it is not
   * there yet. `zoom`: CSS px a token; `doubted`: with standard error.
   */
  at(overlay, row, column, zoom, doubted) {
    this.pointed.clear();
    const [rows, columns] = overlay.shape;
    if (zoom < VISIBLE || row < 0 || column < 0 || row >= rows || column >= columns) return null;
    const where = `${overlay.levels}/${Math.floor(column / BLOCK)}_${Math.floor(row / BLOCK)}.bin`;
    const take = (base, read) => {
      const block = this.blocks.get(`${base}/${where}`);
      if (!block) this.pointed.set(`${base}/${where}`, read);
      return block;
    };
    const block = take(overlay.numbers, readBlock);
    const doubts = doubted ? take(overlay.doubts, readDoubts) : null;
    if (this.pointed.size) this.pump();
    const i = block ? block.at[(row % BLOCK) * BLOCK + (column % BLOCK)] : -1;
    if (i < 0) return null;
    const doubt = doubts ? { error: doubts.error[i], unsure: Boolean(doubts.unsure[i]) } : {};
    return { concept: block.concepts[i], score: block.scores[i], ...doubt };
  }

  /**
   * Blocks of numbers in view, of a map whose tokens are at least `least` canvas pixels: [{ row, column, block }], as far as
   * they are there; the others are asked for. row, column: of the block's first token.
   */
  inView(overlay, place, width, height, least) {
    const [rows, columns] = overlay.shape;
    const [sx, sy] = [place[2] / columns, place[3] / rows];
    if (sx < least) return [];
    const span = (low, high, most) => [Math.max(0, Math.floor(low / BLOCK)), Math.min(Math.ceil(most / BLOCK), Math.ceil(high / BLOCK))];
    const [left, right] = span(-place[0] / sx, (width - place[0]) / sx, columns);
    const [upper, lower] = span(-place[1] / sy, (height - place[1]) / sy, rows);
    const found = [];
    for (let y = upper; y < lower; y++) {
      for (let x = left; x < right; x++) {
        const url = `${overlay.numbers}/${overlay.levels}/${x}_${y}.bin`;
        const block = this.blocks.get(url);
        if (block) found.push({ row: y * BLOCK, column: x * BLOCK, block });
        else this.wanted.set(url, readBlock);
      }
    }
    return found;
  }

  /** Of all tiled maps together: how many tokens, and how many a threshold leaves: { n, high, low }. */
  static above(overlays, threshold) {
    const sum = { n: 0, high: 0, low: 0 };
    for (const { above } of overlays) {
      if (!above) continue;
      const at = Math.round(100 * threshold);
      sum.n += above.n;
      sum.high += above.high[at];
      sum.low += above.low[at];
    }
    return sum;
  }

  /** Of all tiled maps together: { limit (of the uncertainty), unsure, n } or null while it is computed. */
  summary(overlays) {
    const maps = overlays.filter((overlay) => overlay.summary);
    for (const { summary: url } of maps) {
      if (this.summaries.has(url)) continue;
      this.summaries.set(url, null);
      fetchBytes(url).then((bytes) => {
        this.summaries.set(url, readSummary(bytes));
        this.tell(true);
      }).catch(() => {
        this.summaries.delete(url);
        this.failed();
      });
    }
    const found = maps.map(({ summary }) => this.summaries.get(summary));
    if (!found.length || !found.every(Boolean)) return null;
    const sum = (name) => found.reduce((total, each) => total + each[name], 0);
    return { limit: found[0].limit, unsure: sum("unsure"), n: sum("n") };
  }

  // -- fetching ----------------------------------------------------------------------------------------------------

  /** Ask for what is wanted, no more at a time than allowed; give up what is wanted no longer. */
  pump() {
    const wanted = [...this.pointed, ...this.wanted];
    for (const [url, asked] of this.asked) if (!this.pointed.has(url) && !this.wanted.has(url)) asked.abort();
    for (const [url, read] of wanted) {
      if (this.asked.size >= IN_FLIGHT) return;
      const broken = this.broken.get(url);
      if (!this.asked.has(url) && !(broken && performance.now() - broken < AGAIN)) this.fetch(url, read);
    }
  }

  async fetch(url, read) {
    const asked = new AbortController();
    this.asked.set(url, asked);
    try {
      const bytes = await fetchBytes(url, { signal: asked.signal });
      if (read === "image") this.images.set(url, await createImageBitmap(new Blob([bytes], { type: "image/png" })));
      else this.blocks.set(url, read(bytes));
      this.broken.delete(url);
    } catch (error) {
      if (error.name !== "AbortError") {
        this.broken.set(url, performance.now());
        if (!this.gone) this.failed();
      }
    } finally {
      this.asked.delete(url);
      this.wanted.delete(url);
      this.pointed.delete(url);
      if (this.gone) this.images.clear();
      else this.tell();
    }
  }

  /** Say once a frame that something changed. */
  tell(legend = false) {
    this.legend ||= legend;
    this.telling ??= requestAnimationFrame(() => {
      const told = this.legend;
      this.telling = null;
      this.legend = false;
      if (!this.gone) this.changed(told);
    });
  }

  destroy() {
    this.gone = true;
    for (const asked of this.asked.values()) asked.abort();
    for (const entry of this.shown.values()) clearTimeout(entry.timer);
    this.images.clear();
    this.blocks.clear();
  }
}
