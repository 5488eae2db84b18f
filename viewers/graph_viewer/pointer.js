// What the pointer does: it names points, moves or turns the view, draws the lasso, picks.
import { onWheel } from "../web/kit.js";

const SLIP = 4; // CSS px that a click may move

export class Pointer {
  constructor(viewer, node) {
    Object.assign(this, { viewer, node, drag: null });
    onWheel(node, (factor, x, y) => viewer.zoom(factor, x, y));
    const listen = (name, act) => node.addEventListener(name, act);
    listen("contextmenu", (event) => viewer.data.graph.dims === 3 && event.preventDefault());
    listen("pointerdown", (event) => this.down(event));
    listen("pointermove", (event) => this.moved(event));
    listen("pointerup", (event) => this.up(event));
    listen("pointercancel", () => { this.drag = null; });
    listen("pointerleave", () => viewer.point(null));
  }

  down({ pointerId, shiftKey, button, offsetX: x, offsetY: y }) {
    const { viewer } = this;
    this.node.setPointerCapture(pointerId);
    const turning = viewer.data.graph.dims === 3 && (shiftKey || button === 2);
    this.drag = { x, y, moved: false, what: turning ? "turn" : viewer.tool };
    if (this.drag.what === "lasso") viewer.lasso.begin(viewer.inData(x, y));
  }

  moved({ offsetX: x, offsetY: y }) {
    const { drag, viewer } = this;
    if (!drag) {
      viewer.point(viewer.nearest(x, y, viewer.hit()));
      return;
    }
    const [dx, dy] = [x - drag.x, y - drag.y];
    if (!drag.moved && Math.hypot(dx, dy) < SLIP) return;
    drag.moved = true;
    viewer.point(null);
    if (drag.what === "lasso") {
      viewer.lasso.line.push(viewer.inData(x, y));
      viewer.later("over");
      return;
    }
    if (drag.what === "turn") viewer.turnBy(dx / 150, dy / 150);
    else viewer.panBy(dx, dy);
    Object.assign(drag, { x, y });
  }

  up({ offsetX: x, offsetY: y }) {
    const { drag, viewer } = this;
    this.drag = null;
    if (!drag) return;
    if (!drag.moved) {
      viewer.lasso.line = null;
      viewer.pick(viewer.nearest(x, y, viewer.hit()));
    } else if (drag.what === "lasso") viewer.lasso.offer();
    viewer.later();
  }
}
