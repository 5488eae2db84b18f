// The filmstrip: the data of a study in a row, sorted by what is chosen.
import { absolute, el, recall, remember, signed } from "../web/kit.js";

const ORDERS = {
  probability: { label: "predicted class", by: (a, b) => (b.probability ?? -1) - (a.probability ?? -1) },
  evidence: { label: "total evidence", by: (a, b) => (b.evidence ?? -Infinity) - (a.evidence ?? -Infinity) },
  unsure: { label: "least certain", by: (a, b) => Math.abs((a.probability ?? 2) - 0.5) - Math.abs((b.probability ?? 2) - 0.5) },
  label: { label: "label", by: (a, b) => a.label.localeCompare(b.label) },
  name: { label: "name", by: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) },
};

const short = (size) => (size >= 1000 ? size.toExponential(1) : Number(size.toPrecision(3)));

export class Viewer {
  constructor(root, component) {
    this.root = root;
    const kept = recall(`prospector.filmstrip.${component.data.key}`);
    this.order = ORDERS[kept] ? kept : "probability";
    this.select = el("select", { "aria-label": "Order of the filmstrip", onchange: () => this.sort(this.select.value) },
      ...Object.entries(ORDERS).map(([name, { label }]) => el("option", { value: name }, label)));
    this.select.value = this.order;
    this.count = el("span");
    this.row = el("div", { class: "fs-row", role: "group", "aria-label": "Filmstrip", onkeydown: (event) => this.key(event) });
    root.replaceChildren(el("div", { class: "fs-order" }, el("span", {}, "Sorted by"), this.select, this.count), this.row);
    this.update(component);
  }

  update(component) {
    const chosen = this.data?.selected;
    this.data = component.data;
    this.send = component.setTriggerValue;
    this.draw();
    if (chosen !== this.data.selected) this.row.querySelector("[aria-current=true]")?.scrollIntoView({ inline: "nearest", block: "nearest" });
  }

  sort(order) {
    this.order = order;
    remember(`prospector.filmstrip.${this.data.key}`, order);
    this.draw();
    this.row.scrollLeft = 0;
  }

  draw() {
    const { items, selected } = this.data;
    this.most = Math.max(...items.map(({ evidence }) => Math.abs(evidence ?? 0)), 1e-12);
    this.count.textContent = `${items.length} in all`;
    const focused = this.row.getRootNode().activeElement?.dataset?.id;
    const left = this.row.scrollLeft;
    this.row.replaceChildren(...[...items].sort(ORDERS[this.order].by).map((item) => this.item(item, item.id === selected)));
    this.row.scrollLeft = left;
    const stop = this.row.querySelector("[aria-current=true]") ?? this.row.firstElementChild;
    if (stop) stop.tabIndex = 0; // the Tab key stops at one of them; the arrow keys go from there
    if (focused) this.row.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
  }

  item(item, current) {
    const { class_name: name, colours } = this.data;
    const total = this.order === "evidence";
    const value = total ? item.evidence : item.probability;
    const text = value === null ? "–" : total ? signed(value, short) : `P ${value.toFixed(2)}`;
    const half = total ? (50 * Math.abs(value ?? 0)) / this.most : 0;
    const bar = value === null ? "width:0"
      : total ? `${value < 0 ? `right:50%` : `left:50%`};width:${half}%;background:${colours[value < 0 ? 0 : 2]}`
      : `left:0;width:${100 * value}%;background:${colours[2]}`;
    const says = [item.name, `labelled ${item.label}`,
      item.probability === null ? null : `P(${name}) ${item.probability.toFixed(2)}`,
      item.evidence === null ? null : `total evidence ${signed(item.evidence, short)}`,
      item.predicted ? `predicted ${item.predicted}` : null,
      item.wrong ? "predicted otherwise than labelled" : null].filter(Boolean).join(", ");
    return el("button", {
      type: "button", class: "fs-item", tabindex: -1, "data-id": item.id, "aria-current": String(current), "aria-label": says, title: says,
      onclick: () => this.send("pick", { id: item.id, count: (this.picks = (this.picks ?? 0) + 1) }),
    },
    el("img", { src: item.url && absolute(item.url), loading: "lazy", decoding: "async", alt: "" }),
    el("div", { class: "fs-name" }, item.name),
    el("div", { class: "fs-value" }, el("span", { class: item.wrong ? "fs-wrong" : null }, this.verdict(item)), el("b", {}, text)),
    el("div", { class: "fs-bar" }, el("i", { style: bar })));
  }

  /** Its label; of several classes the predicted one, where that is another. */
  verdict({ label, predicted, wrong }) {
    if (predicted && predicted !== label) return `→ ${predicted}`;
    return wrong ? `≠ ${label}` : label;
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const all = [...this.row.children];
    const at = all.indexOf(event.target);
    const to = event.key === "Home" ? 0 : event.key === "End" ? all.length - 1 : at + step;
    if (at < 0 || !all[to]) return;
    event.preventDefault();
    event.stopPropagation();
    all[to].focus();
    all[to].scrollIntoView({ inline: "nearest", block: "nearest" });
  }

  destroy() {
    this.root.replaceChildren();
  }
}
