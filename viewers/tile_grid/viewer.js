// A grid of tiles that are cut from one picture; each is a button.
import { absolute, button } from "../web/kit.js";

export class Viewer {
  constructor(root, component) {
    this.root = root;
    this.picks = 0;
    root.setAttribute("role", "group");
    this.update(component);
  }

  update({ data, setTriggerValue }) {
    const { root } = this;
    const { url, tiles, label, columns, rows } = data;
    const share = (at, of) => (of > 1 ? `${(100 * at) / (of - 1)}%` : "0");
    const focused = [...root.children].indexOf(root.getRootNode().activeElement);
    root.setAttribute("aria-label", label);
    root.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
    root.replaceChildren(...tiles.map((name, index) => {
      const tile = button("", name, () => setTriggerValue("pick", { index, count: (this.picks += 1) }), { "aria-label": name });
      Object.assign(tile.style, {
        backgroundImage: `url("${absolute(url)}")`,
        backgroundSize: `${100 * columns}% ${100 * rows}%`,
        backgroundPosition: `${share(index % columns, columns)} ${share(Math.floor(index / columns), rows)}`,
      });
      return tile;
    }));
    root.children[focused]?.focus();
  }

  destroy() {
    this.root.replaceChildren();
  }
}
