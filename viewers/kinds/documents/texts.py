"""Documents as pages show them.

What the viewer gets, sentences in their surroundings, and those that are alike.
"""

import numpy as np
import streamlit as st

from prospector_core.modalities.documents.texts import RIGHT_TO_LEFT, sections_of, sentences_of
from prospector_core.wording import language_tag
from viewers.study_key import study_key
from viewers.token_pixels import diverging_colours

__all__ = ["alike", "around", "picture_of_text", "sentence", "shown_document", "typical_sentences"]

_MOST = 100_000  # tokens that are searched for like ones


@st.cache_data(show_spinner=False, max_entries=64)
def _laid_out(study_key, uid, record, _study):
    """What does not change with a fit: the text, and spans counted as a browser counts."""
    attrs, spans = _study.attrs(uid), _study.positions(uid)
    text = attrs["text"]
    # A browser counts letters beyond the 65,536 first ones twice.
    wide = np.concatenate([[0], np.cumsum(np.frombuffer(text.encode("utf-32-le"), np.uint32) > 0xFFFF)])
    places = lambda at: (at + wide[at]).tolist()
    sections = [[heading, *places(np.array([start, end]))] for heading, start, end in attrs["sections"]]
    return {
        "id": f"{uid} {record}",
        "title": attrs["title"],
        "text": text,
        "sections": sections,
        "language": language_tag(attrs["language"]),
        "rtl": attrs["language"] in RIGHT_TO_LEFT,
        "starts": places(spans[:, 0]),
        "ends": places(spans[:, 1]),
    }


def shown_document(study, datum, scores, concepts):
    """A document for the viewer. Parameters.

    Scores (n,) float, NaN where there is none; concepts (n,) int.
    """
    laid_out = _laid_out(study_key(study), datum.uid, study.stamp(datum), study)
    return {
        **laid_out,
        "scores": [None if np.isnan(score) else round(float(score), 4) for score in scores],
        "concepts_of": np.asarray(concepts).tolist(),
    }


def sentence(study, datum, token):
    """One token as a line of text."""
    return sentences_of(study, datum)[int(token)]


def around(study, datum, token, many=1):
    """A token with those before and after it: (before, token, after), lines of text."""
    lines, token = sentences_of(study, datum), int(token)
    return (
        " ".join(lines[max(0, token - many) : token]),
        lines[token],
        " ".join(lines[token + 1 : token + 1 + many]),
    )


@st.cache_resource(show_spinner=False, max_entries=2)
def _vectors(study_key, uids, _study):
    """Unit vectors of the tokens of all documents, those of each document from one row on."""
    sizes = [_study.n_tokens(uid) for uid in uids]
    every = max(1, -(-sum(sizes) // _MOST))  # of very many, as many from each
    rows, datum, token = [], [], []
    for at, uid in enumerate(uids):
        vectors = np.asarray(_study.store.vectors(uid)[:], np.float32)[::every]
        rows.append(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
        datum.append(np.full(len(vectors), at))
        token.append(np.arange(0, sizes[at], every)[: len(vectors)])
    return np.concatenate(rows), np.concatenate(datum), np.concatenate(token)


def alike(study, datum, token, most=6):
    """Tokens of other documents that the encoder finds most alike: list of (likeness, Datum, token, text)."""
    uids = tuple(each.uid for each in study.embedded())
    vectors, owner, place = _vectors(study_key(study), uids, study)
    own = np.asarray(study.store.vectors(datum.uid)[int(token) : int(token) + 1], np.float32)[0]
    likeness = vectors @ (own / max(float(np.linalg.norm(own)), 1e-9))
    found, seen = [], set()
    for at in np.argsort(-likeness, kind="stable")[: 50 * most]:
        other = study.datum(uids[owner[at]])
        if other.uid == datum.uid:
            continue
        text = sentence(study, other, place[at])
        if text not in seen:
            seen.add(text)
            found.append((float(likeness[at]), other, int(place[at]), text))
        if len(found) == most:
            break
    return found


@st.cache_data(show_spinner=False, max_entries=1024)
def _typical(study_key, fit_id, concept, most, _study):
    found, seen = [], set()
    for datum, token in _study.typical_tokens(concept, n=8 * most, per_datum=3):
        text = sentence(_study, datum, token)
        if text.lower() not in seen:  # boilerplate stands in many documents
            seen.add(text.lower())
            found.append((datum.uid, token, text))
        if len(found) == most:
            break
    return found


def typical_sentences(study, concept, most=5):
    """A concept's most typical sentences, no two the same: list of (datum uid, token, text)."""
    return _typical(study_key(study), study.view.id, concept, most, study)


def picture_of_text(study, datum, side, limit):
    """A document at a glance: lines of text as bars, tinted by score: (h, w, 3) uint8."""
    width, height = side, max(1, side // 2)
    picture = np.full((height, width, 3), 255, np.uint8)
    spans, sections = study.positions(datum), sections_of(study.positions(datum), study.attrs(datum))
    scores = study.prospect(datum) if study.view is not None else np.zeros(len(spans))
    colours = diverging_colours(np.nan_to_num(scores), limit)
    length = spans[:, 1] - spans[:, 0]
    new_line = np.array([at == 0 or sections[at] != sections[at - 1] for at in range(len(spans))])
    line = max(20, int(np.sqrt(length.sum() * 5)))  # letters a line, so that the text fills the picture
    row, column, bars = 0, 0, []
    for at, letters in enumerate(length.tolist()):
        if new_line[at] and column:
            row, column = row + 1, 0
        while letters > 0:
            part = min(letters, line - column)
            bars.append((row, column, part, at))
            letters, column = letters - part, column + part + 1
            if column >= line:
                row, column = row + 1, 0
    step = min(8.0, (height - 4) / (row + 1))
    for where, start, part, at in bars:
        top, left = int(2 + where * step), int(3 + start / line * (width - 6))
        right = max(left + 1, int(3 + (start + part) / line * (width - 6)))
        weak = np.isnan(scores[at]) or abs(scores[at]) < 0.08 * limit
        picture[top : max(top + 1, int(top + 0.7 * step)), left:right] = (
            (214, 214, 218) if weak else colours[at]
        )
    return picture
