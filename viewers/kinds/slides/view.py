"""What draws slides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from prospector_core.errors import ProspectorError
from prospector_core.modalities.slides.tiling import Rect
from prospector_core.study import Study
from viewers.kinds.base import KindView
from viewers.kinds.parts import Chooser, Goal, NewStudy, Pane, Rectangle, SaveForm

__all__ = ["SlideView"]

_NO_SLIDE = ":material/hide_image: the slide is not available"
_AROUND = 5  # tiles that are seen on each side of one that the view moves to
_WIDTHS = {1000: "8.5 cm, one column", 2000: "17 cm, a page", 4000: "34 cm, a poster"}


class SlideView(KindView):
    """Tiles of slides, or of fields on them, on a picture that is zoomed into."""

    show = "Show on slide"
    unwanted = " (ink, folds, dust)"
    caption = "The tile is in the middle, with its surroundings."
    nothing_there = "There is no tile there: it is glass, or outside of the fields. Click on tissue."
    main_key = "viewer"
    beside_help = "A second view that moves with the first; the chain on it separates them"
    pair_above = 0
    wide_pair = True
    pictures_follow_fit = False
    in_napari = "slide"
    in_report = True
    making = "Slides"

    def choosers(self, study: Study, datum, on_show: Sequence) -> list[Chooser]:
        """Choose a slide, and a field of it."""
        from viewers.words import class_of

        predicted = study.view.summary["predictions"]

        def most_telling(source):
            there = [each for each in on_show if each.source == source]
            return max(there, key=lambda each: predicted.get(each.uid, 0)).uid

        used = {each.source for each in on_show}
        slides = {uid: source.name for uid, source in study.sources.items() if uid in used}
        fields = {
            each.uid: f"{each.name} · {class_of(study, each)}"
            for each in on_show
            if each.source == datum.source
        }
        return [
            Chooser("Slide", "shown_slide", slides, datum.source, most_telling),
            Chooser("Field", "shown_datum", fields, datum.uid, lambda uid: uid, flies=True),
        ]

    def picture_of(self, datum) -> str:
        """Fields of one slide are shown together."""
        return datum.source

    def layers_beside(self, study: Study, datum) -> dict[str, str]:
        """Show the same slide with its concepts."""
        return {datum.source: "this slide, another layer"}

    def companions(self, study: Study, datum, on_show: Sequence) -> dict[str, str]:
        """Show another slide."""
        used = {each.source for each in on_show} - {datum.source}
        return {uid: source.name for uid, source in study.sources.items() if uid in used}

    def unfinished(self, study: Study) -> list:
        """Slides of whose tiles enough are embedded."""
        from . import provisional

        return provisional.data(study)

    def note_unfinished(self, study: Study, data: Sequence) -> None:
        """Say how far they are, and that their maps are provisional."""
        from . import provisional

        provisional.note(study, data)

    def view_of_datum(self, study: Study, datum, token: int | None) -> Rectangle | None:
        """The tile with its surroundings, else the field or the whole slide."""
        if token is not None:
            x, y, width, height = study.token_rect(datum, token)
            across = 2 * _AROUND + 1
            return x - _AROUND * width, y - _AROUND * height, across * width, across * height
        info = study.sources[datum.source].info
        frame = datum.field or Rect(0, 0, info["width"], info["height"])
        return frame.x, frame.y, frame.width, frame.height

    def goal_of_spot(self, study: Study, datum, spot) -> Goal:
        """Show all of the hot spot."""
        return Goal(view=_with_margin(spot.rect))

    def goal_of_region(self, study: Study, datum, parts: Sequence) -> Goal:
        """Show all of the region."""
        return Goal(view=_with_margin(self.region_box(study, parts)))

    def draw(self, study: Study, pane: Pane) -> bool:
        """Draw the slide with its layers."""
        from .pane import draw

        return draw(study, pane)

    def rings(self, study: Study, region) -> list[list[list[float]]]:
        """The outline as it was drawn, inside its field, or that of its tiles."""
        import shapely

        field, whole = study.datum(region.datum).field, None
        if region.polygon and field is None:
            return [[list(point) for point in region.polygon]]
        if region.polygon:
            drawn = shapely.make_valid(shapely.Polygon(region.polygon))
            whole = drawn & shapely.box(field.x, field.y, field.x + field.width, field.y + field.height)
        if whole is None or whole.area == 0:
            whole = self._tiles(study, region.datum, region.tokens)
        return [
            [list(point) for point in ring.coords]
            for part in _polygons(whole)
            for ring in (part.exterior, *part.interiors)
        ]

    def outline(self, study: Study, datum, tokens: Sequence[int]) -> list[list[tuple[float, float]]]:
        """Outlines of tiles that touch, taken together."""
        return [list(part.exterior.coords)[:-1] for part in _polygons(self._tiles(study, datum, tokens))]

    def _tiles(self, study, datum, tokens):
        import shapely

        rects = [study.token_rect(datum, token) for token in tokens]
        return shapely.union_all([shapely.box(x, y, x + width, y + height) for x, y, width, height in rects])

    def places(self, study: Study, datum) -> np.ndarray:
        """Middles of tiles, in level-0 pixels: (n, 2) float64."""
        return np.asarray(study.kind.centres(study, study.datum(datum)), float)

    def picture(self, study: Study, datum, side: int) -> np.ndarray:
        """Read the slide or field at a low resolution."""
        from .pictures import slide_picture

        return slide_picture(study, datum, side)

    def token_picture(self, study: Study, datum, token: int, side: int, context: float = 3.0) -> np.ndarray:
        """Read the tile with its surroundings."""
        from .pictures import token_picture

        return token_picture(study, datum, token, side, context)

    def token(self, study: Study, datum, token: int, width, context: float = 3.0, alt: str = "") -> None:
        """Draw one tile in its surroundings; say so where the study has no slide."""
        import streamlit as st

        if not _has_slide(study, datum):
            st.caption(_NO_SLIDE)
            return
        st.image(self.token_picture(study, datum, token, 280, context), width=width, alt=alt)

    def typical(self, study: Study, concept, on_pick: Callable[[str, int], None]) -> bool:
        """Draw a concept's most typical tiles; say so where the study has no slide."""
        import streamlit as st

        if not any(_has_slide(study, datum) for datum in study.embedded()):
            st.caption(_NO_SLIDE)
            return True
        return super().typical(study, concept, on_pick)

    def typical_name(self, study: Study, datum, token: int) -> str:
        """Name the slide or field."""
        return f"{datum.name}: show this tile on its slide"

    def typical_sheet(self, study: Study, places: Sequence[tuple[str, int]]) -> np.ndarray:
        """Read tiles, each slide opened once."""
        from .pictures import typical_sheet

        return typical_sheet(study, places)

    def pictures_version(self, study: Study) -> tuple:
        """Which slides are not at hand."""
        return tuple(uid for uid in study.sources if study.files.state(uid) != "there")

    def hover(self, study: Study, atlas) -> dict[str, Any]:
        """Show the tile under the pointer; its slide's name where there is no slide."""
        if not any(_has_slide(study, datum) for datum in study.embedded()):
            return {"texts": [study.datum(atlas.uids[number]).name for number in atlas.datum]}
        return super().hover(study, atlas)

    def figure(self) -> Callable[..., bytes]:
        """Draw the slide or field with an overlay, a legend and a scale bar."""
        from viewers.slide_figure import slide_figure

        return slide_figure

    def figure_options(self) -> set[str]:
        """Names of the options that a figure of a slide has."""
        from dataclasses import fields

        from viewers.slide_figure import FigureOptions

        return {option.name for option in fields(FigureOptions)}

    def save_form(self, study: Study, datum) -> SaveForm:
        """Offer a figure."""
        from viewers.slide_figure import DPI, LAYERS

        return SaveForm(
            {"png": "Figure (PNG)"},
            {each: each.capitalize() for each in LAYERS if each != "classes" or study.several},
            lambda layer, whole: f"{'slide' if whole or not datum.field else 'field'}-{layer}",
            "Nothing in the figure names the slide, unless you write it into the title.",
            "The map with legend and scale bar, as PNG",
            label="Save figure",
            icon=":material/image:",
            key="figure",
            save_key="figure_save",
            extents={"field": "This field", "slide": "Whole slide"} if datum.field is not None else {},
            widths={px: f"{px:,} pixels ({words})" for px, words in _WIDTHS.items()},
            widths_help=f"At {DPI} dots an inch",
            titled=True,
        )

    def save_trouble(self, study: Study, datum, format: str) -> str:
        """Say why the slide cannot be read; without one the figure is drawn without tissue."""
        if study.at_hand(datum):
            try:
                study.source_path(datum)
            except ProspectorError as error:
                return str(error)
        return ""

    def new_study(self) -> NewStudy | None:
        """Ask for slides and labels."""
        from .form import slides_form

        return slides_form()


def _has_slide(study, datum):
    """Whether the study was made with the datum's slide, not from features alone.

    One that is gone is drawn grey.
    """
    return study.files.state(study.datum(datum).source) != "never"


def _with_margin(rect):
    """A rectangle with some of its surroundings."""
    x, y, width, height = rect
    margin = max(width, height) / 2
    return x - margin, y - margin, width + 2 * margin, height + 2 * margin


def _polygons(shape):
    return [part for part in getattr(shape, "geoms", [shape]) if part.geom_type == "Polygon"]
