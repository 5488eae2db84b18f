"""The interface of what draws a kind of data: the page of a datum, pictures of tokens, figures, napari.

Every hook has a plain default: tokens are points in their order, in the colours of the map or of their
concepts. A kind that lies in space, or is read, answers with more. Methods load what they draw with when they
are called, so that the command line and napari need not load what only the app draws with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, Literal

import numpy as np

from prospector_core.errors import EmbeddingError
from prospector_core.study import Study
from viewers.kinds.parts import Chooser, Goal, MarkForm, NewStudy, Pane, Rectangle, SaveForm

__all__ = ["KindView", "plain_figure", "require_embedded"]


class KindView:
    """What draws a kind of data. Stateless: one object serves every study of its kind.

    Attributes
    ----------
    show, unwanted, caption, nothing_there : str
        Words: of the button that goes to a token; in brackets, what an expert may want to exclude; below the
        picture of a token; after a click beside all tokens.
    strip_label, strip_help : str
        Of the switch of the strip of all data.
    main_key, beside_width, pair_above : str, int, int
        Key of the viewer; CSS px of the list of what is shown beside it, and what two viewers lose in height.
    wide_pair : bool
        Two viewers take the width of the page, each with a selection of its own.
    draws_regions : bool
        Regions are marked by drawing; else tokens are marked in a form (:meth:`mark_form`).
    buttons_in_row : bool
        Whether the buttons below the list of hot spots stand beside each other.
    pictures_follow_fit : bool
        Whether the picture of a datum shows its map.
    in_napari : {"", "slide", "points"}
        What napari shows it as; "": it does not.
    in_report : bool
        Whether the curation report has pictures of it.
    making : str
        What the form that makes a study of it is called.
    """

    show = "Show where it is"
    unwanted = ""
    caption = "It is ringed, with its neighbours and their edges, in the colours of their concepts."
    nothing_there = "There is nothing there. Click on a point."
    strip_label = "Filmstrip"
    strip_help: str | None = None
    main_key = "graph"
    beside_width = 230
    beside_help: str | None = None
    pair_above = 24
    wide_pair = False
    draws_regions = True
    buttons_in_row = True
    pictures_follow_fit = True
    in_napari: Literal["", "slide", "points"] = ""
    in_report = False
    making = ""

    # ---- the page of a datum

    def heading(self, study: Study, name: str) -> str:
        """The question that stands above the picture; ``name``: of the class, as Markdown."""
        return f"Where is {name}?"

    def choosers(self, study: Study, datum, on_show: Sequence) -> list[Chooser]:
        """The lists from which another datum is chosen; one of less than two options is not drawn."""
        from viewers.words import class_of

        names = {each.uid: f"{each.name} · {class_of(study, each)}" for each in on_show}
        return [
            Chooser(study.kind.words.datum.capitalize(), "shown_datum", names, datum.uid, lambda uid: uid)
        ]

    def picture_of(self, datum) -> str:
        """What data of one picture have in common: the key that they are shown under."""
        return datum.uid

    def layers_beside(self, study: Study, datum) -> dict[str, str]:
        """What of the same picture may stand beside it: choice -> its name."""
        return {"@concepts": f"this {study.kind.words.datum}, its concepts"}

    def companions(self, study: Study, datum, on_show: Sequence) -> dict[str, str]:
        """Other pictures that may stand beside it: :meth:`picture_of` -> its name."""
        return {each.uid: each.name for each in on_show if each.uid != datum.uid}

    def unfinished(self, study: Study) -> list:
        """Data that are being embedded and of which a provisional map can be shown: list of Datum."""
        return []

    def note_unfinished(self, study: Study, data: Sequence) -> None:
        """Say how far data are that are being embedded."""

    def view_of_datum(self, study: Study, datum, token: int | None) -> Rectangle | None:
        """The rectangle to move to for a datum or a token of it; None: the viewer finds the token itself."""
        return None

    def goal_of_spot(self, study: Study, datum, spot) -> Goal:
        """Where a HotSpot of the list leads."""
        return Goal(int(spot.peak_token))

    def goal_of_region(self, study: Study, datum, parts: Sequence) -> Goal:
        """Where a marked region leads; ``parts``: its parts, one a datum."""
        x, y, width, height = self.region_box(study, parts)
        away = np.square(self.places(study, datum)[:, :2] - (x + width / 2, y + height / 2)).sum(axis=1)
        return Goal(int(np.argmin(away)))

    def draw(self, study: Study, pane: Pane) -> bool:
        """Draw the viewer of a datum; False where it cannot be shown, and why was said."""
        from viewers.kinds import points

        return points.draw(self, study, pane)

    def about_datum(
        self, study: Study, datum, token: int | None, frame: int, go_to: Callable[[int], None]
    ) -> None:
        """More about a datum, below its hot spots; ``go_to(token)`` selects a token of it."""

    def about_concept(self, study: Study, concept) -> None:
        """More about a concept, on its card, below its weight."""

    def about_concepts(self, study: Study, concepts: Sequence) -> None:
        """More about all concepts, below their cards."""

    def about_token(self, study: Study, datum, token: int, go_to: Callable[[str, int], None]) -> None:
        """More about the selected token, below its score; ``go_to(uid, token)`` goes to another."""

    # ---- marks

    def rings(self, study: Study, region) -> list[list[list[float]]]:
        """The outlines of a marked region for the viewer: lists of [x, y]; [] if it was named by token."""
        return [[list(point) for point in region.polygon]] if region.polygon else []

    def outline(self, study: Study, datum, tokens: Sequence[int]) -> list[list[tuple[float, float]]]:
        """Outlines around tokens: list of rings of (x, y), not closed."""
        import shapely

        from viewers.point_pictures import spacing_of

        places = self.places(study, datum)[:, :2]
        whole = shapely.MultiPoint(places[list(tokens)]).buffer(0.7 * spacing_of(places), quad_segs=3)
        return [list(part.exterior.coords)[:-1] for part in getattr(whole, "geoms", [whole])]

    def region_box(self, study: Study, parts: Sequence) -> Rectangle:
        """The box around the parts of a marked region."""
        points = [point for part in parts for ring in self.rings(study, part) for point in ring]
        if not points:
            points = [self.places(study, part.datum)[token][:2] for part in parts for token in part.tokens]
        (x, y), (right, bottom) = np.min(points, axis=0).tolist(), np.max(points, axis=0).tolist()
        return x, y, right - x, bottom - y

    def mark_form(self, study: Study, datum, tokens: Sequence[int]) -> MarkForm | None:
        """The form that marks tokens, where regions are not drawn; None where nothing can be marked now."""
        return None

    def tokens_meant(self, study: Study, datum, tokens: Sequence[int], text: str) -> list[int]:
        """The tokens that the form marks: those selected, or those named. Raises BadInputError."""
        return list(tokens)

    def mark_line(self, study: Study, datum, region) -> str:
        """A marked region of the list, in a few words."""
        return study.kind.words.count(len(region.tokens))

    def goal_of_mark(self, region) -> Goal:
        """Where a mark of the list leads."""
        return Goal(int(region.tokens[0]))

    # ---- tokens on the pages that all kinds share

    def places(self, study: Study, datum) -> np.ndarray:
        """Where tokens are drawn as points, (n, 2) or (n, 3) float64; by default in rows, in their order."""
        n = study.n_tokens(datum)
        columns = max(12, int(np.ceil(2 * np.sqrt(n))))
        return np.stack([np.arange(n) % columns, np.arange(n) // columns], axis=1).astype(float)

    def picture(self, study: Study, datum, side: int) -> np.ndarray:
        """A datum at a glance: (h, w, 3) uint8, the longer side ``side`` pixels. Raises ProspectorError."""
        from viewers.kinds import points

        require_embedded(study, datum)
        return points.picture_of_datum(self, study, datum, side)

    def token_picture(self, study: Study, datum, token: int, side: int, context: float = 3.0) -> np.ndarray:
        """A token in its surroundings, ``context`` tokens wide: (side, side, 3) uint8."""
        from viewers.kinds import points

        return points.picture_of_token(self, study, datum, token, side, context)

    def token(
        self,
        study: Study,
        datum,
        token: int,
        width: int | Literal["stretch"],
        context: float = 3.0,
        alt: str = "",
    ) -> None:
        """Draw one token on a page; ``width``: CSS px."""
        import streamlit as st

        picture = self.token_picture(study, datum, token, 240, context)
        st.image(picture, width=width if width != "stretch" else 180, alt=alt)

    def typical_tokens(self, study: Study, concept: int) -> list[tuple[str, int]]:
        """Tokens that show what a concept is: list of (uid of the datum, token)."""
        return [(datum.uid, int(token)) for datum, token in study.typical_tokens(concept)]

    def typical(self, study: Study, concept, on_pick: Callable[[str, int], None]) -> bool:
        """Draw tokens that show what a concept is; a click calls ``on_pick(uid of the datum, token)``.

        False where it has none.
        """
        from viewers.kinds import token_pictures as tokens

        return tokens.draw_typical(self, study, concept, on_pick)

    def pictures_version(self, study: Study) -> tuple:
        """Another one once pictures of tokens look otherwise, though fit and embeddings stay."""
        return tuple(study.colours())

    def typical_label(self, study: Study, concept) -> str:
        """What the pictures of :meth:`typical` are, for a screen reader."""
        return f"The most typical {study.kind.words.tokens} of {concept.name}"

    def typical_name(self, study: Study, datum, token: int) -> str:
        """What one of these pictures is, and what a click on it does."""
        return f"{datum.name}: show this {study.kind.words.token} where it is"

    def typical_sheet(self, study: Study, places: Sequence[tuple[str, int]]) -> np.ndarray:
        """Pictures of these tokens in rows of four: (h, w, 4) uint8."""
        from viewers.pictures import mosaic

        return mosaic(
            [self.token_picture(study, study.datum(uid), at, 112, 2.4) for uid, at in places], gap=0
        )

    def hover(self, study: Study, atlas) -> dict[str, Any]:
        """What the atlas shows beside a point: {"pictures": their address} or {"texts": a text a point}."""
        from viewers.kinds import token_pictures as tokens

        return tokens.hover_pictures(self, study, atlas)

    # ---- files

    def figure(self) -> Callable[..., bytes]:
        """The function (study, datum, **options) that draws a figure for print as PNG bytes."""
        return plain_figure

    def figure_options(self) -> set[str]:
        """Names of the options that a figure has."""
        return set(signature(self.figure()).parameters) - {"study", "datum"}

    def save_form(self, study: Study, datum) -> SaveForm:
        """What the button that saves files of a datum offers."""
        from viewers.graph_figure import LAYERS

        words, known = (
            study.kind.words,
            {"png": "Figure (PNG)", "csv": "Table (CSV)", "parquet": "Table (Parquet)"},
        )
        return SaveForm(
            {"png": known["png"], **{each: known.get(each, each) for each in study.kind.exports}},
            {layer: layer.capitalize() for layer in LAYERS},
            lambda layer, whole: f"{words.datum}-{layer}",
            f"All {words.data} at once: prospector export STUDY --format …",
            f"The map of this {words.datum} for other programs, or as a figure",
        )

    def save_trouble(self, study: Study, datum, format: str) -> str:
        """Why a file cannot be made now, else ""."""
        return ""

    # ---- new studies

    def new_study(self) -> NewStudy | None:
        """Draw the form that makes a study; what it says once it was sent, else None."""
        return None


def require_embedded(study: Study, datum) -> None:
    """Raise EmbeddingError for a datum that has no tokens yet."""
    if not study.is_embedded(datum):
        raise EmbeddingError(f"{datum.name} is not embedded yet")


def plain_figure(
    study: Study, datum, *, layer="map", width=2000, threshold=None, title=None, names=False, limit=None
) -> bytes:
    """Draw tokens as points where ``KindView.places`` has them, as ``graph_figure`` does."""
    from viewers.graph_figure import graph_figure
    from viewers.kinds import view_of

    options = {"threshold": threshold, "title": title, "names": names, "limit": limit}
    places = view_of(study).places(study, study.datum(datum))
    return graph_figure(study, datum, layer=layer, width=width, places=places, **options)
