"""The layer of marked regions: what is drawn, moved and deleted there becomes edits of a review."""

import numpy as np

from .colours import EVIDENCE
from .layer_stack import LayerStack
from .outlines import polygon_of, same_outline

__all__ = ["RegionLayer"]


class RegionLayer(LayerStack):
    """Keeps the layer "regions" in step with a Review; ``drawn``, what makes its layers, is set by who draws.

    Parameters
    ----------
    viewer : ViewerModel
    review : Review
    later : function(function), calls it once the event at hand is over
    """

    def __init__(self, viewer, review, later):
        super().__init__(viewer)
        self.review, self._later = review, later
        self._held = False  # while a mouse button is down: strokes and moved shapes are not final
        self._drawing = False  # while a shape is being drawn, which may take many clicks
        self.evidence = "for"

    def _look_at_regions(self):
        self.layer("regions").events.data.connect(self._drawn)
        self.mark_as(self.evidence)

    def mark_as(self, evidence):
        """What regions that are drawn from now on speak for: "for", "against" or "ignore"."""
        self.evidence, layer = evidence, self.layer("regions")
        if layer is not None:
            chosen = set(layer.selected_data)
            layer.selected_data = set()  # else those selected would take the colour
            layer.current_edge_color, layer.current_face_color = EVIDENCE[evidence], EVIDENCE[evidence] + "40"
            layer.current_edge_width = self.drawn.line(3)
            layer.feature_defaults = {"evidence": [evidence], "entry": [0]}
            layer.selected_data = chosen

    def draw_with(self, evidence, mode="add_polygon"):
        """Ready one of napari's drawing tools for a region."""
        layer = self.layer("regions")
        if layer is not None:
            self.mark_as(evidence)
            layer.visible = True
            self.viewer.layers.selection.active = layer
            layer.mode = mode

    def _drawn(self, event):
        if not self._busy:
            self._drawing = str(event.action) in ("adding", "changing", "removing")
            if not self._drawing:
                self._later(self.take_regions)

    def take_regions(self):
        """Make edits of regions that were drawn, moved or deleted in napari."""
        layer = self.layer("regions")
        if layer is None or self._busy or self._held or self._drawing:
            return
        kept = {}
        for vertices, _, entry in self.drawn.marked():
            kept.setdefault(entry, []).append(vertices)
        there, new = {}, []
        for vertices, kind, entry, evidence in zip(
            layer.data,
            layer.shape_type,
            layer.features["entry"].fillna(0).astype(int),
            layer.features["evidence"],
        ):
            (there.setdefault(entry, []) if entry in kept else new).append(
                (np.asarray(vertices), kind, evidence)
            )
        self._busy = True  # drawn again once, at the end
        try:
            for entry, rings in kept.items():
                now = there.get(entry, [])
                if not now:
                    self.review.withdraw(entry)
                elif len(now) == len(rings) == 1 and not same_outline(now[0][0], rings[0]):
                    self._marked(
                        lambda polygon, evidence, e=entry: self.review.redraw(e, polygon, evidence), *now[0]
                    )
            for each in new:
                self._marked(self.review.mark, *each)
        finally:
            self._busy = False
        self._draw_regions()

    def _marked(self, mark, vertices, kind, evidence):
        try:
            mark(polygon_of(vertices, kind)[:, ::-1], evidence)
        except ValueError as error:
            self.review.said.emit(str(error), "warning")

    def _draw_regions(self):
        """Draw the marked regions that stand, unless they are what is drawn."""
        layer = self.layer("regions")
        if layer is None or self._busy or self._held or self._drawing:
            return
        vertices, options, _ = self.drawn.regions()
        drawn = layer.features["entry"].tolist() == options["features"]["entry"].tolist()
        if drawn and all(same_outline(a, b) for a, b in zip(layer.data, vertices)):
            return
        self._busy = True
        try:
            layer.selected_data = set()
            layer.data = []
            if vertices:
                layer.add(
                    vertices,
                    shape_type="polygon",
                    edge_width=options["edge_width"],
                    edge_color=options["edge_color"],
                    face_color=options["face_color"],
                )
                layer.features = options["features"]
            self.mark_as(self.evidence)
        finally:
            self._busy = False
