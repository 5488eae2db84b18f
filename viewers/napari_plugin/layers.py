"""A study's slides as napari layers: tuples (data, options, type), from the study alone.

Knows no viewer and no Qt.
"""

import numpy as np

from prospector_core.palette import EXCLUDED_COLOUR
from prospector_core.study.change import last_change
from viewers.colour_limits import error_limit, resamples_of, score_limit
from viewers.token_pixels import hatch

from .colours import error_colormap, label_colormap, score_colormap
from .frame import Frame, Mosaic
from .study_layers import StudyLayers, change_limit

__all__ = ["SlideLayers", "slide_layer"]

_HATCHED = 4096  # pixels that the hatched image has at most, a side


def slide_layer(slide, name, mpp, about=None):
    """An open slide as a multiscale RGB layer in microns. ``about``: what the layer's metadata say."""
    from .pyramid import slide_levels

    levels = slide_levels(slide)
    options = {
        "name": name,
        "rgb": True,
        "multiscale": len(levels) > 1,
        "cache": False,
        **Frame(mpp).raster(0, 0, 1),
        "metadata": about or {},
    }
    return levels if len(levels) > 1 else levels[0], options, "image"


class SlideLayers(StudyLayers):
    """The layers of one slide of a study: all embedded data on it, side by side on one raster.

    Parameters: study, fitted (seen from the class in question); source, uid of the slide. What each method
    gives is made again from the study as it then is.
    """

    def __init__(self, study, source):
        info = study.sources[source]
        data = [datum for datum in study.embedded() if datum.source == source]
        super().__init__(study, source, data, Frame(info.info.get("mpp")))
        self.name = info.name
        self.mosaic = Mosaic({datum.uid: study.grid(datum) for datum in self.data})
        self._place = self.frame.raster(self.mosaic.x, self.mosaic.y, self.mosaic.cell)

    def all(self):
        """What is seen when a study is opened: list of (data, options, type), the lowest first."""
        found = [self.slide()] if self._at_hand() else []
        found += [
            self.map(),
            self.sprite(),
            self.uncertainty(),
            self.change(),
            self.excluded(),
            self.fields(),
            self.regions(),
        ]
        return [layer for layer in found if layer is not None]

    def _at_hand(self):
        return self.study.files.state(self.source) == "there"

    def slide(self):
        """The tissue. Raises SlideError."""
        slide = self.study.open_source(self.data[0])
        return slide_layer(slide, self.name, self.frame.mpp, self.metadata("slide"))

    # ---- images of the tokens

    def scores(self, fit=None):
        """The prospect map as an image, NaN where there is no score: (rows, columns) float32."""
        return self._raster([self.study.prospect(datum, fit) for datum in self.data])

    def map(self):
        """The prospect map."""
        limit = score_limit(self.study)
        return self.scores(), self.image("prospect map", "map", score_colormap(), (-limit, limit)), "image"

    def labels(self):
        """Concept + 1 of every token, as edited by now: (rows, columns) uint16; 0 where there is none."""
        return self.mosaic.fill([self.concepts(datum) + 1 for datum in self.data], 0, np.uint16)

    def palette(self, hidden=()):
        """Colours of the labels. ``hidden``: concepts that are not drawn."""
        excluded = set(self.study.curation.state.excluded)
        return label_colormap(self.study.colours(), excluded, hidden)

    def sprite(self):
        """The concepts, to be seen and painted."""
        options = {
            "name": "concepts",
            "colormap": self.palette(),
            "features": self.names(),
            "opacity": 0.6,
            "visible": False,
            "metadata": self.metadata("concepts"),
            **self._place,
        }
        return self.labels(), options, "labels"

    def uncertainty(self, now=False):
        """Standard errors of the scores; computed when looked at, unless ``now``."""
        study, fit = self.study, self.study.view

        def errors():
            return self._raster(
                [study.uncertainty(datum, resamples_of(fit), fit).error for datum in self.data]
            )

        limit = error_limit(study, fit) if now else score_limit(study)
        options = self.image("uncertainty", "uncertainty", error_colormap(), (0, limit), visible=now)
        return errors() if now else self._later(errors), options, "image"

    def change(self, change=None):
        """What a refit changed: ``change``, else the last one; None where there is nothing to compare."""
        if change is None:
            change = last_change(self.study)
        if change is None:
            return None

        def moved():
            return self._raster([self._moved(change, datum) for datum in self.data])

        limit = change_limit(self.study, change)
        options = self.image("difference", "change", score_colormap(), (-limit, limit), visible=False)
        return moved(), options, "image"

    def excluded(self):
        """Tokens without a score, hatched, or None if there are none."""
        out = [np.isnan(self.study.prospect(datum)) for datum in self.data]
        if not any(each.any() for each in out):
            return None
        marked = self.mosaic.fill(out, False, bool)
        rows, columns = (np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0))
        top, left = rows[0], columns[0]
        marked = marked[top : rows[-1] + 1, left : columns[-1] + 1]
        cell = int(np.clip(_HATCHED // max(marked.shape), 1, 8))
        image = hatch(np.zeros((*marked.shape, 4), np.uint8), marked, cell)
        place = self.frame.raster(
            self.mosaic.x + left * self.mosaic.cell,
            self.mosaic.y + top * self.mosaic.cell,
            self.mosaic.cell / cell,
        )
        options = {"name": "excluded", "rgb": True, "metadata": self.metadata("excluded"), **place}
        return image, options, "image"

    def _raster(self, values):
        return self.mosaic.fill(values, np.nan, np.float32)

    def image(self, name, kind, colormap, limits, visible=True):
        """Options of an image of the tokens."""
        return {
            "name": name,
            "colormap": colormap,
            "contrast_limits": limits,
            "blending": "translucent",
            "opacity": 0.7,
            "visible": visible,
            "metadata": self.metadata(kind),
            **self._place,
        }

    def _later(self, make):
        import dask
        import dask.array as da

        return da.from_delayed(dask.delayed(make, pure=False)(), self.mosaic.shape, np.float32)

    # ---- outlines

    def fields(self):
        """Outlines of the fields with their names, or None if the datum is the whole slide."""
        rects = [(datum, datum.field) for datum in self.data if datum.field is not None]
        if not rects:
            return None
        boxes = [np.array([[f.y, f.x], [f.y + f.height, f.x + f.width]], float) for _, f in rects]
        options = {
            "name": "fields",
            "shape_type": "rectangle",
            "face_color": "transparent",
            "edge_color": "#000000",
            "edge_width": self.line(1),
            "opacity": 0.5,
            "features": {"field": [datum.name for datum, _ in rects]},
            "metadata": self.metadata("fields"),
            **self.frame.vector(),
        }
        return boxes, options, "shapes"

    def line(self, weight):
        """Width of a line in level-0 pixels: in step with the tokens, so that it is seen on any slide."""
        return max(0.5, weight * self.mosaic.cell * self.mosaic.cells / 32)

    def token_graph(self, datum, tokens):
        """Tokens of a datum as points and their edges as vectors: two layers. ``tokens``: sorted ids."""
        study, graph, grid = self.study, self.study.graph(datum), self.study.grid(datum)
        centres = (grid["positions"] + 0.5) * grid["pitch"] + np.array(grid["origin"])[::-1]
        inside = np.zeros(graph.n, bool)
        inside[tokens] = True
        ends = [
            (int(a), int(b))
            for a in tokens
            for b in graph.indices[graph.indptr[a] : graph.indptr[a + 1]]
            if a < b and inside[b]
        ]
        concepts, colours = self.concepts(datum)[tokens], study.colours()
        names = [study.concept_name(int(k)) for k in concepts]
        out = set(study.curation.state.excluded)
        side, place = grid["pitch"], {"metadata": self.metadata("graph"), **self.frame.vector()}
        points = {
            "name": "tokens",
            "size": 0.35 * side,
            "face_color": [EXCLUDED_COLOUR if k in out else colours[k] for k in concepts.tolist()],
            "border_color": "black",
            "border_width": 0.06,
            "features": {"token": tokens, "concept": names},
            **place,
        }
        pairs = np.array(ends, np.int64).reshape(-1, 2)
        vectors = np.stack([centres[pairs[:, 0]], centres[pairs[:, 1]] - centres[pairs[:, 0]]], axis=1)
        lines = {
            "name": "edges",
            "vector_style": "line",
            "edge_width": 0.05 * side,
            "edge_color": "#303030",
            **place,
        }
        return [(vectors, lines, "vectors"), (centres[tokens], points, "points")]
