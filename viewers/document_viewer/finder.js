// Finding words in a text: the hits are highlighted in place, and stepped through.
import { el } from "../web/kit.js";

const NAMES = ["dv-found", "dv-here"]; // of the highlights, in the style sheet

export class Finder {
  /** page: what is searched; leave(): the field is left by Escape. */
  constructor(page, leave) {
    Object.assign(this, { page, hits: [], at: -1 });
    this.field = el("input", { type: "search", placeholder: "Find", "aria-label": "Find in this text", oninput: () => this.find(), onkeydown: (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.step(event.shiftKey ? -1 : 1);
      } else if (event.key === "Escape") {
        this.field.value = "";
        this.find();
        leave();
      }
      event.stopPropagation();
    } });
    this.count = el("span", { class: "dv-count", role: "status" });
    this.node = el("div", { class: "dv-group" }, this.field, this.count);
  }

  say(text) {
    this.count.textContent = text;
  }

  /** Once more, as the text is another. */
  again() {
    this.say("");
    if (this.field.value) this.find();
  }

  clear() {
    for (const name of NAMES) CSS.highlights?.delete(name);
  }

  find() {
    const words = this.field.value.trim().toLowerCase();
    this.clear();
    Object.assign(this, { hits: [], at: -1 });
    this.say("");
    if (!words) return;
    const [nodes, walker] = [[], document.createTreeWalker(this.page, NodeFilter.SHOW_TEXT)];
    let text = "";
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      nodes.push([text.length, node]);
      text += node.data;
    }
    const lower = text.toLowerCase().length === text.length ? text.toLowerCase() : text; // some capitals become two letters
    const pattern = new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+"), "g");
    for (const match of lower.matchAll(pattern)) {
      if (this.hits.length >= 2000) break;
      const range = new Range();
      const [to, right] = placeOf(nodes, match.index + match[0].length - 1);
      range.setStart(...placeOf(nodes, match.index));
      range.setEnd(to, right + 1);
      this.hits.push(range);
    }
    if (window.Highlight && this.hits.length) CSS.highlights.set(NAMES[0], new Highlight(...this.hits));
    this.step(1);
  }

  step(way) {
    const n = this.hits.length;
    if (!n) {
      this.say(this.field.value.trim() ? "none" : "");
      return;
    }
    this.at = (this.at + way + n) % n;
    this.say(`${this.at + 1} of ${n}`);
    const range = this.hits[this.at];
    if (window.Highlight) CSS.highlights.set(NAMES[1], new Highlight(range));
    range.startContainer.parentElement.scrollIntoView({ block: "center", behavior: "instant" });
  }
}

/** The text node in which a character of the whole lies, and its place there; nodes: [first character, node], in order. */
function placeOf(nodes, character) {
  let [low, high] = [0, nodes.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (nodes[middle][0] <= character) low = middle;
    else high = middle - 1;
  }
  return [nodes[low][1], character - nodes[low][0]];
}
