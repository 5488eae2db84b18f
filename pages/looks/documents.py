"""Tokens of documents: sentences or passages, in the words around them."""

import streamlit as st

from pages import shared, texts
from pages.overlays import limit_of
from pages.words import plain
from prospector_core.errors import EmbeddingError
from prospector_core.html_pages import write_html

__all__ = ["CAPTION", "NOTHING_THERE", "SHOW", "UNWANTED", "hover", "picture", "token", "typical"]

SHOW = "Show in document"
UNWANTED = " (headings, boilerplate, signatures)"
CAPTION = "In grey, what stands before and after it."
NOTHING_THERE = "Nothing stands there."

_LONGEST = 220  # characters of a sentence on a card


def picture(study, datum, side):
    """A document at a glance: (h, w, 3) uint8."""
    if not study.is_embedded(datum):
        raise EmbeddingError(f"{datum.name} is not embedded yet")
    limit = limit_of(study) if study.view is not None else 1.0
    return texts.picture_of_text(study, datum, side, limit)


def token(study, datum, token, width, context=3.0, alt=""):
    """Write one sentence between those before and after it."""
    before, here, after = texts.around(study, datum, token, max(1, int(context) // 2))
    colour = study.colours()[int(study.concepts_of(datum)[token])]
    quote = write_html(
        "pages",
        "quote.html",
        alt=alt,
        colour=colour,
        before=_short(before, -200),
        here=here[:1500],
        after=_short(after, 200),
    )
    st.html(quote, width="stretch")


def typical(study, concept, on_pick):
    """List a concept's most typical sentences; a click calls ``on_pick(datum uid, token)``.

    Returns False where it has none.
    """
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


def hover(study, atlas):
    """What the atlas shows beside a point: the sentence."""
    return {"texts": _hover(shared.study_key(study), len(study.embedded()), len(atlas), study, atlas)}


@st.cache_data(show_spinner=False, max_entries=4)
def _hover(study_key, n_embedded, n, _study, _atlas):
    return [
        _short(texts.sentence(_study, _study.datum(_atlas.uids[_atlas.datum[at]]), _atlas.token[at]), 300)
        for at in range(n)
    ]


def _short(text, most):
    """The beginning of a text (its end, if ``most`` is negative), with dots where something is left out."""
    if len(text) <= abs(most):
        return text
    return f"{text[:most].rsplit(' ', 1)[0]} …" if most > 0 else f"… {text[most:].split(' ', 1)[-1]}"
