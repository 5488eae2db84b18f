"""Which way of finding concepts.

What labels alone say of each, as it is found; the chosen one can be fitted.
"""

from dataclasses import replace

import streamlit as st

from pages.editing import by_me
from pages.panels.change import note_change
from pages.people import locked
from prospector_core.study.concept_search import default_settings
from prospector_core.study.settings import about_quantizer, list_quantizers
from viewers.words import plain

__all__ = ["by_quantizer"]


def by_quantizer(study, scores):
    """The part of the Evaluation page. ``scores``: how columns of scores are shown."""
    if study.given_concepts() is not None:
        return  # the encoder brings concepts: there is nothing to find
    st.markdown("#### Which way of finding concepts, by labels alone?")
    st.caption(
        "Each way with the settings to begin with, judged by how it predicts data that were held out. k-means"
        " stays unless another is clearly better."
    )
    key = f"quantizers_{study.path}_{study.target}"
    if st.button("Compare ways", icon=":material/alt_route:"):
        from prospector_core.evaluation.quantizers import row_name  # late: the page is seen meanwhile
        from prospector_core.evaluation.studies import choose_for

        usual, names = default_settings(study), list_quantizers()
        bar = st.progress(0.0, "comparing")
        choice = choose_for(
            study,
            [replace(usual, quantizer=name) for name in names],
            progress=lambda done, total, settings, *_: bar.progress(
                done / total, plain(row_name(settings.quantizer))
            ),
        )
        bar.empty()
        st.session_state[key] = replace(choice, names=tuple(names), first=names[0])
    if key not in st.session_state:
        return
    choice = st.session_state[key]
    said = f"{choice.names[choice.best]}, {choice.why}" if choice.best else choice.why
    st.info(f"Chosen: {plain(said)}.", icon=":material/flag:")
    rows = [
        {
            "way": name,
            "log_loss": score.log_loss,
            "auroc": score.auroc,
            "top_auroc": score.top_auroc,
            "stability": score.stability,
            "chosen": at == choice.best,
            "what": about_quantizer(name),
        }
        for at, (name, score) in enumerate(zip(choice.names, choice.scores))
    ]
    columns = {
        "way": st.column_config.TextColumn("Concepts by", pinned=True),
        "what": st.column_config.TextColumn("What it looks for", width="large"),
    }
    st.dataframe(
        rows,
        column_config={**scores, **columns},
        hide_index=True,
        width="stretch",
        alt="Ways of finding concepts, and what labels alone say of each",
    )
    chosen = st.selectbox("Way", choice.names, index=choice.best, key="shown_way")
    said = f"Find concepts by {plain(chosen)} and fit"
    if st.button(said, icon=":material/play_arrow:", disabled=locked(study)):
        with st.spinner("Fitting…"), by_me(study):
            change = study.fit(quantizer=chosen)
        note_change(study, change)
        st.rerun()
