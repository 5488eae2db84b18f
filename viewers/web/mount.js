// What Streamlit runs at each change of data, of every viewer: it loads the module that the app serves and hands the data on.
// The map hangs on the window, so that a viewer is found again whichever copy of this file runs.
const live = (window.__prospectorViewers ??= new WeakMap());

export default function (component) {
  const { parentElement, data } = component;
  let entry = live.get(parentElement);
  if (!entry) {
    entry = { viewer: null, gone: false, latest: component };
    live.set(parentElement, entry);
    const root = parentElement.querySelector("[data-viewer]");
    if (data.height) root.style.minHeight = `min(${data.height}px, 60vh)`; // what is below it does not jump
    const module = new URL(data.module, document.baseURI).href;
    // Asked for all at once: each would wait for the one that imports it.
    for (const part of data.parts) {
      const { href } = new URL(part, module);
      if (document.head.querySelector(`link[href="${href}"]`)) continue;
      document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href }));
    }
    import(module)
      .then(({ Viewer }) => {
        if (entry.gone) return;
        root.style.minHeight = "";
        entry.viewer = new Viewer(root, entry.latest);
      })
      .catch((error) => {
        console.error(error);
        if (!entry.gone) root.textContent = "This view could not be loaded. Is the app still running? Start it with: prospector app";
      });
  } else {
    entry.latest = component;
    entry.viewer?.update(component);
  }
  return () => {
    entry.gone = true;
    entry.viewer?.destroy();
    live.delete(parentElement);
  };
}
