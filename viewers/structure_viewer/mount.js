// What Streamlit runs at each change of data. The viewer itself is a module that the app serves (see viewer.js).
const live = (window.__prospectorStructures ??= new WeakMap());

export default function (component) {
  const { parentElement, data } = component;
  let entry = live.get(parentElement);
  if (!entry) {
    entry = { viewer: null, gone: false, latest: component };
    live.set(parentElement, entry);
    const root = parentElement.querySelector(".sv");
    import(new URL(data.assets.viewer, document.baseURI).href)
      .then(({ StructureViewer }) => {
        if (!entry.gone) entry.viewer = new StructureViewer(root, entry.latest);
      })
      .catch((error) => {
        console.error(error);
        if (!entry.gone) root.textContent = "The structure viewer could not be loaded. Start the app with: streamlit run app.py";
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
