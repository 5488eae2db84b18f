"""What is said of a token: its place, concept and score, and the parts that the score is made of."""

from dataclasses import dataclass

from prospector_core.method.explaining import AROUND
from prospector_core.study.explanations import uncertainty_at
from viewers.colour_limits import resamples_of

__all__ = ["TokenAbout", "about_token", "class_of"]

_PARTS = 5  # of a score that are named one by one


@dataclass(frozen=True)
class TokenAbout:
    """What is said of a token.

    Attributes: datum, label and prediction in words; place, "row 3, column 12"; concept (id), name, colour;
    score, None for a token that has none, and then ``why``; error, its standard error; sure, whether its sign
    is certain; verdict, what it speaks for; parts, list of (value, words) whose values sum to the score.
    """

    datum: str
    label: str
    prediction: str
    place: str
    concept: int
    name: str
    colour: str
    score: float | None
    why: str = ""
    error: float | None = None
    sure: bool = True
    verdict: str = ""
    parts: tuple = ()


def class_of(study, datum):
    """The name of a datum's class, or "unlabelled"."""
    return "unlabelled" if datum.label is None else study.classes[datum.label]


def about_token(study, datum, token, doubt=True):
    """What is to be said of a token: TokenAbout. ``doubt``: with its standard error.

    The first standard error after a fit takes a while (the kernel is refitted on resamples of the data).
    """
    fit = study.view
    explained, concept = study.explain(datum, token), int(study.concepts_of(datum)[token])
    place = ", ".join(
        f"{word} {_said(value)}" for word, value in study.kind.place(study, datum, token).items()
    )
    p = study.predictions().get(datum.uid)
    predicted = (
        ""
        if p is None
        else (
            f"predicted {study.classes[fit.predicted(datum.uid)]}, P({study.classes[study.target]}) = {p:.2f}"
        )
    )
    said = {
        "datum": datum.name,
        "label": class_of(study, datum),
        "prediction": predicted,
        "place": place,
        "concept": concept,
        "name": study.concept_name(concept),
        "colour": study.colours()[concept],
    }
    if explained.concept < 0:
        out = concept in fit.state.excluded
        why = "its concept is excluded" if out else "it is in a region that is ignored"
        return TokenAbout(**said, score=None, why=f"{why}: it is not counted and has no score")
    error, sure = None, True
    if doubt:
        found = uncertainty_at(study, datum, token, resamples_of(fit), fit)
        error, sure = float(found.error[0]), not found.unsure[0]
    parts = [(term.value, _part(study, term, concept)) for term in explained.terms[:_PARTS]]
    if rest := explained.terms[_PARTS:]:
        parts.append((sum(term.value for term in rest), f"in {len(rest)} smaller parts"))
    score = explained.score
    verdict = study.sides[int(score > 0)] if score else "neither way"
    return TokenAbout(**said, score=score, error=error, sure=sure, verdict=verdict, parts=tuple(parts))


def _part(study, term, concept):
    radius = study.view.radius
    if term.neighbour is None:
        return f"for being {study.concept_name(concept)}"
    if term.neighbour == AROUND:
        return f"from the {study.kind.words.tokens} around, whose mean score is {term.weight:+.2f}"
    own = term.neighbour == concept
    what = "its own kind, itself included" if own else study.concept_name(term.neighbour)
    return (
        f"{term.count:g} × {what}, within {radius} hop{'s' if radius > 1 else ''} ({term.weight:+.2f} each)"
    )


def _said(value):
    return f"{value:,.1f}".removesuffix(".0") if isinstance(value, float) else value
