"""What draws documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from prospector_core.study import Study
from viewers.kinds.base import KindView, require_embedded
from viewers.kinds.parts import Goal, MarkForm, NewStudy, Pane, SaveForm, Selection

__all__ = ["DocumentView"]

MARKED = {"for": "for", "against": "against", "ignore": "ignored"}


class DocumentView(KindView):
    """Sentences or passages of a text to read, tinted by the map."""

    show = "Show in document"
    unwanted = " (headings, boilerplate, signatures)"
    caption = "The text before and after it is grey."
    nothing_there = "Nothing stands there."
    strip_help = "All documents of the study"
    main_key = "document"
    beside_width = 190
    pair_above = 90
    draws_regions = False
    making = "Documents"

    def heading(self, study: Study, name: str) -> str:
        """Name the class that sentences speak for."""
        return f"{study.kind.words.tokens.capitalize()} for *{name}*"

    def layers_beside(self, study: Study, datum) -> dict[str, str]:
        """Nothing: the text shows scores or concepts at the reader's choice."""
        return {}

    def draw(self, study: Study, pane: Pane) -> bool:
        """Draw the text with its tints."""
        import streamlit as st

        from viewers.colour_limits import change_limit, score_limit
        from viewers.document_viewer import document_viewer
        from viewers.kinds.legends import beyond_chance, concept_legend, ends_of
        from viewers.kinds.neighbours import coloured_neighbours
        from viewers.viewing import Focus, Room, Scale

        from . import texts

        datum, words = pane.datum, study.kind.words
        limit, unit = score_limit(study), f"{pane.fit.unit}{beyond_chance(pane.fit)}"
        if pane.layer == "change":
            scores = pane.change.of_map(datum)
            limit, unit = change_limit(study, pane.change), f"change, {pane.fit.unit}"
        else:
            scores = study.prospect(datum, pane.fit)

        def picked():
            pick = st.session_state[pane.key].pick
            if pick:
                first, last = (None if pick[end] is None else int(pick[end]) for end in ("first", "last"))
                pane.select(Selection(datum.uid, first, last))

        single = pane.token if len(pane.tokens) == 1 else None
        shown = texts.shown_document(study, datum, scores, study.concepts_of(datum, pane.fit))
        marks = [
            {"token": int(token), "evidence": region.evidence, "label": MARKED[region.evidence]}
            for region in study.curation.state.regions
            if region.datum == datum.uid
            for token in region.tokens[:1]
        ]
        document_viewer(
            {**shown, "words": {"token": words.token, "tokens": words.tokens}, "marks": marks},
            key=pane.key,
            concepts=concept_legend(study, pane.fit),
            scale=Scale(limit=limit, classes=ends_of(study), unit=unit),
            focus=Focus(
                selected=pane.tokens,
                neighbours=[
                    {"token": at, "colour": colour}
                    for at, colour in sorted(coloured_neighbours(study, datum, single, pane.fit))
                ],
                count=pane.focus_count if pane.main else 0,
                on_pick=picked,
            ),
            room=Room(height=1100, above=pane.above),
        )
        return True

    def about_token(self, study: Study, datum, token: int, go_to: Callable[[str, int], None]) -> None:
        """List the most similar sentences elsewhere, each with a way there."""
        import streamlit as st

        from viewers.words import class_of, plain

        from . import texts

        with st.expander("Most similar elsewhere", icon=":material/compare_arrows:", expanded=True):
            found = texts.alike(study, datum, token)
            if not found:
                st.caption("There is no other document.")
            rows = st.container(key="sentences_alike", gap="xsmall")
            for at, (likeness, other, place, text) in enumerate(found):
                rows.button(
                    f"{plain(text[:160])}{'…' if len(text) > 160 else ''} **{likeness:.2f}**",
                    key=f"alike_{at}",
                    type="tertiary",
                    on_click=go_to,
                    args=(other.uid, place),
                    help=f"{plain(other.name)}, labelled {plain(class_of(study, other))}: go there",
                )

    def mark_form(self, study: Study, datum, tokens: Sequence[int]) -> MarkForm | None:
        """Mark the sentences that are selected."""
        if not tokens:
            return None
        words = study.kind.words
        return MarkForm(
            f"Mark {words.count(len(tokens))}",
            f"Say what the selected {words.tokens} speak for, or what they are",
            caption=f"For several {words.tokens} in a row, hold Shift and click the last one.",
        )

    def mark_line(self, study: Study, datum, region) -> str:
        """Quote the beginning of the first sentence."""
        from . import texts

        text = texts.sentence(study, datum, int(region.tokens[0]))
        more = f" and {len(region.tokens) - 1} more" if len(region.tokens) > 1 else ""
        return f"{text[:60]}{'…' if len(text) > 60 else ''}{more}"

    def goal_of_mark(self, region) -> Goal:
        """Lead to all sentences of the mark."""
        return Goal(int(min(region.tokens)), int(max(region.tokens)))

    def picture(self, study: Study, datum, side: int) -> np.ndarray:
        """Draw lines of the text as bars in the colours of the map."""
        from viewers.colour_limits import score_limit

        from . import texts

        require_embedded(study, datum)
        limit = score_limit(study) if study.view is not None else 1.0
        return texts.picture_of_text(study, datum, side, limit)

    def token(self, study: Study, datum, token: int, width, context: float = 3.0, alt: str = "") -> None:
        """Write one sentence between those before and after it."""
        from .quotes import write_quote

        write_quote(study, datum, token, context, alt)

    def typical(self, study: Study, concept, on_pick: Callable[[str, int], None]) -> bool:
        """List a concept's most typical sentences."""
        from .quotes import list_typical

        return list_typical(study, concept, on_pick)

    def hover(self, study: Study, atlas) -> dict[str, Any]:
        """Quote the sentence under the pointer."""
        from .quotes import hover_texts

        return {"texts": hover_texts(study, atlas)}

    def figure(self) -> Callable[..., bytes]:
        """Draw the text with its tints as a figure."""
        from viewers.document_figure import document_figure

        return document_figure

    def save_form(self, study: Study, datum) -> SaveForm:
        """Offer the text with tints, spans, annotations and tables."""
        from viewers.document_figure import LAYERS

        return SaveForm(
            {
                "html": "Page with tints (HTML)",
                "csv": "Table (CSV)",
                "parquet": "Table (Parquet)",
                "jsonl": "Spans (JSON lines)",
                "annotations": "Web annotations (W3C)",
                "png": "Figure (PNG)",
            },
            LAYERS,
            lambda layer, whole: "document",
            "The file holds the text. All documents at once: prospector export STUDY --format …",
            "This document with its map, for people and for other programs",
            layer_label="Tinted by",
            save_key="save_document",
        )

    def new_study(self) -> NewStudy | None:
        """Ask for documents and labels."""
        from .form import documents_form

        return documents_form()
