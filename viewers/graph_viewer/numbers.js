// Numbers a point, fetched when they are looked at, and the colours that they give.
import { fetchBytes, Recent, rampStep, rgb } from "../web/kit.js";

const GREY = [150, 150, 150];
const KEPT = 25; // layers whose numbers are kept

export class Numbers {
  constructor() {
    this.layers = new Recent(KEPT); // address -> { values, top }
  }

  /** Values of a layer, or undefined while they are not there. */
  of(layer) {
    return layer && this.layers.get(layer.url)?.values;
  }

  /** The number of the strongest colour. */
  high(layer) {
    return layer.headed ? this.layers.get(layer.url)?.top ?? 1 : layer.high;
  }

  async load(layers) {
    await Promise.all(layers.map(async ({ url, headed }) => {
      if (this.layers.get(url)) return;
      const numbers = new Float32Array(await fetchBytes(url));
      this.layers.set(url, headed ? { top: numbers[0], values: numbers.subarray(1) } : { values: numbers });
    }));
  }

  /** Red, green, blue and opacity of each point by a layer, faint where its concept is not `only`; null while it is fetched. */
  colours(layer, { graph, layers, concepts, ramp, more }, only) {
    const values = this.of(layer);
    if (!values || values.length !== graph.n) return null;
    const ids = only === null ? null : this.of(layers.find(({ id }) => id === "concepts"));
    const colours = new Uint8Array(4 * graph.n);
    const table = new Map(concepts.map(({ id, colour, excluded }) => [id, excluded ? null : rgb(colour)]));
    const steps = (layer.kind === "diverging" ? ramp : more).map(rgb);
    const [low, high] = layer.kind === "diverging" ? [-layer.limit, layer.limit] : [layer.low, this.high(layer)];
    for (let i = 0; i < graph.n; i++) {
      const value = values[i];
      let colour = null;
      if (layer.kind === "concept") colour = table.get(value);
      else if (!Number.isNaN(value)) colour = rampStep(steps, value, low, high);
      const [r, g, b] = colour ?? GREY;
      colours[4 * i] = r;
      colours[4 * i + 1] = g;
      colours[4 * i + 2] = b;
      colours[4 * i + 3] = ids && ids[i] !== only ? 22 : colour ? 245 : 90;
    }
    return colours;
  }
}
