"""Cells and the tokens of graphs as napari layers.

Points in the colours of what they are asked for, edges, rings. No viewer, no Qt.
"""

import logging
from functools import cached_property

import numpy as np

from prospector_core.errors import BadInputError, ProspectorError
from prospector_core.modalities.token_file import Under
from prospector_core.palette import EXCLUDED_COLOUR, rgb_of
from prospector_core.study.change import last_change
from prospector_core.study.explanations import neighbours
from viewers.colour_limits import error_limit, resamples_of, score_limit
from viewers.point_pictures import spacing_of
from viewers.token_pixels import diverging_colours, map_pixels, sequential_colours

from .colours import label_colormap
from .frame import Frame
from .pyramid import channel_levels, label_levels
from .study_layers import StudyLayers, change_limit

__all__ = ["MOST_EDGES", "MOST_NEAR", "PointLayers"]

MOST_NEAR = 3000  # tokens whose edges are drawn around the selected one
MOST_EDGES = 250_000  # that are drawn at once
_MANY = 50_000  # points above which their edges are not smoothed, and uncertainty is not a layer
_MOST_RINGS = 400
_MICRONS = {
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "nm": 1e-3,
    "mm": 1e3,
}
_SHADES = (
    "#5b7bff",
    "#26d07c",
    "#ff5a4d",
    "#ffd23d",
    "#ff6bdc",
    "#37d8ff",
    "#ffffff",
)  # of channels, as in the browser
_SEEN, _MOST_CHANNELS = 3, 100
_GROUND = 105  # grey that scores of nothing have on napari's dark canvas


log = logging.getLogger(__name__)


class PointLayers(StudyLayers):
    """The layers of one sample of cells, or of one graph.

    Parameters: study, fitted (seen from the class in question); uid of the datum.
    """

    def __init__(self, study, uid):
        datum, attrs = study.datum(uid), study.attrs(uid)
        unit = attrs.get("unit") or study.embedding.get("unit") or ""
        super().__init__(study, uid, [datum], Frame(_MICRONS.get(unit.strip().lower())))
        self.datum, self.places = datum, np.asarray(study.positions(datum), float)
        self.spacing = spacing_of(self.places)

    @property
    def ndim(self):
        """2, or 3 for tokens in space."""
        return self.places.shape[1]

    @property
    def many(self):
        """Whether there are so many that what is drawn is kept simple."""
        return len(self.places) > _MANY

    def line(self, weight):
        return weight * self.spacing / 16

    def all(self):
        """What is seen when a study is opened: list of (data, options, type), the lowest first."""
        return [*self.images().values(), self.points(), *([] if self.ndim == 3 else [self.regions()])]

    # ---- what is under the points

    @cached_property
    def under(self):
        """`readers.under.Under`, empty where the file has no more than tokens, or cannot be read."""
        try:
            return self.study.under(self.datum) if self.ndim == 2 else Under()
        except ProspectorError as error:
            log.warning("%s", error)
            return Under()

    def images(self):
        """Channels, the first few visible, and cells by concept: {kind: layer}, the lowest first.

        Read when looked at.
        """
        found = {}
        for number, image in enumerate(self.under.images):
            for channel, name in enumerate(image.channels[:_MOST_CHANNELS]):
                seen = channel < _SEEN
                colour = (
                    ("red", "green", "blue")[channel % 3] if image.is_rgb else _SHADES[channel % len(_SHADES)]
                )
                options = {
                    "name": f"{name} ({image.name})" if len(self.under.images) > 1 else name,
                    "multiscale": image.n_levels > 1,
                    "colormap": colour,
                    "blending": "additive",
                    "visible": seen,
                    "metadata": self.metadata("image"),
                    **self._affine(image),
                }
                if seen or image.is_rgb:
                    options["contrast_limits"] = self.limits(image, channel)
                else:
                    top = 1.0 if image.dtype.kind == "f" else float(np.iinfo(image.dtype).max)
                    options["contrast_limits"] = (0.0, top)  # until it is looked at
                levels = channel_levels(image, channel)
                found[f"image {number} {channel}"] = (
                    levels if image.n_levels > 1 else levels[0],
                    options,
                    "image",
                )
        if self.under.labels is not None:
            options = {
                "name": f"{self.study.kind.words.tokens} by concept",
                "colormap": self.palette(),
                "visible": False,
                "opacity": 0.7,
                "multiscale": self.under.labels.n_levels > 1,
                "metadata": self.metadata("labels"),
                **self._affine(self.under.labels),
            }
            found["labels"] = (self.labels(), options, "labels")
        return found

    def limits(self, image, channel):
        """Between which values a channel is shown."""
        try:
            return image.limits(channel)
        except ProspectorError as error:
            log.warning("%s", error)
            return 0.0, 1.0

    def labels(self):
        """The label image with concept + 1 in place of each cell, 0 beside cells: levels, or the only one."""
        levels = label_levels(self.under.labels, self.concepts(self.datum) + 1)
        return levels if len(levels) > 1 else levels[0]

    def palette(self, hidden=()):
        """Colours of those labels. ``hidden``: concepts that are not drawn."""
        return label_colormap(self.study.colours(), set(self.study.curation.state.excluded), hidden)

    def _affine(self, image):
        """Where an image is: napari counts from the middle of the first pixel, rows first."""
        (a, c, e), (b, d, f) = image.matrix * self.frame.scale
        matrix = [[d, b, f + (b + d) / 2], [c, a, e + (a + c) / 2], [0, 0, 1]]
        return {"affine": np.array(matrix), "units": self.frame.units}

    # ---- points

    def points(self, by="map", hidden=()):
        """All tokens."""
        options = {
            "name": self.study.kind.words.tokens,
            "size": (0.4 if self.under.images else 0.72) * self.spacing,
            "face_color": self.colours(by),
            "border_width": 0,
            "antialiasing": 0 if self.many else 1,
            "canvas_size_limits": (1 if self.many else 2, 60),
            "shown": self.shown(hidden),
            "features": self.features(),
            "blending": "translucent" if self.ndim == 3 else "translucent_no_depth",
            "metadata": self.metadata("points"),
            **self._place(),
        }
        return self.places[:, ::-1], options, "points"

    def _place(self):
        place = self.frame.vector()
        return {"scale": place["scale"][:1] * self.ndim, "units": place["units"][:1] * self.ndim}

    def features(self):
        """What napari says of a point under the pointer: table with one row per token."""
        import pandas as pd

        names = {c.id: c.name + (" (excluded)" if c.excluded else "") for c in self.study.concepts()}
        ids = self.concepts(self.datum)
        known = [names.get(k, self.study.concept_name(k)) for k in range(int(ids.max()) + 1)]
        concept = pd.Categorical.from_codes(
            ids, [f"{name}" if known.count(name) == 1 else f"{name} ({k})" for k, name in enumerate(known)]
        )
        return pd.DataFrame({"concept": concept, "score": self.study.prospect(self.datum).astype(np.float32)})

    def shown(self, hidden):
        """Whether each token is drawn, (n,) bool. ``hidden``: concepts that are not."""
        return ~np.isin(self.concepts(self.datum), list(hidden))

    def colours(self, by, fit=None, change=None):
        """Colour of every token, (n, 4) float32.

        Parameters: by, "map", "concepts", "uncertainty" or "change"; fit, of the map, default the current
        one; change, the Change to be shown, default the last refit. Raises BadInputError where there is no
        such thing.
        """
        study, datum = self.study, self.datum
        if by == "concepts":
            found = (
                np.array([rgb_of(colour) for colour in study.colours()], np.float32)[self.concepts(datum)]
                / 255
            )
            return self._with_excluded(
                found, np.isin(self.concepts(datum), sorted(study.curation.state.excluded))
            )
        if by == "uncertainty":
            if self.many:
                raise BadInputError(
                    f"above {_MANY:,} {study.kind.words.tokens} the uncertainty is given for the"
                    " clicked one only"
                )
            error = study.uncertainty(datum, resamples_of(study.view)).error
            return self._with_excluded(
                sequential_colours(error, error_limit(study, study.view)) / 255, np.isnan(error)
            )
        if by == "change":
            change = change or last_change(study)
            if change is None:
                raise BadInputError(
                    "there is nothing to compare yet: the difference is that of a refit, or of a preview"
                )
            values, limit = self._moved(change, datum), change_limit(study, change)
        else:
            values, limit = study.prospect(datum, fit), score_limit(study)
        pixels = map_pixels(values, limit).astype(np.float32)
        weight = pixels[:, 3:] / 255
        return self._with_excluded((pixels[:, :3] * weight + _GROUND * (1 - weight)) / 255, np.isnan(values))

    def _with_excluded(self, colours, out):
        full = np.ones((len(colours), 4), np.float32)
        full[:, :3] = colours
        full[out] = (*(np.array(rgb_of(EXCLUDED_COLOUR)) / 255), 0.35)
        return full

    # ---- what is around a token

    def rings(self, token):
        """The selected token ringed, and those that its score comes from in the colour of what they add.

        A layer.
        """
        near = neighbours(self.study, self.datum, token)
        added = near.contributions[1:]
        most = np.argsort(-np.abs(added), kind="stable")[:_MOST_RINGS]
        tokens = np.array([token, *near.tokens[1:][most]])
        colours = diverging_colours(added[most], float(np.abs(added).max(initial=0)) or 1.0) / 255
        border = np.ones((len(tokens), 4), np.float32)
        border[0, :3] = (1, 1, 0)
        border[1:, :3] = colours
        options = {
            "name": f"selected {self.study.kind.words.token}",
            "size": np.where(np.arange(len(tokens)) == 0, 1.6, 1.05) * self.spacing,
            "face_color": np.zeros((len(tokens), 4), np.float32),
            "border_color": border,
            "border_width": 0.14,
            "canvas_size_limits": (8, 80),
            "metadata": self.metadata("selected"),
            **self._place(),
        }
        return self.places[tokens][:, ::-1], options, "points"

    def edges(self, near=None):
        """Edges as vectors, and whether all that were asked for are drawn.

        ``near``: a place; only those around it.
        """
        pairs, whole = self.study.graph(self.datum).edges, True
        if near is not None or len(pairs) > MOST_EDGES:
            middle = self.places.mean(axis=0) if near is None else np.asarray(near, float)[: self.ndim]
            far = ((self.places[:, : len(middle)] - middle) ** 2).sum(axis=1)
            most = MOST_NEAR if near is not None else max(1, int(len(self.places) * MOST_EDGES / len(pairs)))
            inside = np.zeros(len(self.places), bool)
            inside[np.argpartition(far, min(most, len(far)) - 1)[:most]] = True
            pairs, whole = pairs[inside[pairs].all(axis=1)], near is not None
        start = self.places[pairs[:, 0]][:, ::-1]
        vectors = np.stack([start, self.places[pairs[:, 1]][:, ::-1] - start], axis=1)
        options = {
            "name": "edges",
            "vector_style": "line",
            "edge_width": 0.08 * self.spacing,
            "edge_color": "#8a8a8a",
            "metadata": self.metadata("edges"),
            **self._place(),
        }
        return (vectors, options, "vectors"), whole
