"""The layers of a viewer kept in step with a review, both ways.

What is clicked, painted and drawn becomes an edit.

Works on a ViewerModel: knows no Qt.
"""

import numpy as np

from prospector_core.errors import ProspectorError

from .layer_stack import ours
from .layers import SlideLayers
from .region_layer import RegionLayer

__all__ = ["Scene"]

_GRAPH_TOKENS = 3000  # that a token graph is drawn of, around the selected token
_AROUND = 6  # tokens to each side of the selected one that are seen when the camera goes there


class Scene(RegionLayer):
    """Draws a Review into a viewer.

    Parameters
    ----------
    viewer : ViewerModel
    review : Review
    later : function(function), calls it once the event at hand is over; default: at once
    run : function(work, done), calls ``done(work())``, possibly with ``work`` on a thread; default: at once
    """

    order = (
        "slide",
        "map",
        "concepts",
        "uncertainty",
        "change",
        "excluded",
        "edges",
        "tokens",
        "fields",
        "regions",
        "selected",
    )

    def __init__(self, viewer, review, later=None, run=None):
        super().__init__(viewer, review, later or (lambda act: act()))
        self._run = run or (lambda work, done: done(work()))
        self._made = {}
        self.hidden = set()  # concepts that are not drawn
        self.before = False  # whether the map is that before the change
        review.shown.connect(self.draw)
        review.selected.connect(self.mark_selected)
        review.edited.connect(self.draw_edits)
        review.fitted.connect(self.draw_fit)
        review.compared.connect(self.draw_change)
        viewer.mouse_drag_callbacks.append(self._hold)
        viewer.mouse_drag_callbacks.append(self._clicked)
        self.draw()
        self.viewer.reset_view()

    def close(self):
        """Let go of the viewer; its layers stay."""
        review = self.review
        for signal, slot in (
            (review.shown, self.draw),
            (review.selected, self.mark_selected),
            (review.edited, self.draw_edits),
            (review.fitted, self.draw_fit),
            (review.compared, self.draw_change),
        ):
            signal.disconnect(slot, missing_ok=True)
        for callback in (self._hold, self._clicked):
            if callback in self.viewer.mouse_drag_callbacks:
                self.viewer.mouse_drag_callbacks.remove(callback)

    # ---- drawing

    def draw(self):
        """All layers anew: another slide or class."""
        looks = {
            kind: (self.layer(kind).visible, self.layer(kind).opacity)
            for kind in self._layers
            if self.layer(kind)
        }
        same = getattr(self, "source", None) == self.review.source
        for layer in [each for each in self.viewer.layers if ours(each)]:
            if not (same and layer is self.layer("slide")):
                self.viewer.layers.remove(layer)
        self.drawn = SlideLayers(self.review.study, self.review.source)
        self.source, self._made = self.review.source, {}
        self._layers = {"slide": self._layers["slide"]} if same and self.layer("slide") else {}
        if not self._layers:
            try:
                self._put("slide", self.drawn.slide())
            except ProspectorError as error:
                self.review.said.emit(str(error), "warning")
        for kind, layer in (
            ("map", self.drawn.map()),
            ("concepts", self.drawn.sprite()),
            ("excluded", self.drawn.excluded()),
            ("fields", self.drawn.fields()),
            ("regions", self.drawn.regions()),
        ):
            if layer is not None:
                self._put(kind, layer)
        self._empty_image("uncertainty")
        if self.review.change is not None:
            self._empty_image("change")
        for kind, (visible, opacity) in looks.items():
            if self.layer(kind) is not None:
                self.layer(kind).visible, self.layer(kind).opacity = visible, opacity
        self._look_at_concepts()
        self._look_at_regions()
        self.mark_selected()
        self.viewer.canvas.overlays.scale_bar.visible = True
        self.viewer.layers.selection.active = self.layer("slide") or self.layer("map")

    def draw_fit(self):
        """Everything that a fit changes, in place: what is shown and hidden stays so."""
        self.drawn = SlideLayers(self.review.study, self.review.source)
        self._made, self.before = {}, False
        for kind, new in (("map", self.drawn.map()), ("concepts", self.drawn.sprite())):
            self._renew(kind, new)
        for kind in ("excluded",):
            self._remove(kind)
            if (new := self.drawn.excluded()) is not None:
                self._put(kind, new)
        self._draw_regions()
        self._compute("uncertainty")
        self.draw_change()
        self.mark_selected()

    def draw_edits(self):
        """What counts before a refit: names, colours, painted tokens and marked regions."""
        self._renew_labels()
        self._draw_regions()

    def draw_change(self):
        """The difference that the review compares, or none."""
        self._made.pop("change", None)
        if self.review.change is None:
            self._remove("change")
            return
        if self.layer("change") is None:
            self._empty_image("change")
        self._compute("change")
        if self.before:
            self.show_before(True)

    @property
    def change_shown(self):
        """Whether the difference is what is seen."""
        layer = self.layer("change")
        return layer is not None and layer.visible

    def show_change(self, on):
        """Show the difference in place of the map, or the map again."""
        layer = self.layer("change")
        if layer is not None:
            layer.visible = on
            if self.layer("map") is not None:
                self.layer("map").visible = not on  # the one would cover the other

    def show_before(self, before):
        """The map as it was before the change that is compared; False, of an edit on trial: as it becomes."""
        change, layer = self.review.change, self.layer("map")
        self.before = before and change is not None
        if layer is not None:
            tried = self.review.tried
            fit = change.before if self.before else tried.after if tried is not None else None
            layer.data = self.drawn.scores(fit)

    def show_concepts(self, hidden):
        """Draw all concepts but the hidden ones (ids)."""
        self.hidden = set(hidden)
        if self.layer("concepts") is not None:
            self.layer("concepts").colormap = self.drawn.palette(self.hidden)

    def show_graph(self, on):
        """The token graph around the selected token, as points and vectors."""
        self._remove("tokens")
        self._remove("edges")
        if not on:
            return
        datum, study = self.review.datum, self.review.study
        positions = study.grid(datum)["positions"]
        middle = positions[self.review.token] if self.review.token is not None else positions.mean(axis=0)
        far = np.abs(positions - middle).max(axis=1)
        tokens = np.sort(np.argsort(far, kind="stable")[:_GRAPH_TOKENS])
        lines, points = self.drawn.token_graph(datum, tokens)
        self._put("edges", lines)
        self._put("tokens", points)

    @property
    def graph_shown(self):
        """Whether the token graph is drawn."""
        return self.layer("tokens") is not None

    def mark_selected(self):
        """A frame around the selected token."""
        review, layer = self.review, self.layer("selected")
        if review.token is None:
            self._remove("selected")
        else:
            x, y, width, height = review.rect()
            box = np.array([[y, x], [y, x + width], [y + height, x + width], [y + height, x]])
            if layer is not None and len(layer.data) == 1:
                layer.data = [box]  # in place: another layer would take ten times as long
            else:
                self._remove("selected")
                options = {
                    "name": "selected tile",
                    "shape_type": "rectangle",
                    "face_color": "transparent",
                    "edge_color": "yellow",
                    "edge_width": 0.06 * width,
                    "metadata": self.drawn.metadata("selected"),
                    **self.drawn.frame.vector(),
                }
                self._put("selected", ([box], options, "shapes"))
        if self.graph_shown:
            self.show_graph(True)

    def go_to(self, rect, around=0.5):
        """Move the camera to a rectangle (x, y, width, height) in level-0 pixels.

        It leaves ``around`` of the rectangle's size to each side.
        """
        x, y, width, height = rect
        frame = self.drawn.frame
        self.viewer.scene.camera.center = (0, *frame.world(x + width / 2, y + height / 2))
        canvas = self.viewer.canvas.size
        span = np.array([height, width]) * frame.scale * (1 + 2 * around)
        self.viewer.scene.camera.zoom = float(np.min(np.array(canvas) / np.maximum(span, 1e-9)))

    def go_to_selected(self):
        """Move the camera to the selected token or datum."""
        self.go_to(self.review.rect(), _AROUND if self.review.token is not None else 0.05)

    def view(self):
        """What is in sight: (x, y, width, height) in level-0 pixels, within the tokens' slide."""
        frame, camera = self.drawn.frame, self.viewer.scene.camera
        canvas = np.array(self.viewer.canvas.size) / camera.zoom / frame.scale
        x, y = frame.pixel(camera.center)
        info = self.review.study.sources[self.source].info
        left, top = max(0.0, x - canvas[1] / 2), max(0.0, y - canvas[0] / 2)
        right, bottom = min(info["width"], x + canvas[1] / 2), min(info["height"], y + canvas[0] / 2)
        return left, top, max(1.0, right - left), max(1.0, bottom - top)

    # ---- images that take long

    def _empty_image(self, kind):
        """A layer that is computed when it is first looked at."""
        nothing = np.full(self.drawn.mosaic.shape, np.nan, np.float32)
        name, colormap = {"uncertainty": ("uncertainty", "error"), "change": ("difference", "score")}[kind]
        from .colours import error_colormap, score_colormap

        colormap = {"error": error_colormap, "score": score_colormap}[colormap]()
        options = self.drawn.image(name, kind, colormap, (0, 1), visible=False)
        layer = self._put(kind, (nothing, options, "image"))
        layer.events.visible.connect(lambda: self._compute(kind))

    def _compute(self, kind):
        layer = self.layer(kind)
        if layer is None or not layer.visible or kind in self._made:
            return
        self._made[kind] = made = object()
        drawn, change = self.drawn, self.review.change

        def work():
            try:
                return drawn.uncertainty(now=True) if kind == "uncertainty" else drawn.change(change)
            except ProspectorError as error:
                return str(error)

        def done(new):
            if isinstance(new, str):
                self.review.said.emit(new, "warning")
            elif (
                self._made.get(kind) is made and self.layer(kind) is not None
            ):  # nothing newer was asked for meanwhile
                self._renew(kind, new)

        self._run(work, done)

    # ---- layers

    def _renew(self, kind, new):
        """Another content for a layer, which keeps its visibility and opacity."""
        layer = self.layer(kind)
        if layer is None or new is None:
            return
        data, options, _ = new
        if layer.data.shape != data.shape:  # other data were embedded since
            looks = layer.visible, layer.opacity
            self._remove(kind)
            layer = self._put(kind, new)
            layer.visible, layer.opacity = looks
            if kind == "concepts":
                self._look_at_concepts()
        elif kind == "concepts":
            self._renew_labels()
        else:
            layer.data = data
            layer.contrast_limits_range = options["contrast_limits"]
            layer.contrast_limits = options["contrast_limits"]

    # ---- painting

    def _look_at_concepts(self):
        layer = self.layer("concepts")
        self._labels = np.array(layer.data)
        layer.brush_size = max(1, self.drawn.mosaic.cells)
        layer.events.paint.connect(lambda: self._later(self.take_paint))
        self.show_concepts(self.hidden)

    def _renew_labels(self):
        layer = self.layer("concepts")
        if layer is None or self._held:
            return
        self._labels = self.drawn.labels()
        if not np.array_equal(layer.data, self._labels):
            layer.data[...] = self._labels  # in place: napari keeps its own history
            layer.refresh()
        layer.features = self.drawn.names()
        layer.colormap = self.drawn.palette(self.hidden)

    def take_paint(self):
        """Make edits of what was painted on the concepts; what stands is then drawn, tile by tile."""
        layer = self.layer("concepts")
        if layer is None or self._held:
            return
        moved = (
            layer.data != self._labels
        )  # as it was drawn: what others have edited since is none of this stroke
        if not moved.any():
            return
        painted = np.array(layer.data)
        for label in np.unique(painted[moved]).tolist():
            tokens = self.drawn.mosaic.tokens_of(moved & (painted == label))
            if not label:
                if tokens:
                    self.review.said.emit(
                        "A tile always has a concept: paint it with another one.", "warning"
                    )
                continue
            own = {uid: self.drawn.concepts(self.review.study.datum(uid)) for uid in tokens}
            tokens = {uid: ids[own[uid][ids] != label - 1] for uid, ids in tokens.items()}
            self.review.move(tokens, label - 1)
        self._renew_labels()

    def pick(self, concept):
        """Choose the concept that is painted with."""
        if self.layer("concepts") is not None:
            self.layer("concepts").selected_label = concept + 1

    def paint_with(self, concept):
        """Ready napari's brush for a concept."""
        layer = self.layer("concepts")
        if layer is not None:
            self.pick(concept)
            layer.visible = True
            self.viewer.layers.selection.active = layer
            layer.mode = "paint"

    # ---- clicks

    def _hold(self, viewer, event):
        """Know whether a mouse button is down."""
        self._held = True
        yield
        while event.type == "mouse_move":
            yield
        self._held = False

    def _clicked(self, viewer, event):
        """Select the token under a click; not under a drag, and not while a layer is painted or drawn on."""
        active = viewer.layers.selection.active
        if active is not None and str(getattr(active, "mode", "pan_zoom")) != "pan_zoom":
            return
        if getattr(event, "button", 1) not in (1, None) or getattr(event, "modifiers", ()):
            return
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        if not dragged:
            self._select_at(event)

    def _select_at(self, event):
        self.review.select(*self.drawn.frame.pixel(event.position))
