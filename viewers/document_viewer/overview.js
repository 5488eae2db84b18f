// The whole text beside the one that is read, small: its colours, what is chosen, and the part in sight.
import { deviceContext, el, pixelRatio } from "../web/kit.js";

const PER_LINE = 70; // characters

const isDark = (node) => {
  const [r, g, b] = getComputedStyle(node).color.match(/\d+(\.\d+)?/g)?.map(Number) ?? [0, 0, 0];
  return r + g + b > 380;
};

export class Overview {
  /** viewer: for its data, its choices and its pane. */
  constructor(viewer) {
    this.viewer = viewer;
    this.drawn = 1; // share of the height that the text takes
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.window = el("div", { class: "dv-window" });
    const drag = (event) => {
      if (event.buttons || event.type === "pointerdown") this.goTo(event);
    };
    this.node = el("div", { class: "dv-map", title: "The whole text; drag to move in it", onpointermove: drag, onpointerdown: (event) => {
      this.node.setPointerCapture(event.pointerId);
      drag(event);
    } }, this.canvas, this.window);
  }

  draw() {
    const { viewer } = this;
    const { data, kept } = viewer;
    const box = this.node.getBoundingClientRect();
    if (!box.height || !viewer.spans) return;
    const ink = deviceContext(this.canvas, box.width, box.height);
    const ratio = pixelRatio();
    const [wide, high] = [this.canvas.width, this.canvas.height];
    const [pieces, lines] = piecesOf(data);
    const step = Math.min(high / lines, 6 * ratio);
    const margin = 5 * ratio;
    const scale = (wide - 2 * margin) / PER_LINE;
    this.drawn = (step * lines) / high;
    const plain = isDark(viewer.root) ? "#fff" : "#000";
    for (const { token, line, from, to } of pieces) {
      const colour = kept.mode === "none" ? null : viewer.colour(token);
      const share = data.scores[token] === null ? 0 : Math.abs(data.scores[token]) / data.limit;
      const weak = !colour || (kept.mode === "score" && (share < 0.08 || 100 * share < kept.threshold));
      ink.globalAlpha = weak ? 0.22 : 1;
      ink.fillStyle = weak ? plain : colour;
      ink.fillRect(margin + from * scale, line * step, (to - from) * scale, Math.max(1, step * 0.72));
    }
    const chosen = pieces.filter(({ token }) => viewer.isChosen(token));
    if (chosen.length) {
      Object.assign(ink, { globalAlpha: 1, strokeStyle: getComputedStyle(viewer.root).color, lineWidth: 1.5 * ratio });
      const [first, last] = [chosen[0].line, chosen.at(-1).line];
      ink.strokeRect(1, first * step - 1, wide - 2, Math.max(5, (last - first + 1) * step + 1));
    }
    this.scrolled();
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.viewer.pane;
    const room = this.node.clientHeight * this.drawn;
    this.window.style.top = `${(scrollTop / scrollHeight) * room}px`;
    this.window.style.height = `${Math.max(10, Math.min(1, clientHeight / scrollHeight) * room)}px`;
    this.window.hidden = scrollHeight <= clientHeight + 2;
  }

  goTo({ clientY }) {
    const { pane } = this.viewer;
    const box = this.node.getBoundingClientRect();
    const share = (clientY - box.top) / (box.height * this.drawn);
    pane.scrollTop = share * pane.scrollHeight - pane.clientHeight / 2;
  }
}

/** Where tokens would stand on a narrow page, { token, line, from, to } each, and the number of its lines: from the text
 * alone, as what is out of sight has no place yet. */
function piecesOf({ text, starts, ends }) {
  const pieces = [];
  let [line, column, at] = [0, 0, 0];
  const walk = (upto, token) => {
    for (; at < upto; at += 1) {
      if (text[at] === "\n" || column >= PER_LINE) [line, column] = [line + 1, 0];
      if (text[at] === "\n") continue;
      if (token !== null && text[at] !== " ") {
        const last = pieces.at(-1);
        if (last?.token === token && last.line === line) last.to = column + 1;
        else pieces.push({ token, line, from: column, to: column + 1 });
      }
      column += 1;
    }
  };
  starts.forEach((start, token) => {
    walk(start, null);
    walk(ends[token], token);
  });
  walk(text.length, null);
  return [pieces, line + 1];
}
