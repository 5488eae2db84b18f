"""Beside the picture: what its datum is predicted to be, its hot spots.

And why the clicked token scores as it does.
"""

import streamlit as st

from pages import shared
from pages.looks import look_of
from pages.missing import file_line
from pages.places import hot_spots_of
from pages.slide_reassign import concept_actions
from pages.slide_whatif import what_if
from pages.words import area_text, class_of, place_text, plain, signed
from prospector_core.errors import ProspectorError
from prospector_core.html_pages import write_html
from prospector_core.study.explanations import uncertainty_at
from viewers.limits import resamples_of

__all__ = ["about_datum", "about_hot_spots", "about_token"]


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


def about_hot_spots(study, data, expanded, go_to, fit=None):
    """The ranked list of regions with high scores.

    ``go_to``: function(datum uid, HotSpot); ``fit`` that is shown (default: the current one).
    """
    words = study.kind.words
    threshold, n_spots, spots = hot_spots_of(study, data, fit)
    with st.expander(f"Hot spots ({n_spots})", icon=":material/local_fire_department:", expanded=expanded):
        if not spots:
            st.caption(f"No {words.token} scores {signed(threshold)} or more.")
        else:
            st.caption(
                f"Connected {words.tokens} that score {signed(threshold)} or more, by summed score"
                + (f"; the first {len(spots)}" if n_spots > len(spots) else "")
            )
        rows = st.container(gap=None)
        for rank, (spot, uid) in enumerate(spots, start=1):
            size = words.count(len(spot.tokens)) if spot.unit == "tokens" else area_text(spot.area, spot.unit)
            rows.button(
                f"{rank} · {size} · mean {signed(spot.mean)}",
                key=f"spot_{rank}",
                type="tertiary",
                help=(
                    f"Go there. {plain(study.datum(uid).name)}: {words.count(len(spot.tokens))}, sum"
                    f" {signed(spot.total)}, highest {signed(spot.peak)}"
                ),
                on_click=go_to,
                args=(uid, spot),
            )


def no_token(study, nothing_there):
    """What to do, or why nothing is explained."""
    if nothing_there:
        st.info(look_of(study).NOTHING_THERE, icon=":material/not_listed_location:")
    else:
        st.info(
            f"Click a {study.kind.words.token}: its concept, its score and where the score comes from appear"
            " here.",
            icon=":material/touch_app:",
        )


def about_token(study, datum, token, fit=None):
    """A token's picture, concept and score.

    And the parts that the score is made of, under the fit that is shown (default: the current one).
    """
    fit, look, words = fit or study.view, look_of(study), study.kind.words
    explanation = study.explain(datum, token, fit)
    concept = int(study.concepts_of(datum)[token])
    colour, name = study.colours()[concept], study.concept_name(concept)
    place = place_text(study.kind.place(study, datum, token))
    with st.container(horizontal=True):
        look.token(
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
    st.caption(look.CAPTION)
    if fit.mask is not None:
        st.caption(
            f"Of weights beyond chance alone. All together: {signed(float(study.prospect(datum)[token]))}."
        )
    if explanation.concept < 0:
        st.warning(_why_no_score(words, concept in fit.state.excluded), icon=":material/block:")
    else:
        _parts(study, datum, token, explanation, concept)
        if study.several:
            _other_classes(study, datum, token)
        if fit.mask is None:
            what_if(study, datum, token, explanation)
    concept_actions(study, datum, token, concept)


def _why_no_score(words, excluded):
    if excluded:
        return f"This concept is excluded: its {words.tokens} are not counted and have no score."
    return (
        f"This {words.token} lies in a region that was marked to be ignored: it is not counted and has no"
        " score."
    )


def _parts(study, datum, token, explanation, concept):
    fit, score = study.view, explanation.score
    verdict = f"**{plain(study.sides[int(score > 0)])}**" if score else "**neither way**"
    try:
        with st.spinner("Refitting on resamples of the data…"):
            doubt = uncertainty_at(study, datum, token, resamples_of(fit))
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
    times = f"{term.count:.2f}".rstrip("0").rstrip(".")  # shares of concepts, or whole tokens
    what = (
        f"{times} × its own kind, itself included"
        if term.neighbour == concept
        else f"{times} × *{plain(study.concept_name(term.neighbour))}*"
    )
    return f"{what}, within {radius} hop{'s' if radius > 1 else ''} ({signed(term.weight)} each)"
