// What Streamlit runs at each change of data: one small 3Dmol view, made when it comes into sight.
const live = (window.__prospectorSites ??= new WeakMap());

function load3Dmol(url) {
  if (window.$3Dmol) return Promise.resolve(window.$3Dmol);
  window.__prospector3Dmol ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.$3Dmol);
    script.onerror = () => { window.__prospector3Dmol = null; reject(new Error("3Dmol did not load")); };
    document.head.append(script);
  });
  return window.__prospector3Dmol;
}

class Sites {
  constructor(root) {
    this.root = root;
    this.box = document.createElement("div");
    this.words = document.createElement("p");
    this.words.hidden = true;
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "application");
    this.box.addEventListener("keydown", (event) => {
      const turn = { ArrowLeft: ["y", -8], ArrowRight: ["y", 8], ArrowUp: ["x", -8], ArrowDown: ["x", 8] }[event.key];
      if (turn && this.viewer) { event.preventDefault(); this.viewer.rotate(turn[1], turn[0]); }
    });
    root.replaceChildren(this.box, this.words);
    this.seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) { this.visible = true; this.draw(); }
    });
    this.seen.observe(root);
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
      const [molecules, text] = await Promise.all([load3Dmol(new URL(data.threedmol, document.baseURI).href),
        fetch(new URL(data.atoms, document.baseURI).href).then((answer) => answer.text())]);
      this.viewer ??= molecules.createViewer(this.box, { antialias: true });
      if (!this.viewer) throw new Error("no WebGL");
      const { viewer } = this;
      viewer.setBackgroundColor(getComputedStyle(this.root).getPropertyValue("--st-background-color").trim() || "#ffffff");
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

export default function (component) {
  const { parentElement } = component;
  let view = live.get(parentElement);
  if (!view) live.set(parentElement, (view = new Sites(parentElement.querySelector(".st-sites"))));
  view.update(component);
  return () => {
    view.destroy();
    live.delete(parentElement);
  };
}
