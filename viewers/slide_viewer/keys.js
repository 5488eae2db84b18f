// What each key does.

import { ARROWS, undoOrRedo, withModifier } from "../web/kit.js";

/** Do what a key asks for; keys that mean nothing here are left to the page. */
export function pressKey(viewer, event) {
  const to = undoOrRedo(event);
  if (to && viewer.data.marking) {
    event.preventDefault();
    event.stopPropagation();
    if (to === "redo" || !viewer.marking.back()) viewer.tell({ step: to });
    return;
  }
  if (withModifier(event)) return;
  if (event.key in ARROWS) viewer.view.classList.remove("pv-mouse");
  const actions = { ...layerKeys(viewer), ...viewKeys(viewer), ...markKeys(viewer), ...moveKeys(viewer, event.target) };
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  event.stopPropagation();
  action();
}

function layerKeys(viewer) {
  const show = (layer) => () => viewer.layerButtons[layer].disabled || viewer.setLayer(layer);
  const step = (by) => () => viewer.least.disabled || viewer.setThreshold(viewer.threshold + by);
  return {
    1: () => viewer.setLayer("map"),
    2: () => viewer.setLayer("sprite"),
    3: show("error"),
    4: show("change"),
    5: show("class"),
    0: () => viewer.setLayer("none"),
    h: () => viewer.setLayer("none"),
    "[": () => viewer.setOpacity(viewer.opacity - 0.1),
    "]": () => viewer.setOpacity(viewer.opacity + 0.1),
    ",": step(-0.05),
    ".": step(0.05),
    u: () => viewer.canHatch() && viewer.setHatched(!viewer.hatched),
    o: () => viewer.tools.outlines.hidden || viewer.setOutlined(!viewer.outlined),
    n: () => viewer.setNear(!viewer.near),
    g: () => viewer.tools.regions.hidden || viewer.setMarked(!viewer.marked),
  };
}

function viewKeys(viewer) {
  const { stage, tools } = viewer;
  return {
    "+": () => stage.zoom(1.6),
    "=": () => stage.zoom(1.6),
    "-": () => stage.zoom(1 / 1.6),
    r: () => stage.home(),
    f: () => viewer.fullScreen(),
    l: () => tools.link.hidden || tools.toggleLink(),
  };
}

function markKeys({ data, marking, tools }) {
  const actions = {};
  if (data.marking) {
    for (const [key, tool] of [["m", null], ["b", "rectangle"], ["p", "polygon"], ["d", "freehand"]]) actions[key] = () => tools.choose(tool);
  }
  if (marking.tool) {
    actions.e = () => tools.nextEvidence();
    actions.Backspace = () => marking.back();
    actions.Escape = () => (marking.points.length ? marking.forget() : tools.choose(null));
  }
  return actions;
}

/** Keys that a slider, or a button, has a use of its own for. */
function moveKeys(viewer, target) {
  const { stage, marking } = viewer;
  if (target === viewer.slider || target === viewer.least) return {};
  const actions = { Home: () => stage.home() };
  for (const [key, way] of Object.entries(ARROWS)) actions[key] = () => stage.pan(...way);
  if (target.tagName !== "BUTTON" && stage.item) {
    actions.Enter = () => {
      const centre = stage.centre();
      if (!marking.tool) viewer.pick(centre, true);
      else if (marking.tool !== "freehand") marking.corner([centre.x, centre.y], stage.k);
    };
  }
  return actions;
}
