"""Is the map to be trusted: signal against shuffled labels, settings by labels alone, maps against truth."""

import tempfile
from pathlib import Path

import streamlit as st

from pages import shared
from pages.editing import by_me
from pages.evaluate_quantizers import by_quantizer
from pages.panels.change import note_change
from pages.people import locked
from prospector_core.errors import ProspectorError
from prospector_core.evaluation.plots import neutral
from prospector_core.evaluation.report import FEW_SAID, REGIONS_SAID, figures, spread_over_seeds, write_report
from prospector_core.study.chance import known_null, null_of
from viewers.access.session import exported
from viewers.words import plain

_SCORES = {
    "log_loss": st.column_config.NumberColumn(
        "Log loss", format="%.3f", help="Of held-out data; smaller is better"
    ),
    "auroc": st.column_config.NumberColumn(
        "AUROC", format="%.3f", help="Of held-out data, from their whole evidence"
    ),
    "top_auroc": st.column_config.NumberColumn(
        "Top AUROC", format="%.3f", help="The same, from the strongest twentieth of each one"
    ),
    "stability": st.column_config.NumberColumn(
        "Stability", format="%.2f", help="How alike maps are from halves of the data"
    ),
    "mean_rank": st.column_config.NumberColumn("Mean rank", format="%.1f"),
    "chosen": st.column_config.CheckboxColumn("Chosen"),
    "clearly_better": st.column_config.CheckboxColumn("Clearly better", help="Than the initial settings"),
}


def signal(study):
    """Whether labels are told better than shuffled ones, and which weights exceed them."""
    st.markdown("#### Is there any signal?")
    st.caption("Labels are shuffled many times: a map of labels without meaning looks like a map, too.")
    fit, null = study.view, known_null(study)
    if null is None:
        if not st.button(
            "Shuffle labels", icon=":material/shuffle:", help="200 times; the result is kept with the fit"
        ):
            return
        bar = st.progress(0.0, "Fitting to shuffled labels")
        null = null_of(
            study,
            progress=lambda done, total: bar.progress(
                done / total, f"Fitting to shuffled labels: {done} of {total}"
            ),
        )
        bar.empty()
    say = st.success if null.signal else st.warning
    say(
        plain(null.sentence[:1].upper() + null.sentence[1:]) + ".",
        icon=":material/check:" if null.signal else ":material/help:",
    )
    rows = [
        {"concept": study.concept_name(k), "weight": fit.weight(k), "p": float(null.p_values[k])}
        for k in range(fit.n_concepts)
        if null.kept[k]
    ]
    one, two = int(null.kept[: fit.n_concepts].sum()), int(null.kept[fit.n_concepts :].sum())
    st.caption(
        f"{one} concept{'s' * (one != 1)} and {two} pair{'s' * (two != 1)} stand out, at a false discovery"
        f" rate of {null.level:.0%}."
    )
    if rows:
        st.dataframe(
            rows,
            hide_index=True,
            width="stretch",
            alt="Concepts that stand out from shuffled labels",
            column_config={
                "weight": st.column_config.NumberColumn(format="%.2f"),
                "p": st.column_config.NumberColumn(format="%.4f"),
            },
        )
        st.caption("**Only what exceeds chance**, beside the map, draws these alone.")


def search(study):
    """The search of settings, as it runs; the winner can be fitted."""
    st.markdown("#### Which settings, by labels alone?")
    st.caption(
        "Each candidate predicts data that were held out. Truth is not used. The initial settings stay"
        " unless others are clearly better."
    )
    key = f"choice_{study.path}_{study.target}"
    if st.button("Search settings", icon=":material/manage_search:"):
        from prospector_core.evaluation.choose import shown as said_of
        from prospector_core.evaluation.studies import choose_for

        bar, table, rows = st.progress(0.0, "searching"), st.empty(), []

        def show(done, total, settings, scores):
            rows.append(
                {
                    "concepts": settings.concepts,
                    "radius": settings.radius,
                    "softness": settings.softness,
                    "centre": settings.centre,
                    **said_of(scores),
                }
            )
            bar.progress(done / total, f"candidate {done} of {total}")
            table.dataframe(rows, column_config=_SCORES, hide_index=True, width="stretch")

        st.session_state[key] = choose_for(study, progress=show)
        bar.empty()
        table.empty()
    if key not in st.session_state:
        return
    choice = st.session_state[key]
    st.info(f"Chosen: {plain(choice.why)}.", icon=":material/flag:")
    st.dataframe(
        choice.rows(),
        column_config=_SCORES,
        hide_index=True,
        width="stretch",
        alt="Candidates, best mean rank first",
    )
    if st.button(
        "Find concepts and fit with these",
        type="primary",
        icon=":material/play_arrow:",
        disabled=locked(study),
    ):
        with st.spinner("Fitting…"), by_me(study):
            change = study.fit(choice.settings)
        note_change(study, change)
        st.rerun()


def against_truth(study):
    """The study's maps against truth, beside held-out heads and baselines, with plots."""
    st.markdown("#### How right, where the truth is known?")
    file = st.file_uploader(
        "Truth of tokens",
        ["csv", "tsv"],
        help=(
            "A table with a column for the datum, one for the token's place (token, or row and column,"
            " residue, ...) and truth: 0 or 1. For scoring alone"
        ),
    )
    with st.container(horizontal=True):
        every = st.toggle(
            "Networks, too", help="Attention, gradients, graph attention: trained here, which takes minutes"
        )
        ways = st.toggle(
            "Ways of finding concepts, too",
            help="A row each: k-means, spherical k-means, tree and the others",
        )
        few = st.toggle(
            "Few labels", help="Also fitted on 2, 4, 8, ... labelled data per class, five draws each"
        )
    seeds = st.number_input(
        "Seeds", 1, 20, 5, help="Concepts, folds and networks are drawn anew with each", width=160
    )
    key = f"scored_{study.path}_{study.view.id}_{study.target}"
    if st.button(
        "Score maps",
        icon=":material/fact_check:",
        disabled=file is None,
        help=None if file else "Give the truth first",
    ):
        st.session_state[key] = _scored(study, file, every, ways, few, int(seeds))
    if key not in st.session_state:
        return
    _show_scores(study, *st.session_state[key])


def _show_scores(study, found, page):
    names = {
        "method": "Method",
        "ap": "AP",
        "ap_low": "from",
        "ap_high": "to",
        "ap_above_chance": "Above chance",
        "over_seeds": "Over seeds",
        "auroc": "AUROC",
        "seconds": "Seconds a fold",
    }
    st.dataframe(
        [
            {title: row[name] for name, title in names.items()}
            for row in ({**each, "over_seeds": spread_over_seeds(each)} for each in found.summary)
        ],
        hide_index=True,
        width="stretch",
        alt="Average precision of each method",
        column_config={
            title: st.column_config.NumberColumn(format="%.3f")
            for title in ("AP", "from", "to", "Above chance", "AUROC")
        }
        | {"Seconds a fold": st.column_config.NumberColumn(format="%.1f")},
    )
    st.caption(
        f"A constant map scores {found.problem['prevalence']:.3f}, a random one"
        f" {found.problem['chance_ap']:.3f}. From and to: 95 % interval over data and seeds."
        " “This study's fit” maps data that it was fitted on; the others do not."
    )
    shown = figures(found)
    for name, title, says in (
        ("few", "Few labels", FEW_SAID),
        ("regions", "Where maps are right and where not", REGIONS_SAID),
    ):
        if shown.get(name):
            st.markdown(f"##### {title}")
            st.caption(says)
            st.image(neutral(shown[name]), width="stretch")
    st.download_button(
        "Save the report",
        exported(study, "evaluation report", lambda: page),
        "evaluation.html",
        "text/html",
        icon=":material/download:",
    )


def _scored(study, file, every, ways, few, seeds):
    """The comparison, and its report: (Evaluation, bytes of an HTML page)."""
    from prospector_core.evaluation.run import add_outcome, evaluate, method_names
    from prospector_core.evaluation.studies import own_maps, problem_of
    from prospector_core.evaluation.truth import read_truth

    bar = st.progress(0.0, "Reading the truth")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / Path(file.name).name
        path.write_bytes(file.getvalue())
        try:
            truth = read_truth(study, path)
            problem = problem_of(study, truth)
            methods = method_names("all" if every else "nearest centroid", False, "all" if ways else None)
            methods = [name for name in methods if every or "tuned with truth" not in name]
            found = evaluate(
                problem,
                methods,
                few=few,
                seeds=seeds,
                progress=lambda done, total, text: bar.progress(done / total, plain(text)),
            )
        finally:
            bar.empty()
        add_outcome(found, problem, "this study's fit", own_maps(study, problem, truth))
        written = write_report([found], Path(scratch) / "out")
        return found, next(each for each in written if each.suffix == ".html").read_bytes()


study = shared.current_study()
if study is None or study.view is None:
    st.info("Fit a study first: the Study page.", icon=":material/info:")
else:
    st.markdown("### Evaluation")
    for part in (signal, search, lambda study: by_quantizer(study, _SCORES), against_truth):
        try:
            part(study)
        except ProspectorError as error:
            shared.say_error(error)
