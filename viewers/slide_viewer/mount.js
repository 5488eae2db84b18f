// What Streamlit runs at each change of data. The viewer itself is a module that the app serves (see viewer.js).
// The map hangs on the window, so that a viewer is found again whichever copy of this file runs.
const live = (window.__prospectorViewers ??= new WeakMap());

export default function (component) {
  const { parentElement, data } = component;
  let entry = live.get(parentElement);
  if (!entry) {
    entry = { viewer: null, gone: false, latest: component };
    live.set(parentElement, entry);
    const root = parentElement.querySelector(".pv");
    root.style.height = `min(${data.height}px, max(420px, 100vh - ${data.above}px))`;
    import(new URL(data.assets.viewer, document.baseURI).href)
      .then(({ SlideViewer }) => {
        if (!entry.gone) entry.viewer = new SlideViewer(root, entry.latest);
      })
      .catch((error) => {
        console.error(error);
        if (!entry.gone) root.textContent = "The slide viewer could not be loaded. Start the app with: streamlit run app.py";
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
