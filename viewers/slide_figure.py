"""A figure for print: a slide, field or region with an overlay, a legend and a scale bar, as PNG.

White ground, the app's own colours, 300 dots an inch; nothing in it names the slide unless asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from prospector_core.errors import BadInputError

from .colour_limits import score_limit
from .figure_paper import DPI, Page
from .slide_extent import Extent, extent_of, frames, tissue, tokens_in
from .slide_figure_layers import PAINTERS, Layer

if TYPE_CHECKING:
    from prospector_core.study import Datum, Study

__all__ = ["DPI", "LAYERS", "FigureOptions", "score_limit", "slide_figure"]

LAYERS = ("map", "concepts", "uncertainty", "classes", "tissue")
_SMALLEST, _LARGEST = 600, 8000


@dataclass(frozen=True, kw_only=True)
class FigureOptions:
    """How a slide is drawn.

    Attributes
    ----------
    layer : {"map", "concepts", "uncertainty", "classes", "tissue"}
        "classes": the class that each tile speaks for most.
    region : (x, y, width, height), optional
        In level-0 pixels, with every datum of the slide in it; default: the datum's field, or all.
    whole_slide : bool
        The slide with all its data.
    width : int
        Pixels; a tall picture makes a narrower figure.
    threshold : float, optional
        Of the map: scores of either sign smaller than this are not drawn.
    opacity : float
        Of the overlay, 0 to 1.
    title : str, optional
        Text above the picture.
    names : bool
        Without a title, the name of the datum (of the slide, where all of it is shown) is the title.
    limit : float, optional
        Score (or standard error) of the strongest colour; default: as in the app.

    Raises
    ------
    BadInputError
        If such a figure cannot be drawn.
    """

    layer: str = "map"
    region: tuple[float, float, float, float] | None = None
    whole_slide: bool = False
    width: int = 2000
    threshold: float | None = None
    opacity: float = 0.65
    title: str | None = None
    names: bool = False
    limit: float | None = None

    def __post_init__(self) -> None:
        self._check_layer()
        region = self.region
        if region is not None and self.whole_slide:
            raise BadInputError("a figure shows a region or the whole slide: choose one")
        if region is not None and not (
            len(region) == 4 and all(map(math.isfinite, region)) and region[2] > 0 and region[3] > 0
        ):
            raise BadInputError("a region is X Y WIDTH HEIGHT in level-0 pixels, width and height above 0")

    def _check_layer(self) -> None:
        threshold, limit = self.threshold, self.limit
        if self.layer not in LAYERS:
            raise BadInputError(f"a figure has no layer {self.layer!r}: choose one of {', '.join(LAYERS)}")
        if not _SMALLEST <= self.width <= _LARGEST:
            raise BadInputError(f"a figure is {_SMALLEST} to {_LARGEST} pixels wide, not {self.width}")
        if not 0 <= self.opacity <= 1:
            raise BadInputError(f"opacity is from 0 (nothing) to 1 (covers the tissue), not {self.opacity}")
        if threshold is not None and self.layer != "map":
            raise BadInputError(f"a threshold is for the map, not for the layer {self.layer}")
        if threshold is not None and not 0 <= threshold < math.inf:
            raise BadInputError(
                f"a figure's threshold is of scores of either sign: give a number from 0 on, not {threshold}"
            )
        if limit is not None and not 0 < limit < math.inf:
            raise BadInputError(f"the score of the strongest colour must be a number above 0, not {limit}")


def slide_figure(study: Study, datum: Datum | str, **options: Any) -> bytes:
    """Draw a figure of a datum.

    Parameters
    ----------
    study : Study
        Fitted.
    datum : Datum, uid or name
        Embedded.
    **options
        See :class:`FigureOptions`.

    Returns
    -------
    bytes
        PNG.

    Raises
    ------
    BadInputError, SlideError, EmbeddingError, FitError
    """
    figure, datum = FigureOptions(**options), study.datum(datum)
    extent = extent_of(study, datum, figure.region, figure.whole_slide)
    slide_wide = figure.whole_slide or figure.region is not None
    title, source = figure.title, study.sources[datum.source]
    if title is None and figure.names:
        title = source.name if slide_wide else datum.name
    page = Page(int(figure.width))
    side = extent.width / extent.height <= 1.5  # else the legend goes below
    legend_width = page.inner
    if side and figure.layer != "tissue":
        legend_width = round(figure.width * (0.34 if figure.layer in ("concepts", "classes") else 0.29))
    across = page.inner - legend_width - page.gap if legend_width < page.inner else page.inner
    scale = min(across / extent.width, 1.3 * figure.width / extent.height)
    size = max(1, round(extent.width * scale)), max(1, round(extent.height * scale))
    picture = Image.fromarray(tissue(study, datum, extent, size))
    legend = None
    if figure.layer != "tissue":
        tokens = [tokens_in(study, other, extent) for other in extent.data]
        look = figure.threshold, figure.opacity, figure.limit
        overlay, legend = PAINTERS[figure.layer](
            Layer(study, extent, tokens, size, page, legend_width, *look)
        )
        picture.paste(overlay, mask=overlay)
        if any(True for _ in frames(extent)):
            legend.note("Frames: the fields of the study.")
    _draw_frames(picture, extent, page)
    bar = _scale_bar(extent.width / size[0], size[0], page, source.info["mpp"])
    return page.compose(picture, legend and legend.end(), title, bar, side)


# What an editor offers, and what the command line asks a figure's options by.
slide_figure.__signature__ = Signature(
    [
        *list(signature(slide_figure).parameters.values())[:2],
        *(
            Parameter(each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type)
            for each in fields(FigureOptions)
        ),
    ],
    return_annotation=bytes,
)


def _draw_frames(picture: Image.Image, extent: Extent, page: Page) -> None:
    draw, (across, down) = ImageDraw.Draw(picture), extent.spans(picture.size)
    for x, y, width, height in frames(extent):
        box = (x / across, y / down, (x + width) / across - 1, (y + height) / down - 1)
        draw.rectangle([round(edge) for edge in box], outline=(70, 70, 70), width=page.line)


def _scale_bar(span: float, width: int, page: Page, mpp: float | None) -> tuple[float, str]:
    """A bar of a round length, a quarter of the picture at most, more of a narrow one.

    Parameters
    ----------
    span : float
        Level-0 pixels a picture pixel.
    width : int
        Of the picture, px.
    page : Page
    mpp : float or None
        Micrometres a level-0 pixel.

    Returns
    -------
    (float, str)
        Length in picture pixels, and its words.
    """
    unit = span * (mpp or 1.0)
    most = unit * max(1.0, width / 4 if width >= page.width / 5 else width * 0.8)
    ten = 10.0 ** math.floor(math.log10(most))
    length = max(n * ten for n in (1, 2, 5) if n * ten <= most * 1.0000001)
    if mpp is None:
        return length / unit, f"{length:g} px (scale unknown)"
    return length / unit, f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
