// Superposed sites: one small 3Dmol view, made when it comes into sight.
import { ARROWS, el, loadLibrary, request, styleOf } from "../web/kit.js";
import { turnOf } from "../structure_viewer/parts.js";

export class Viewer {
  constructor(root, component) {
    this.root = root;
    this.box = el("div", { tabindex: 0, role: "application", onkeydown: (event) => {
      const way = ARROWS[event.key];
      if (!way || !this.viewer) return;
      event.preventDefault();
      this.viewer.rotate(...turnOf(way));
    } });
    this.words = el("p", { hidden: "" });
    root.replaceChildren(this.box, this.words);
    this.seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) { this.visible = true; this.draw(); }
    });
    this.seen.observe(root);
    this.update(component);
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.send = setTriggerValue;
    this.box.setAttribute("aria-label", `${data.label}. Arrow keys turn it.`);
    if (this.visible) this.draw();
  }

  say(text) {
    this.words.textContent = text;
    this.words.hidden = !text;
  }

  async draw() {
    const { data } = this, key = `${data.atoms} ${JSON.stringify(data.colours)}`;
    if (this.drawn === key) return;
    this.drawn = key;
    try {
      const [molecules, text] = await Promise.all([loadLibrary(new URL("../structure_viewer/threedmol.min.js", import.meta.url).href, "$3Dmol"),
        request(data.atoms).then((answer) => answer.text())]);
      this.viewer ??= molecules.createViewer(this.box, { antialias: true });
      if (!this.viewer) throw new Error("no WebGL");
      const { viewer } = this;
      viewer.setBackgroundColor(styleOf(this.root, "--st-background-color", "#ffffff"));
      viewer.removeAllModels();
      viewer.addModel(text, "mmcif", { doAssembly: false });
      const colour = (atom) => {
        if (atom.elem === "N") return "#3050f8";
        if (atom.elem === "O") return "#ff0d0d";
        return data.colours[atom.chain]?.[atom.resi - 1] ?? "#999999";
      };
      const residues = { predicate: (atom) => atom.chain in data.colours };
      viewer.setStyle({}, {});
      viewer.setStyle(residues, { stick: { radius: 0.12, colorfunc: colour } });
      viewer.setStyle({ predicate: (atom) => !(atom.chain in data.colours) }, { sphere: { radius: 0.7, colorscheme: "Jmol", opacity: 0.75 } });
      viewer.setHoverable({}, true, (atom) => this.say(atom.chain in data.colours
        ? `${data.names[Number(atom.chain)]}: ${atom.resn}` : `${atom.resn}, only shown`), () => this.say(""));
      viewer.setClickable(residues, true, (atom) => this.send("pick", { site: Number(atom.chain), residue: atom.resi - 1 }));
      viewer.setHoverDuration(60);
      viewer.zoomTo();
      viewer.render();
    } catch (error) {
      console.warn(error);
      this.say("This browser shows no 3D (WebGL is off): the pictures beside show the sites.");
    }
  }

  destroy() {
    this.seen.disconnect();
    this.root.replaceChildren();
  }
}
