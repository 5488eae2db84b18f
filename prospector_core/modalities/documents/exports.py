"""Documents with their maps: a page of tinted text, JSON with spans, and web annotations."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np

from ...html_pages import write_html
from ...wording import language_tag
from .texts import sections_of, sentences_of

if TYPE_CHECKING:
    from ...study import Datum, Study

__all__ = ["html_page", "json_lines", "web_annotations"]

_FOR, _AGAINST = "204, 76, 2", "33, 113, 181"  # as the maps of slides
_CONTEXT = 32  # characters before and after a quote, which find it again in a changed text


def _tokens(study: Study, datum: Datum) -> list[dict[str, float | str]]:
    """What every format says of each token: list of dict, in the order of the text."""
    spans, attrs = study.positions(datum), study.attrs(datum)
    concepts, scores = study.concepts_of(datum).tolist(), study.prospect(datum)
    known = {concept.id: concept for concept in study.concepts()}
    return [
        {
            "start": start,
            "end": end,
            "text": text,
            "section": section,
            "concept": concept,
            "name": known[concept].name,
            "score": round(float(score), 6) if np.isfinite(score) else None,
            "pinned": known[concept].pinned,
        }
        for (start, end), text, section, concept, score in zip(
            spans.tolist(), sentences_of(study, datum), sections_of(spans, attrs), concepts, scores
        )
    ]


def json_lines(study: Study, datum: Datum) -> bytes:
    """A document as one line of JSON: its text as it stands, and a span a token with concept, name and score.

    Spans count characters of ``text`` (Unicode code points), the end excluded. An excluded token's score is
    null.
    """
    datum, attrs = study.datum(datum), study.attrs(datum)
    probability = study.predictions().get(datum.uid)
    found = {
        "id": datum.uid,
        "text": attrs["text"],
        "label": study.classes[datum.label] if datum.label is not None else None,
        "class": study.classes[1],
        "probability": None if probability is None else round(probability, 6),
        "spans": [{"label": token.pop("name"), **token} for token in _tokens(study, datum)],
    }
    return (json.dumps(found, ensure_ascii=False) + "\n").encode()


def web_annotations(study: Study, datum: Datum) -> bytes:
    """A document's tokens as W3C web annotations (JSON-LD, an AnnotationPage): what tools of annotation read.

    Each has two bodies, its concept (purpose "classifying") and its score (purpose "assessing"), and a target
    with position and quote. The document itself is named by its opaque id.
    """
    datum, text = study.datum(datum), study.attrs(datum)["text"]
    source = f"urn:prospector:{datum.uid}"
    items = []
    for number, token in enumerate(_tokens(study, datum)):
        start, end = token["start"], token["end"]
        bodies = [
            {"type": "TextualBody", "purpose": "classifying", "value": token["name"], "format": "text/plain"}
        ]
        if token["score"] is not None:
            bodies.append(
                {
                    "type": "TextualBody",
                    "purpose": "assessing",
                    "value": str(token["score"]),
                    "format": "text/plain",
                }
            )
        items.append(
            {
                "id": f"{source}:{number}",
                "type": "Annotation",
                "motivation": "classifying",
                "body": bodies,
                "target": {
                    "source": source,
                    "selector": [
                        {"type": "TextPositionSelector", "start": start, "end": end},
                        {
                            "type": "TextQuoteSelector",
                            "exact": text[start:end],
                            "prefix": text[max(0, start - _CONTEXT) : start],
                            "suffix": text[end : end + _CONTEXT],
                        },
                    ],
                },
            }
        )
    page = {
        "@context": "http://www.w3.org/ns/anno.jsonld",
        "id": f"{source}:page",
        "type": "AnnotationPage",
        "label": f"Prospect map for {study.classes[1]}",
        "items": items,
    }
    return json.dumps(page, ensure_ascii=False, indent=1).encode()


def html_page(study: Study, datum: Datum) -> bytes:
    """A document as a page of its own.

    Its tokens tinted by score, with a legend and the concepts; nothing is loaded.

    Pointing at one tells its score and concept. Light or dark as the reader's system is.
    """
    datum, attrs = study.datum(datum), study.attrs(datum)
    text, tokens, fit = attrs["text"], _tokens(study, datum), study.view
    limit = study.score_limit() or 1.0
    headings = {start: heading for heading, start, _ in attrs["sections"] if heading}
    parts, at = [], 0

    def untinted(upto: int) -> None:
        nonlocal at
        for start in sorted(place for place in headings if at <= place <= upto):
            parts.append({"text": re.sub(r"\s+$", "", text[at:start])})
            parts.append({"heading": headings.pop(start)})
            at = start
        parts.append({"text": text[at:upto]})
        at = upto

    for token in tokens:
        untinted(token["start"])
        at, score = token["end"], token["score"]
        part = {"text": text[token["start"] : token["end"]]}
        if score is None:
            part["said"] = f"{token['name']}: excluded"
        else:
            share = min(abs(score) / limit, 1.0)
            part |= {
                "said": f"{score:+.2f} · {token['name']}",
                "share": 0.6 * share,
                "colour": _FOR if score > 0 else _AGAINST,
            }
        parts.append(part)
    untinted(len(text))
    there = {token["concept"] for token in tokens}
    for_ = study.classes[study.target]
    page = write_html(
        "prospector_core",
        "document.html",
        language=language_tag(attrs["language"]) or "en",
        parts=parts,
        limit=limit,
        heading=attrs["title"] or f"Where is {for_}?",
        for_=for_,
        against=study.others,
        warm=_FOR,
        cold=_AGAINST,
        unit=fit.unit,
        label="not known" if datum.label is None else study.classes[datum.label],
        probability=study.predictions().get(datum.uid),
        token=study.kind.words.token,
        concepts=[c for c in sorted(study.concepts(), key=lambda c: -c.weight) if c.id in there],
    )
    return page.encode()
