"""Documents with their maps: a page of tinted text, JSON with spans, and web annotations."""

import html
import json
import re

import numpy as np

from ..modalities.documents import sections_of, sentences_of

__all__ = ["annotations", "html_page", "json_lines"]

_FOR, _AGAINST = "204, 76, 2", "33, 113, 181"  # as the maps of slides
_CONTEXT = 32  # characters before and after a quote, which find it again in a changed text


def _tokens(study, datum):
    """What every format says of each token: list of dict, in the order of the text."""
    spans, attrs = study.positions(datum), study.attrs(datum)
    concepts, scores = study.concepts_of(datum).tolist(), study.prospect(datum)
    known = {concept.id: concept for concept in study.concepts()}
    return [
        {
            "start": start, "end": end, "text": text, "section": section, "concept": concept, "name": known[concept].name,
            "score": round(float(score), 6) if np.isfinite(score) else None, "pinned": known[concept].pinned,
        }
        for (start, end), text, section, concept, score in zip(
            spans.tolist(), sentences_of(study, datum), sections_of(spans, attrs), concepts, scores
        )
    ]  # fmt: skip


def json_lines(study, datum):
    """A document as one line of JSON: its text as it stands, and a span a token with concept, name and score.

    Spans count characters of ``text`` (Unicode code points), the end excluded. An excluded token's score is null.
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


def annotations(study, datum):
    """A document's tokens as W3C web annotations (JSON-LD, an AnnotationPage): what tools of annotation read.

    Each has two bodies, its concept (purpose "classifying") and its score (purpose "assessing"), and a target with
    position and quote. The document itself is named by its opaque id.
    """
    datum, text = study.datum(datum), study.attrs(datum)["text"]
    source = f"urn:prospector:{datum.uid}"
    items = []
    for number, token in enumerate(_tokens(study, datum)):
        start, end = token["start"], token["end"]
        bodies = [{"type": "TextualBody", "purpose": "classifying", "value": token["name"], "format": "text/plain"}]
        if token["score"] is not None:
            bodies.append({"type": "TextualBody", "purpose": "assessing", "value": str(token["score"]), "format": "text/plain"})  # fmt: skip
        items.append({
            "id": f"{source}:{number}", "type": "Annotation", "motivation": "classifying", "body": bodies,
            "target": {"source": source, "selector": [
                {"type": "TextPositionSelector", "start": start, "end": end},
                {"type": "TextQuoteSelector", "exact": text[start:end], "prefix": text[max(0, start - _CONTEXT) : start],
                 "suffix": text[end : end + _CONTEXT]},
            ]},
        })  # fmt: skip
    page = {"@context": "http://www.w3.org/ns/anno.jsonld", "id": f"{source}:page", "type": "AnnotationPage",
            "label": f"Prospect map for {study.classes[1]}", "items": items}  # fmt: skip
    return json.dumps(page, ensure_ascii=False, indent=1).encode()


_STYLE = """
:root { color-scheme: light dark; --ink: #1d1d1f; --paper: #fffefb; --faint: #6b6b70; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e3; --paper: #16181c; --faint: #a0a0a6; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.08rem/1.65 Georgia, "Iowan Old Style", "Times New Roman", serif; }
main { max-width: 70ch; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 .3rem; }
h2 { font: 600 .8rem/1.4 system-ui, sans-serif; letter-spacing: .06em; text-transform: uppercase; color: var(--faint); margin: 1.8rem 0 .3rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.about, .legend, table { font: .85rem/1.5 system-ui, sans-serif; color: var(--faint); }
.legend { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem; margin: .8rem 0 1.6rem; }
.ramp { width: 12rem; height: .7rem; border-radius: .2rem; border: 1px solid #8886; }
mark { color: inherit; border-radius: .2em; padding: .08em 0; -webkit-box-decoration-break: clone; box-decoration-break: clone; background: rgb(var(--c), var(--a)); }
mark.off { background: repeating-linear-gradient(135deg, #8884 0 2px, transparent 2px 6px); color: var(--faint); }
table { border-collapse: collapse; margin-top: 2.5rem; } td, th { text-align: left; padding: .2rem .9rem .2rem 0; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
@media print { mark { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def html_page(study, datum):
    """A document as a page of its own: its tokens tinted by score, with a legend and the concepts; nothing is loaded.

    Pointing at one tells its score and concept. Light or dark as the reader's system is.
    """
    datum, attrs = study.datum(datum), study.attrs(datum)
    text, tokens, fit = attrs["text"], _tokens(study, datum), study.current_fit
    limit = study.score_limit() or 1.0
    for_, against = html.escape(study.classes[study.target]), html.escape(study.others)
    headings = {start: heading for heading, start, _ in attrs["sections"] if heading}
    body, at = [], 0

    def plain(upto):
        nonlocal at
        for start in sorted(place for place in headings if at <= place <= upto):
            body.append(html.escape(re.sub(r"\s+$", "", text[at:start])))
            body.append(f"</div><h2>{html.escape(headings.pop(start))}</h2><div class=text>")
            at = start
        body.append(html.escape(text[at:upto]))
        at = upto

    for token in tokens:
        plain(token["start"])
        at, score = token["end"], token["score"]
        words = html.escape(text[token["start"] : token["end"]])
        if score is None:
            body.append(f'<mark class=off title="{html.escape(token["name"])}: excluded">{words}</mark>')
        else:
            share = min(abs(score) / limit, 1.0)
            colour = _FOR if score > 0 else _AGAINST
            said = f"{score:+.2f} · {html.escape(token['name'])}"
            body.append(f'<mark style="--c:{colour};--a:{0.6 * share:.2f}" title="{said}">{words}</mark>')
    plain(len(text))
    rows = "".join(
        f"<tr><td>{html.escape(c.name)}{' (excluded)' if c.excluded else ''}</td><td class=n>{c.weight:+.2f}</td></tr>"
        for c in sorted(study.concepts(), key=lambda c: -c.weight)
        if any(token["concept"] == c.id for token in tokens)
    )
    probability = study.predictions().get(datum.uid)
    label = html.escape(study.classes[datum.label]) if datum.label is not None else "not known"
    said = f"Labelled {label}" + ("" if probability is None else f"; P({for_}) = {probability:.2f}")
    heading = html.escape(attrs["title"]) or f"Where is {for_}?"
    page = (
        f'<!doctype html><html lang="{attrs["language"] or "en"}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{heading}</title><style>{_STYLE}</style></head><body><main><h1>{heading}</h1><p class=about>{said}</p>"
        f'<div class=legend><span>speaks for {against}</span><span>{-limit:+.2f}</span><span class=ramp style="background:linear-gradient(90deg,'
        f'rgba({_AGAINST},.6),transparent,rgba({_FOR},.6))"></span><span>{limit:+.2f}</span><span>speaks for {for_}</span></div>'
        f"<div class=text>{''.join(body)}</div>"
        f"<table><tr><th>Concepts in this document</th><th>weight ({html.escape(fit.unit)})</th></tr>{rows}</table>"
        f"<p class=about>A score is the weight of the {study.kind.words.token}'s concept plus the weights of its pairs with the concepts around it. Made with Prospector, which is research "
        "software and no medical device.</p></main></body></html>"
    )
    return page.encode()
