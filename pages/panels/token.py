"""Beside the picture: what its datum is predicted to be, and why the clicked token scores as it does."""

import streamlit as st

from pages import shared
from pages.missing import file_line
from pages.panels.move import concept_actions
from pages.panels.whatif import what_if
from prospector_core.errors import ProspectorError
from prospector_core.html_pages import write_html
from prospector_core.method.explaining import AROUND
from prospector_core.study.explanations import uncertainty_at
from viewers.colour_limits import resamples_of
from viewers.kinds import view_of
from viewers.words import class_of, place_text, plain, signed

__all__ = ["about_datum", "about_token", "no_token"]


def about_datum(study, datum):
    """Name, label and prediction; and whether its file is gone."""
    file_line(study, datum)
    fit = study.view
    probability = fit.summary["predictions"].get(datum.uid)
    st.markdown(f"**{plain(datum.name)}** · labelled *{plain(class_of(study, datum))}*")
    if probability is not None:
        unseen = datum.split == "test" or datum.label is None
        how = (
            "not used for the fit"
            if unseen
            else (
                "by a kernel fitted without it"
                if fit.summary["held_out_folds"]
                else "it was used for the fit"
            )
        )
        st.caption(
            f"Predicted {plain(study.classes[fit.predicted(datum.uid)])},"
            f" P({plain(study.classes[study.target])}) = {probability:.2f}; {how}"
        )


def no_token(study, nothing_there):
    """What to do, or why nothing is explained."""
    if nothing_there:
        st.info(view_of(study).nothing_there, icon=":material/not_listed_location:")
    else:
        st.info(
            f"Click a {study.kind.words.token}: its concept, its score and where the score comes from appear"
            " here.",
            icon=":material/touch_app:",
        )


def about_token(study, datum, token, fit=None):
    """A token's picture, concept and score, and the parts that the score is made of.

    They are those under the fit that is shown (default: the current one).
    """
    fit, view, words = fit or study.view, view_of(study), study.kind.words
    explanation = study.explain(datum, token, fit)
    concept = int(study.concepts_of(datum)[token])
    colour, name = study.colours()[concept], study.concept_name(concept)
    place = place_text(study.kind.place(study, datum, token))
    with st.container(horizontal=True):
        view.token(
            study,
            datum,
            token,
            120,
            alt=f"{words.token.capitalize()} of {name} in {place}, in the middle of its surroundings",
        )
        with st.container(width=130):
            st.html(write_html("pages", "swatch.html", colour=colour, name=name))
            if explanation.concept >= 0:
                st.metric(
                    "Prospect score",
                    signed(explanation.score),
                    help=(
                        f"{plain(place[:1].upper() + place[1:])}. Unit: {plain(fit.unit)}, summed over"
                        " neighbours."
                    ),
                )
    st.caption(view.caption)
    if fit.mask is not None:
        st.caption(
            f"Of weights beyond chance alone. All together: {signed(float(study.prospect(datum)[token]))}."
        )
    if explanation.concept < 0:
        st.warning(_why_no_score(words, concept in fit.state.excluded), icon=":material/block:")
    else:
        _parts(study, datum, token, explanation, concept, fit)
        if study.several:
            _other_classes(study, datum, token)
        if fit.mask is None:
            what_if(study, datum, token, explanation, fit)
    concept_actions(study, datum, token, concept)


def _why_no_score(words, excluded):
    if excluded:
        return f"This concept is excluded: its {words.tokens} are not counted and have no score."
    return (
        f"This {words.token} is in a region that was marked to be ignored: it is not counted and has no"
        " score."
    )


def _parts(study, datum, token, explanation, concept, fit):
    score = explanation.score
    verdict = f"**{plain(study.sides[int(score > 0)])}**" if score else "**neither way**"
    try:
        with st.spinner("Refitting on resamples of the data…"):
            doubt = uncertainty_at(study, datum, token, resamples_of(fit), fit)
    except ProspectorError as error:
        shared.say_error(error)
    else:
        sure = "" if not doubt.unsure[0] else "; **sign not certain**"
        st.caption(
            f"± {doubt.error[0]:.2f} standard error{sure}",
            help=(
                f"Standard error over {resamples_of(fit)} resamples of the data. The sign is certain where "
                f"at least 95 % of them agree with it; here {doubt.agreement[0]:.0%} do."
            ),
        )
    st.markdown(f"It speaks {verdict}. The largest parts:")
    lines = [f"- **{signed(term.value)}** {_part(study, term, concept)}" for term in explanation.terms[:5]]
    rest = explanation.terms[5:]
    if rest:
        lines.append(f"- {signed(sum(term.value for term in rest))} in {len(rest)} smaller parts")
    st.markdown("\n".join(lines))


def _percent(share):
    return f"{share:+.0%}".replace("-", "\N{MINUS SIGN}")


def _other_classes(study, datum, token):
    """What the token scores for each class, the strongest first.

    Scores of classes compare in shares of their colours.
    """
    rows = []
    for target, name in enumerate(study.classes):
        seen = study.seen_from(target)
        score = float(seen.prospect(datum)[token])
        rows.append((score / seen.score_limit(), name, score, target == study.target))
    rows.sort(key=lambda row: -row[0])
    with st.expander(f"All classes: most for {plain(rows[0][1])}", icon=":material/category:"):
        lines = [
            f"- {plain(name)}{' (shown)' if shown else ''}: **{signed(score)}**, {_percent(share)} of its"
            " strongest colour"
            for share, name, score, shown in rows
        ]
        st.markdown("\n".join(lines))


def _part(study, term, concept):
    """One term of a score in plain words."""
    radius = study.view.radius
    if term.neighbour is None:
        return f"for being *{plain(study.concept_name(concept))}*"
    if term.neighbour == AROUND:
        return f"from the {study.kind.words.tokens} around, whose mean score is {signed(term.weight)}"
    times = f"{term.count:.2f}".rstrip("0").rstrip(".")  # shares of concepts, or whole tokens
    what = (
        f"{times} × its own kind, itself included"
        if term.neighbour == concept
        else f"{times} × *{plain(study.concept_name(term.neighbour))}*"
    )
    return f"{what}, within {radius} hop{'s' if radius > 1 else ''} ({signed(term.weight)} each)"
