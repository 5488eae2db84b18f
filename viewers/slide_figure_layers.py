"""The layers of a slide's figure: what each paints over the tissue, and the legend that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from prospector_core.palette import class_palette, rgb_of

from .colour_limits import error_limit, resamples_of, score_limit
from .figure_paper import Legend, Page, over_white, percentage, signed
from .slide_extent import Extent, Size, Tokens, painted
from .token_pixels import class_pixels, map_pixels, sequential_colours, sprite_pixels

if TYPE_CHECKING:
    from prospector_core.study import Study

__all__ = ["Layer", "PAINTERS"]


@dataclass(frozen=True)
class Layer:
    """What a layer is painted of.

    Attributes
    ----------
    study : Study
    extent : Extent
    tokens : list of Tokens
        Of each datum in the extent.
    size : (int, int)
        Of the picture, px.
    page : Page
    legend_width : int
        Room for the legend, px.
    threshold : float or None
        Of the map: scores of either sign smaller than this are not drawn.
    opacity : float
        0 to 1.
    limit : float or None
        Value of the strongest colour; None: as in the app.
    """

    study: Study
    extent: Extent
    tokens: Sequence[Tokens]
    size: Size
    page: Page
    legend_width: int
    threshold: float | None
    opacity: float
    limit: float | None

    def legend(self, heading: str, note: str) -> Legend:
        """A legend with its first lines."""
        legend = Legend(self.page, self.legend_width)
        legend.heading(heading)
        legend.note(note)
        return legend

    def overlay(self, pixels: Sequence[np.ndarray], hatched: Sequence[np.ndarray]) -> Image.Image:
        """Tokens over nothing, RGBA; of each datum (n, 4) uint8 colours and (n,) bool, which are striped."""
        whole = Image.new("RGBA", self.size, (0, 0, 0, 0))
        for (_, grid, _), colours, striped in zip(self.tokens, pixels, hatched):
            part = painted(self.extent, self.size, grid, colours, striped, self.opacity, self.page.stripe)
            whole.alpha_composite(part)
        return whole

    def seen(self, values: Sequence[np.ndarray], dtype: type = float) -> np.ndarray:
        """Values of the tokens in the extent, of those (n,) of each datum."""
        parts = [of_datum[ids] for of_datum, (_, _, ids) in zip(values, self.tokens)]
        return np.concatenate(parts or [np.empty(0, dtype)])


Painting = tuple[Image.Image, Legend]
"""An overlay, RGBA, and its legend."""


def _map(layer: Layer) -> Painting:
    study, threshold = layer.study, layer.threshold
    limit = score_limit(study) if layer.limit is None else layer.limit
    strong = lambda scores: np.where(np.abs(scores) >= (threshold or 0), scores, 0.0)  # NaN: no score
    scores = [study.prospect(datum) for datum, _, _ in layer.tokens]
    overlay = layer.overlay([map_pixels(strong(s), limit) for s in scores], [np.isnan(s) for s in scores])
    seen = layer.seen(scores)
    known = seen[np.isfinite(seen)]
    legend = layer.legend("Prospect score", f"{study.view.unit}, summed over neighbours")
    colours = map_pixels(strong(np.linspace(-limit, limit, 400)), limit)
    low, high = known.min(initial=0) < -limit, known.max(initial=0) > limit
    ticks = [(("≤ " if low else "") + signed(-limit)), "0", (("≥ " if high else "") + signed(limit))]
    legend.bar(over_white(colours), ticks, *(f"speaks {side}" for side in study.sides))
    if threshold:
        left = (np.abs(known) >= threshold).mean() if known.size else 0
        legend.note(
            f"Scores between {signed(-threshold)} and {signed(threshold)} are not drawn: {percentage(left)}"
            " of the tiles are left."
        )
    if np.isnan(seen).any():
        legend.swatch(None, "excluded or ignored: no score")
    return overlay, legend


def _uncertainty(layer: Layer) -> Painting:
    study, fit = layer.study, layer.study.view
    resamples = resamples_of(fit)
    errors = [study.uncertainty(datum, resamples).error for datum, _, _ in layer.tokens]
    limit = error_limit(study, fit) if layer.limit is None else layer.limit
    opaque = lambda values: np.column_stack(
        [sequential_colours(values, limit), np.full(len(values), 255, np.uint8)]
    )
    overlay = layer.overlay([opaque(e) for e in errors], [np.isnan(e) for e in errors])
    seen = layer.seen(errors)
    legend = layer.legend(
        "Standard error of the score",
        f"{fit.unit}, summed over neighbours; from {resamples} resamples of the data",
    )
    beyond = np.nanmax(seen, initial=0) > limit
    ticks = ["0", f"{limit / 2:.3g}", ("≥ " if beyond else "") + f"{limit:.3g}"]
    legend.bar(over_white(opaque(np.linspace(0, limit, 400))), ticks, "sure", "unsure")
    if np.isnan(seen).any():
        legend.swatch(None, "excluded or ignored: no score")
    return overlay, legend


def _concepts(layer: Layer) -> Painting:
    study, fit = layer.study, layer.study.view
    colours, gone = study.colours(), fit.state.excluded
    concepts = [study.concepts_of(datum) for datum, _, _ in layer.tokens]
    missing = [study.sprite(datum) < 0 for datum, _, _ in layer.tokens]
    overlay = layer.overlay([sprite_pixels(ids, colours) for ids in concepts], missing)
    seen = layer.seen(concepts, int)
    counts = np.bincount(seen, minlength=len(colours))
    rows = sorted((c for c in study.concepts() if counts[c.id]), key=lambda c: (c.id in gone, -c.weight))
    legend = layer.legend(
        "Concepts",
        f"Weight of the concept by itself ({fit.unit}): positive speaks {study.sides[1]},"
        f" negative {study.sides[0]}. Share of the {len(seen):,} tiles shown.",
    )
    cells = [
        (
            None if c.id in gone else rgb_of(c.colour),
            c.name,
            "excluded" if c.id in gone else f"{c.weight:+.2f}".replace("-", "\N{MINUS SIGN}"),
            percentage(counts[c.id] / len(seen)),
        )
        for c in rows
    ]
    legend.table(("concept", "weight", "share"), cells)
    if any(fit.state.ignored(datum.uid).size for datum, _, ids in layer.tokens if ids.size):
        legend.swatch(None, "in a region marked to be ignored")
    return overlay, legend


def _classes(layer: Layer) -> Painting:
    study = layer.study
    strongest = [study.strongest_class(datum) for datum, _, _ in layer.tokens]
    colours = class_palette(len(study.classes))
    pixels = [class_pixels(each.classes, each.margin, colours) for each in strongest]
    overlay = layer.overlay(pixels, [each.classes < 0 for each in strongest])
    seen = layer.seen([each.classes for each in strongest], int)
    legend = layer.legend(
        "Strongest class",
        "The class that a tile speaks for most; the paler, the less it is ahead of the next. Scores of a"
        f" class are divided by that of its strongest colour. Share of the {len(seen):,} tiles shown.",
    )
    cells = [
        (rgb_of(colours[label]), name, "", percentage(float((seen == label).mean()) if len(seen) else 0.0))
        for label, name in enumerate(study.classes)
    ]
    legend.table(("class", "", "share"), cells)
    if (seen < 0).any():
        legend.swatch(None, "excluded or ignored: no score")
    return overlay, legend


PAINTERS = {"map": _map, "concepts": _concepts, "uncertainty": _uncertainty, "classes": _classes}
"""Layer -> function(Layer) -> (overlay, legend)."""
