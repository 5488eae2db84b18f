"""Sentences of documents on the pages that all kinds share."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from prospector_core.html_pages import write_html
from prospector_core.study import Study
from viewers.study_key import study_key
from viewers.words import plain

from . import texts

__all__ = ["hover_texts", "list_typical", "write_quote"]

_LONGEST = 220  # characters of a sentence on a card


def write_quote(study: Study, datum, token: int, context: float, alt: str) -> None:
    """Write one sentence between ``context`` of those before and after it."""
    before, here, after = texts.around(study, datum, token, max(1, int(context) // 2))
    colour = study.colours()[int(study.concepts_of(datum)[token])]
    quote = write_html(
        "viewers",
        "quote.html",
        alt=alt,
        colour=colour,
        before=_short(before, -200),
        here=here[:1500],
        after=_short(after, 200),
    )
    st.html(quote, width="stretch")


def list_typical(study: Study, concept, on_pick: Callable[[str, int], None]) -> bool:
    """List a concept's most typical sentences, as ``KindView.typical`` says."""
    found = texts.typical_sentences(study, concept.id)
    rows = st.container(key=f"sentences_{concept.id}", gap="xsmall")
    for at, (uid, token, text) in enumerate(found):
        rows.button(
            plain(_short(text, _LONGEST)),
            key=f"sentence_{concept.id}_{at}",
            type="tertiary",
            on_click=on_pick,
            args=(uid, token),
            help=f"Show it in {plain(study.datum(uid).name)}",
        )
    return bool(found)


def hover_texts(study: Study, atlas) -> list[str]:
    """The sentence of each point of an atlas, not too long."""
    return _hover(study_key(study), len(study.embedded()), len(atlas), study, atlas)


@st.cache_data(show_spinner=False, max_entries=4)
def _hover(key, n_embedded, n, _study, _atlas):
    return [
        _short(texts.sentence(_study, _study.datum(_atlas.uids[_atlas.datum[at]]), _atlas.token[at]), 300)
        for at in range(n)
    ]


def _short(text, most):
    """The beginning of a text (its end, if ``most`` is negative), with dots where something is left out."""
    if len(text) <= abs(most):
        return text
    return f"{text[:most].rsplit(' ', 1)[0]} …" if most > 0 else f"… {text[most:].split(' ', 1)[-1]}"
