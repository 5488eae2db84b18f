// What is drawn on the slide in one frame: the layer, outlines, regions, fields, and what is selected.
//
// By hand and not as OpenSeadragon images, because smoothing there is one switch for all: here the tissue is smooth and
// the tokens stay crisp, a hundred fields cost no more than one, and layer, opacity and highlight change without a word
// to Python.

import { deviceContext, drawRing, strokeEach } from "../web/kit.js";
import { drawRegion } from "./marking.js";
import { LEAST, Outlines } from "./outlines.js";
import { partInView } from "./stage.js";

const keyOf = ({ x, y, width, height }) => `${x},${y},${width},${height}`;

export class Drawing {
  constructor(viewer, canvas) {
    Object.assign(this, { viewer, canvas });
    this.outlines = new Map(); // overlay id -> Outlines of its present tokens
  }

  draw() {
    const { viewer, canvas } = this;
    const { data, stage } = viewer;
    const context = deviceContext(canvas, viewer.view.clientWidth, viewer.view.clientHeight);
    if (!stage.ready) return;
    const frame = { context, font: getComputedStyle(viewer.root).fontFamily, ...stage.frame(canvas.width, canvas.height) };
    this.drawLayer(frame);
    if (viewer.outlined) this.drawOutlines(frame);
    viewer.pictures.tiled?.end();
    const { ratio, box, dot, font } = frame;
    if (viewer.marked) for (const region of data.regions) drawRegion(context, region, dot, ratio, font);
    viewer.marking.draw(context, dot, ratio);
    // Those with a label last, above the outlines of their neighbours.
    const rank = (field) => (field === viewer.hovered ? 2 : field.selected ? 1 : 0);
    for (const field of [...data.fields].sort((a, b) => rank(a) - rank(b))) this.drawField(frame, field);
    if (viewer.near) this.drawNeighbours(frame);
    if (data.selected) this.drawMarker(frame, box(data.selected));
    if (viewer.pending) {
      const [left, top] = dot([viewer.pending.x, viewer.pending.y]);
      drawRing(context, left, top, 7, [["#000a", 2]], ratio);
      drawRing(context, left, top, 5, [["#fff", 2]], ratio);
    }
    viewer.readouts.showScale();
  }

  drawLayer({ context, box, outside, width, height }) {
    const { viewer } = this;
    const { layer, pictures, data: { overlays, concepts } } = viewer;
    context.globalAlpha = viewer.opacity;
    const lit = layer === "sprite" && concepts.find((concept) => concept.id === viewer.highlight);
    pictures.tiled?.begin();
    const maps = new Map(overlays.filter((overlay) => overlay.tokens).map((overlay) => [keyOf(overlay), overlay]));
    for (const overlay of overlays) {
      const place = box(overlay);
      if (overlay.kind !== layer || outside(place)) continue;
      if (overlay.tiles) {
        const sure = pictures.tiledDoubt(); // while it is computed, tiles that need it would only wait at the server
        const view = { threshold: viewer.threshold, hatched: viewer.hatched && Boolean(sure), concept: lit ? lit.id : null };
        if (sure || layer !== "error") pictures.tiled?.draw(context, overlay, place, width, height, view);
        continue;
      }
      const entry = pictures.image(overlay);
      if (!entry?.image) continue;
      const map = maps.get(keyOf(overlay));
      const hatch = (layer === "map" || layer === "error") && map ? pictures.unsure(entry, map) : null;
      const picture = lit ? pictures.fade(entry, lit) : layer === "map" ? pictures.above(entry, overlay) : entry.image;
      const [w, h] = [entry.image.naturalWidth, entry.image.naturalHeight];
      // Crisp when enlarged; averaged when several tokens share a screen pixel.
      context.imageSmoothingEnabled = place[2] < w;
      context.imageSmoothingQuality = "high";
      // Only the part in view is handed over: a whole slide at full zoom is wider than a canvas may be.
      const part = partInView(place, w, h, { width, height });
      if (!part) continue;
      const [x0, y0, x1, y1] = part;
      const [sx, sy] = [place[2] / w, place[3] / h];
      for (const each of hatch ? [picture, hatch] : [picture]) {
        context.drawImage(each, x0, y0, x1 - x0, y1 - y0, place[0] + x0 * sx, place[1] + y0 * sy, (x1 - x0) * sx, (y1 - y0) * sy);
      }
    }
    context.globalAlpha = 1;
  }

  drawOutlines({ context, box, outside, width, height, ratio }) {
    const { data, pictures, highlight } = this.viewer;
    const view = [width, height];
    const colours = Object.fromEntries(data.concepts.filter(({ excluded }) => !excluded).map(({ id, colour }) => [id, colour]));
    for (const { map, tokens } of pictures.known()) {
      const place = box(map);
      if (outside(place)) continue;
      let lines = this.outlines.get(map.id);
      if (lines?.tokens !== tokens) this.outlines.set(map.id, (lines = new Outlines(map.shape, tokens)));
      lines.draw(context, place, view, ratio, colours, highlight);
    }
    for (const map of pictures.tiledMaps()) {
      const [left, top, wide, high] = box(map);
      const [unit, up] = [wide / map.shape[1], high / map.shape[0]];
      for (const { row, column, block } of pictures.tiled.inView(map, [left, top, wide, high], ...view, LEAST * ratio)) {
        block.outlines ??= Outlines.ofBlock(256, block);
        const place = [left + column * unit, top + row * up, 256 * unit, 256 * up];
        block.outlines.draw(context, place, view, ratio, colours, highlight);
      }
    }
  }

  drawField({ context, box, outside, ratio, font }, field) {
    const place = box(field);
    if (outside(place)) return;
    const [left, top, w, h] = place;
    const colour = field.colour || "#1c2430";
    context.globalAlpha = field.selected ? 1 : 0.75;
    context.beginPath();
    context.rect(...place);
    strokeEach(context, [[field.selected ? "#fffc" : "#fff6", field.selected ? 4 : 2.5], [colour, field.selected ? 2 : 1]], ratio);
    context.globalAlpha = 1;
    // On an overview labels would hide the tissue: then only those that are asked for.
    const asked = field.selected || field === this.viewer.hovered;
    if (!field.label || (!asked && w < 300 * ratio)) return;
    context.font = `${field.selected ? 600 : 500} ${12 * ratio}px ${font}`;
    let text = field.label;
    const room = Math.max(w - 12 * ratio, asked ? 180 * ratio : 0);
    while (text.length > 2 && context.measureText(text).width > room) text = `${text.slice(0, -2).trimEnd()}…`;
    const wide = context.measureText(text).width + 10 * ratio;
    // The label stays in sight while any of the field's upper edge, or of its inside, does.
    const labelX = Math.min(Math.max(left, 0), Math.max(left, left + w - wide));
    const labelY = Math.min(Math.max(top, 0), top + h - 18 * ratio);
    context.fillStyle = colour;
    context.fillRect(labelX, labelY, wide, 18 * ratio);
    context.fillStyle = "#fff";
    context.textBaseline = "middle";
    context.fillText(text, labelX + 5 * ratio, labelY + 9.5 * ratio);
  }

  drawNeighbours({ context, box, outside, ratio }) {
    for (const neighbour of this.viewer.data.neighbours) {
      const [left, top, w, h] = box(neighbour);
      if (outside([left, top, w, h]) || w < 5 * ratio) continue;
      const inset = Math.min(3 * ratio, w / 6);
      context.beginPath();
      context.rect(left + inset, top + inset, w - 2 * inset, h - 2 * inset);
      strokeEach(context, [["#222c", 4], [neighbour.colour, 2.4]].map(([colour, line]) => [colour, Math.min(line * ratio, w / 4)]));
    }
  }

  drawMarker({ context, ratio }, [left, top, w, h]) {
    // Never smaller than can be found again on a whole slide.
    const least = 14 * ratio;
    const grow = Math.max(0, least - w) / 2;
    context.beginPath();
    context.rect(left - grow, top - grow, w + 2 * grow, Math.max(h, least));
    strokeEach(context, [["#000", 6], ["#fff", 3]], ratio);
  }
}
