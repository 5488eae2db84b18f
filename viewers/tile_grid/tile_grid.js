// A grid of tiles: what Streamlit runs at each change of data.
const counts = (window.__prospectorTileGrids ??= new WeakMap());

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".tg");
  const { url, tiles, label, columns, rows } = data;
  const picture = `url("${new URL(url, document.baseURI).href}")`;
  const share = (at, of) => (of > 1 ? `${(100 * at) / (of - 1)}%` : "0");
  const focused = [...root.children].indexOf(root.getRootNode().activeElement);
  root.setAttribute("aria-label", label);
  root.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
  root.replaceChildren(...tiles.map((name, index) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", title: name });
    button.setAttribute("aria-label", name);
    Object.assign(button.style, {
      backgroundImage: picture,
      backgroundSize: `${100 * columns}% ${100 * rows}%`,
      backgroundPosition: `${share(index % columns, columns)} ${share(Math.floor(index / columns), rows)}`,
    });
    button.addEventListener("click", () => {
      counts.set(parentElement, (counts.get(parentElement) ?? 0) + 1);
      setTriggerValue("pick", { index, count: counts.get(parentElement) });
    });
    return button;
  }));
  root.children[focused]?.focus();
}
