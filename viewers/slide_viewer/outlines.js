// Outlines of concept regions: the lines along which neighbouring tokens change their concept.

import { rgb } from "../web/kit.js";

const BLOCK = 64; // tokens per side of what is traced, and drawn, at once
const INSET = 0.07; // of a token: the lines of two neighbouring concepts lie beside each other
export const LEAST = 3.5; // CSS px a token below which lines would cover what they outline; then edge tokens are tinted
const UNKNOWN = -2; // beyond what was fetched: no line is drawn towards it

/** Which concept lies in each cell of a grid, -1 for none. */
function cells([rows, columns], tokens) {
  const grid = new Int16Array(rows * columns).fill(-1);
  for (let i = 0; i < tokens.n; i++) grid[tokens.rows[i] * columns + tokens.columns[i]] = tokens.concepts[i];
  return (row, column) => (row < 0 || column < 0 || row >= rows || column >= columns ? -1 : grid[row * columns + column]);
}

/** The line along one side of a token, drawn a little inside of it, so long that it meets the next line of its concept. */
function side(path, x, y, along, out, same) {
  const end = (sign) => {
    const [ax, ay] = [along[0] * sign, along[1] * sign];
    if (!same(ax, ay)) return 0.5 - INSET; // a corner of the region
    return same(ax + out[0], ay + out[1]) ? 0.5 + INSET : 0.5; // an inner corner, or straight on
  };
  const [cx, cy] = [x + 0.5 + out[0] * (0.5 - INSET), y + 0.5 + out[1] * (0.5 - INSET)];
  const [back, on] = [end(-1), end(1)];
  path.moveTo(cx - along[0] * back, cy - along[1] * back);
  path.lineTo(cx + along[0] * on, cy + along[1] * on);
}

const SIDES = [[[1, 0], [0, -1]], [[1, 0], [0, 1]], [[0, 1], [-1, 0]], [[0, 1], [1, 0]]]; // along, out of the token

export class Outlines {
  /** Of a whole grid: `tokens` with rows, columns and concepts of all; or of a part, `at(row, column)` alone. */
  constructor(shape, tokens, at = cells(shape, tokens)) {
    Object.assign(this, { shape, tokens, at, blocks: new Map(), tint: null });
  }

  /** Of one block of a grid too large to be fetched whole (token_tiles.js); it begins at row 0, column 0. */
  static ofBlock(side, block) {
    const at = (row, column) => {
      if (row < 0 || column < 0 || row >= side || column >= side) return UNKNOWN;
      const i = block.at[row * side + column];
      return i < 0 ? -1 : block.concepts[i];
    };
    return new Outlines([side, side], null, at);
  }

  /** Lines of one block: concept -> Path2D in units of tokens. */
  block(row, column) {
    const key = `${row},${column}`;
    let found = this.blocks.get(key);
    if (found) return found;
    found = new Map();
    const [bottom, right] = [Math.min(this.shape[0], (row + 1) * BLOCK), Math.min(this.shape[1], (column + 1) * BLOCK)];
    for (let y = row * BLOCK; y < bottom; y++) {
      for (let x = column * BLOCK; x < right; x++) {
        const concept = this.at(y, x);
        if (concept < 0) continue;
        const same = (dx, dy) => [concept, UNKNOWN].includes(this.at(y + dy, x + dx));
        for (const [along, out] of SIDES) {
          if (same(...out)) continue;
          if (!found.has(concept)) found.set(concept, new Path2D());
          side(found.get(concept), x, y, along, out, same);
        }
      }
    }
    this.blocks.set(key, found);
    return found;
  }

  /** One pixel per token, the edges of regions opaque: for views from afar. */
  far(colours, only) {
    const key = JSON.stringify([colours, only]);
    if (this.tint?.key === key) return this.tint.canvas;
    const [rows, columns] = this.shape;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: columns, height: rows });
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(columns, rows);
    const shades = new Map(Object.entries(colours).map(([id, colour]) => [Number(id), rgb(colour)]));
    for (let i = 0; i < this.tokens.n; i++) {
      const [y, x, concept] = [this.tokens.rows[i], this.tokens.columns[i], this.tokens.concepts[i]];
      if ((only !== null && concept !== only) || !shades.has(concept)) continue;
      if (SIDES.every(([, [dx, dy]]) => this.at(y + dy, x + dx) === concept)) continue;
      pixels.data.set([...shades.get(concept), 255], 4 * (y * columns + x));
    }
    context.putImageData(pixels, 0, 0);
    this.tint = { key, canvas };
    return canvas;
  }

  /** place: [left, top, width, height] of the grid on the canvas; view: [width, height] of the canvas, both in its pixels. */
  draw(context, place, view, ratio, colours, only) {
    const [left, top, width, height] = place;
    const [rows, columns] = this.shape;
    const unit = width / columns;
    if (unit < LEAST * ratio) {
      context.imageSmoothingEnabled = unit < 1;
      context.drawImage(this.far(colours, only), left, top, width, height);
      return;
    }
    const clip = (value, most) => Math.max(0, Math.min(most, Math.floor(value / unit / BLOCK)));
    const last = [clip(view[1] - top, Math.ceil(rows / BLOCK) - 1), clip(view[0] - left, Math.ceil(columns / BLOCK) - 1)];
    context.save();
    context.translate(left, top);
    context.scale(unit, height / rows);
    for (let row = clip(-top, last[0]); row <= last[0]; row++) {
      for (let column = clip(-left, last[1]); column <= last[1]; column++) {
        for (const [concept, path] of this.block(row, column)) {
          if (only !== null && concept !== only) continue;
          for (const [colour, line] of [["#fffc", 3.5], [colours[concept] ?? "#000", 1.8]]) {
            context.lineWidth = Math.min((line * ratio) / unit, (line / 3.5) * 0.3);
            context.strokeStyle = colour;
            context.stroke(path);
          }
        }
      }
    }
    context.restore();
  }
}
