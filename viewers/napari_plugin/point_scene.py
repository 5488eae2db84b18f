"""Points kept in step with a review: cells and graphs in napari. Works on a ViewerModel: knows no Qt."""

import numpy as np
from psygnal import Signal

from prospector_core.errors import ProspectorError

from .layer_stack import ours
from .outlines import polygon_of
from .point_layers import MOST_EDGES, PointLayers
from .scene import Scene

__all__ = ["COLOURINGS", "EDGES", "PointScene"]

COLOURINGS = {"map": "Map", "concepts": "Concepts", "uncertainty": "Uncertainty", "change": "Difference"}
EDGES = {"": "none", "near": "around the selected {token}", "all": "all"}
_REACH = 9  # pixels of the canvas around a click in which the nearest point is taken
_AROUND = 10  # points to each side of the selected one that are seen when the camera goes there
_MOVE = "move into "


class PointScene(Scene):
    """Draws a Review of cells or of a graph. Parameters as of Scene.

    Signal: ``coloured(kind)``, points have another colouring.
    """

    order = ("edges", "points", "regions", "selected")
    coloured = Signal(str)

    def __init__(self, viewer, review, later=None, run=None):
        self.by, self._edges, self._asked = "map", "", None
        super().__init__(viewer, review, later, run)

    # ---- drawing

    def draw(self):
        """All layers anew: another sample, graph or class."""
        looks = {
            kind: (self.layer(kind).visible, self.layer(kind).opacity)
            for kind in self._layers
            if self.layer(kind)
        }
        for layer in [each for each in self.viewer.layers if ours(each)]:
            self.viewer.layers.remove(layer)
        self.drawn, self.source = PointLayers(self.review.study, self.review.source), self.review.source
        self._layers, self.before = {}, False
        images = self.drawn.images()
        self.order = (*images, *PointScene.order)
        for kind, layer in images.items():
            self._put(kind, layer)
            if kind != "labels":
                self._limit_when_seen(kind)
        if self.by not in ("map", "concepts"):
            self.by = "map"
        self._put("points", self.drawn.points(self.by, self.hidden))
        if self.drawn.ndim == 2:
            self._put("regions", self.drawn.regions())
            self._look_at_regions()
        if self.viewer.dims.ndisplay != self.drawn.ndim:
            self.viewer.dims.ndisplay = self.drawn.ndim
        for kind, (visible, opacity) in looks.items():
            if self.layer(kind) is not None:
                self.layer(kind).visible, self.layer(kind).opacity = visible, opacity
        self.show_graph(self._edges)
        self.mark_selected()
        self.viewer.canvas.overlays.scale_bar.visible = True
        self.viewer.layers.selection.active = self.layer("points")
        self.coloured.emit(self.by)

    def _limit_when_seen(self, kind):
        """Find the contrast of a channel when it is first made visible: it takes a look at the whole."""
        layer = self.layer(kind)
        number, channel = (int(each) for each in kind.split()[1:])
        image, drawn = self.drawn.under.images[number], self.drawn
        waiting = [not layer.visible and not image.is_rgb]

        def seen():
            if waiting[0] and layer.visible:
                waiting[0] = False
                self._run(lambda: drawn.limits(image, channel), done)

        def done(limits):
            if layer in self.viewer.layers:
                layer.contrast_limits_range, layer.contrast_limits = limits, limits

        layer.events.visible.connect(seen)

    def draw_fit(self):
        """Everything that a fit changes, in place: what is shown and hidden stays so."""
        self.drawn, self.before = PointLayers(self.review.study, self.review.source), False
        layer = self.layer("points")
        if layer is not None and len(layer.data) != len(self.drawn.places):  # embedded again
            return self.draw()
        self._tell()
        self.colour_by(self.by)
        self._draw_regions()
        self.mark_selected()

    def draw_edits(self):
        """What counts before a refit: names, colours, moved tokens and marked regions."""
        self._tell()
        if self.by == "concepts":
            self.colour_by("concepts")
        self._draw_regions()

    def _tell(self):
        layer = self.layer("points")
        if layer is not None:
            layer.features = self.drawn.features()
            self.show_concepts(self.hidden)
        labels = self.layer("labels")
        if labels is not None:
            labels.data = self.drawn.labels()

    def draw_change(self):
        """The difference that the review compares, or none."""
        if self.by == "change":
            self.colour_by("change" if self.review.change is not None else "map")
        elif self.before:
            self.show_before(True)

    def colour_by(self, kind):
        """Colour the points by "map", "concepts", "uncertainty" or "change".

        What takes long is worked out on a thread.
        """
        drawn, change, before = self.drawn, self.review.change, self.by
        self._asked = asked = object()

        def work():
            try:
                return drawn.colours(kind, self._map_fit(), change)
            except ProspectorError as error:
                return str(error)

        def done(colours):
            if self._asked is not asked or self.layer("points") is None:
                return  # something newer was asked for meanwhile
            if isinstance(colours, str):
                self.review.said.emit(colours, "warning")
                kept = before if before in ("map", "concepts") and before != kind else "map"
                self.by = kept
                self._paint(drawn.colours(kept, self._map_fit()))
            else:
                self.by = kind
                self._paint(colours)
            self.coloured.emit(self.by)

        if kind == "uncertainty":
            self._run(work, done)
        else:
            done(work())

    def _paint(self, colours):
        layer = self.layer("points")
        if not np.array_equal(layer.face_color, colours):
            layer.face_color = colours

    def _map_fit(self):
        change, tried = self.review.change, self.review.tried
        if self.before and change is not None:
            return change.before
        return tried.after if tried is not None else None

    @property
    def change_shown(self):
        return self.by == "change"

    def show_change(self, on):
        if on or self.by == "change":
            self.colour_by("change" if on else "map")

    def show_before(self, before):
        self.before = before and self.review.change is not None
        self.colour_by("map")

    def show_concepts(self, hidden):
        self.hidden, layer = set(hidden), self.layer("points")
        if layer is not None:
            shown = self.drawn.shown(self.hidden)
            if not np.array_equal(layer.shown, shown):
                layer.shown = shown
        if self.layer("labels") is not None:
            self.layer("labels").colormap = self.drawn.palette(self.hidden)

    def show_graph(self, on):
        """Edges that are drawn: "" none, "near" some, "all" up to a bound.

        "near" are those around the selected token (else around the middle of what is seen).
        """
        self._edges = on or ""
        self._remove("edges")
        if not on:
            return
        near = None
        if on == "near":
            token = self.review.token
            near = (
                self.drawn.places[token]
                if token is not None
                else self.drawn.frame.pixel(self.viewer.scene.camera.center)
            )
        lines, whole = self.drawn.edges(near)
        if not whole:
            self.review.said.emit(
                f"There are more than {MOST_EDGES:,} edges: those around the middle are drawn.", "info"
            )
        self._put("edges", lines)

    @property
    def graph_shown(self):
        return self.layer("edges") is not None

    def mark_selected(self):
        """Rings around the selected token and those that its score comes from."""
        token, layer = self.review.token, self.layer("selected")
        if token is None:
            self._remove("selected")
        else:
            data, options, _ = self.drawn.rings(token)
            if layer is None:
                self._put("selected", (data, options, "points"))
            else:  # in place: another layer takes longer
                layer.selected_data = set()
                layer.data = data
                layer.size, layer.face_color, layer.border_color = (
                    options["size"],
                    options["face_color"],
                    options["border_color"],
                )
                layer.border_width = options["border_width"]
        if self._edges == "near" and token is not None:
            self.show_graph("near")

    def go_to(self, rect, around=0.5):
        if self.drawn.ndim == 2:
            return super().go_to(rect, around)
        x, y, width, height = rect
        places = self.drawn.places
        inside = (
            np.abs(places[:, :2] - (x + width / 2, y + height / 2)) <= (width / 2 + 1e-9, height / 2 + 1e-9)
        ).all(axis=1)
        middle = places[self.review.token] if self.review.token is not None else places[inside].mean(axis=0)
        self.viewer.scene.camera.center = tuple(middle[::-1] * self.drawn.frame.scale)

    def go_to_selected(self):
        self.go_to(self.review.rect(), _AROUND if self.review.token is not None else 0.05)

    # ---- edits

    def take_paint(self):
        """Points are not painted: they are drawn around."""

    def pick(self, concept):
        """No brush."""

    def paint_with(self, concept):
        """Move the points that are selected (by napari's own tool) into a concept.

        Where none are selected, a tool is taken up to draw around those that are to go there.
        """
        layer = self.layer("points")
        if layer is not None and layer.selected_data:
            tokens = np.array(sorted(layer.selected_data), np.int64)
            layer.selected_data = set()
            self._move(tokens, concept)
        else:
            self.draw_with(f"{_MOVE}{concept}", "add_polygon_lasso")

    def _move(self, tokens, concept):
        own = self.drawn.concepts(self.review.study.datum(self.source))
        tokens = tokens[own[tokens] != concept]
        if not tokens.size:
            self.review.said.emit(
                f"No {self.review.words.token} of another concept is there: nothing was moved.", "warning"
            )
        return tokens.size and self.review.move({self.source: tokens}, concept)

    def mark_as(self, evidence):
        if not evidence.startswith(_MOVE):
            return super().mark_as(evidence)
        layer, colour = self.layer("regions"), self.review.study.colours()[int(evidence.removeprefix(_MOVE))]
        layer.selected_data = set()
        layer.current_edge_color, layer.current_face_color = colour, colour + "40"
        layer.current_edge_width = self.drawn.line(3)
        layer.feature_defaults = {"evidence": [evidence], "entry": [0]}

    def draw_with(self, evidence, mode="add_polygon"):
        if self.layer("regions") is None:
            self.review.said.emit(
                f"In space nothing is drawn around: select {self.review.words.tokens} with napari's select"
                " tool, in two dimensions",
                "warning",
            )
        else:
            super().draw_with(evidence, mode)

    def _marked(self, mark, vertices, kind, evidence):
        if not str(evidence).startswith(_MOVE):
            return super()._marked(mark, vertices, kind, evidence)
        try:
            polygon = polygon_of(vertices, kind)[:, ::-1]
        except ValueError as error:
            return self.review.said.emit(str(error), "warning")
        study = self.review.study
        self._move(
            study.tokens_inside(study.datum(self.source), polygon), int(str(evidence).removeprefix(_MOVE))
        )

    # ---- clicks

    def _select_at(self, event):
        layer, review = self.layer("points"), self.review
        token = None
        if layer is not None and self.drawn.ndim == 3:
            token = layer.get_value(
                event.position,
                view_direction=event.view_direction,
                dims_displayed=list(event.dims_displayed),
                world=True,
            )
        elif layer is not None:
            token = self.nearest(np.array(self.drawn.frame.pixel(event.position)), layer.shown)
        if token is not None:
            return review.select_token(self.source, int(token))
        review.token = None
        review.selected.emit()

    def nearest(self, place: np.ndarray, shown: np.ndarray) -> int | None:
        """The shown token that is drawn nearest to a place (2,); None where none is near."""
        far = np.where(shown, ((self.drawn.places - place) ** 2).sum(axis=1), np.inf)
        token = int(np.argmin(far))
        reach = max(
            0.75 * self.drawn.spacing,
            _REACH / max(self.viewer.scene.camera.zoom * self.drawn.frame.scale, 1e-9),
        )
        return token if far[token] <= reach**2 else None
