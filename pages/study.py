"""Study page: the data with their labels and predictions, the progress of jobs; make or open a study."""

import streamlit as st

from pages import jobs, shared
from pages.fit_form import fit_form
from pages.growing import growing
from pages.history import history
from pages.keeping import allow_box, keeping
from pages.making import make_study
from pages.missing import files_box
from pages.panels.edits import above
from pages.people import locked
from pages.relabel import relabel
from prospector_core.errors import ProspectorError
from prospector_core.wording import datum_words
from sample_data import build, sample_folder
from viewers.access import session as access
from viewers.kinds import FIRST, VIEWS, entry_of, view_named, view_of
from viewers.pictures import data_uri
from viewers.streamlit_patches import undisturbed
from viewers.words import place_of, plain

A_PAGE = 48  # data per page of the table: their thumbnails are read from slides


def make_sample():
    """Build the sample study with a progress bar."""
    bar = st.progress(0.0, "sample study")
    try:
        with undisturbed():
            access.require_editor(sample_folder())
            build(
                progress=lambda text, done, total: bar.progress(
                    min(1.0, done / total) if total else 0.0, text
                )
            )
    except (ProspectorError, RuntimeError) as error:
        shared.say_error(error)
        return
    shared.choose_study(sample_folder())
    st.rerun()


def open_form():
    """Choose among the studies beside the sample, or give a folder."""
    known = shared.known_studies()
    if known:
        name = st.selectbox("Studies on this machine", list(known))
        if st.button("Open", key="open_known", icon=":material/folder_open:"):
            _open(known[name])
    with st.form("open_folder"):
        path = st.text_input("Folder of a study", placeholder="/data/studies/lymph-nodes")
        if st.form_submit_button("Open this folder", icon=":material/folder_open:") and path.strip():
            _open(place_of(path))


def _open(path):
    try:
        shared.choose_study(path)
    except ProspectorError as error:
        shared.say_error(error)
    else:
        st.rerun()


def make_form():
    """Data and labels in, a new study out; then it is embedded and fitted in the background."""
    forms = {name: view_named(name) for name in VIEWS}
    name = st.segmented_control(
        "A study of",
        list(forms),
        default=FIRST if study is None or study.modality not in forms else study.modality,
        required=True,
        format_func=lambda name: forms[name].making,
        key="shown_make",
    )
    if new := forms[name].new_study():
        make_study(new)


def _picture(study, datum):
    try:
        return data_uri(view_of(study).picture(study, datum, 160))
    except ProspectorError:
        return None  # a slide that is gone: the row is still of use


def _label(study, datum):
    name = "" if datum.label is None else study.classes[datum.label]
    return f"{name or 'not known'} (corrected)" if datum.uid in study.curation.state.labels else name


def _how_predicted(fit):
    if fit is None or fit.summary["held_out_folds"]:
        return "Each one is predicted by a kernel that was fitted without it"
    return "The same data were used for the fit: there are too few to hold some out"


def _columns(study, fit):
    """What the columns of the table are called, and how they are shown."""
    return {
        "picture": st.column_config.ImageColumn("Picture", width="small", pinned=True),
        "name": st.column_config.TextColumn("Datum", pinned=True),
        "label": st.column_config.TextColumn("Label"),
        "P": st.column_config.ProgressColumn(
            f"P({study.classes[study.target]})",
            min_value=0.0,
            max_value=1.0,
            format="%.2f",
            help=_how_predicted(fit),
        ),
        "predicted": st.column_config.TextColumn("Predicted"),
        "P_predicted": st.column_config.NumberColumn(
            "P of that", format="%.2f", help="Probability of the predicted class"
        ),
        "agrees": st.column_config.TextColumn("Agrees", help="Prediction and label are the same"),
        "tiles": st.column_config.NumberColumn(study.kind.words.tokens.capitalize(), format="localized"),
        "slide": st.column_config.TextColumn(study.kind.words.source.capitalize()),
    }


def table(study):
    """The data: picture, name, label, prediction."""
    data = study.data
    fit = study.view
    predictions = fit.summary["predictions"] if fit else {}
    pages = -(-len(data) // A_PAGE)
    page = st.number_input(f"Page (of {pages})", 1, pages, 1) if pages > 1 else 1
    rows = []
    with st.spinner(f"Looking at the {study.kind.words.data}…"):
        pictures = {datum.uid: _picture(study, datum) for datum in data[(page - 1) * A_PAGE : page * A_PAGE]}
    for datum in data[(page - 1) * A_PAGE : page * A_PAGE]:
        probability = predictions.get(datum.uid)
        rows.append(
            {
                "picture": pictures[datum.uid],
                "name": datum.name,
                "label": _label(study, datum),
                "P": probability,
                "predicted": "" if probability is None else study.classes[fit.predicted(datum.uid)],
                "agrees": (
                    ""
                    if probability is None or datum.label is None
                    else "yes"
                    if fit.predicted(datum.uid) == datum.label
                    else "no"
                ),
                "P_predicted": None if probability is None else max(fit.probabilities(datum.uid)),
                "tiles": study.n_tokens(datum) if study.is_embedded(datum) else None,
                "slide": study.sources[datum.source].name,
                "split": datum.split,
            }
        )
    config = _columns(study, fit)
    left_out = {*(["slide"] if len(study.sources) == 1 else []), *([] if study.several else ["P_predicted"])}
    if fit is None:  # not known yet
        left_out |= {"P", "predicted", "P_predicted", "agrees", *([] if study.embedded() else ["tiles"])}
    order = [name for name in config if name not in left_out] + (
        ["split"] if any(d.split for d in data) else []
    )
    event = st.dataframe(
        rows,
        column_config=config,
        column_order=order,
        row_height=72,
        hide_index=True,
        width="stretch",
        height=min(42 + 72 * len(rows), 620),
        alt=f"{datum_words(study)[1].capitalize()} of the study {study.name}",
        on_select="rerun",
        selection_mode="single-row",
        key=f"shown_table_{page}",
    )
    if fit is not None:
        st.caption(f"Tick a row to show its {study.kind.words.datum}, or to correct its label.")
    picked = event.selection.rows
    if picked:
        datum = data[(page - 1) * A_PAGE + picked[0]]
        with st.container(horizontal=True, vertical_alignment="center"):
            _to_do(study, datum, fit)


def _to_do(study, datum, fit):
    """What can be done with the datum whose row is ticked."""
    if not study.is_embedded(datum):
        queued = {job.uid for job in study.queue.jobs() if job.state not in ("done", "failed")}
        if datum.uid not in queued and st.button(
            f"Embed {plain(datum.name)}", icon=":material/play_arrow:", disabled=locked(study)
        ):
            jobs.embed(study, [datum.uid])
            st.rerun()
    elif fit is not None and st.button(
        f"Show {plain(datum.name)}", type="primary", icon=entry_of(study.modality).icon
    ):
        shared.show_token(datum, None)
    relabel(study, datum)


study = shared.current_study()
if study is None:
    st.markdown("### Welcome to Prospector")
    st.markdown(
        "Prospector learns from labels of whole slides (or fields of slides), proteins, documents or samples"
        " of cells *where* a class lives, in concepts that you can see, name and correct. Begin with the"
        " sample, or with data of your own. Everything stays on this machine."
    )
    if st.button("Build the sample study (about a minute)", type="primary", icon=":material/science:"):
        make_sample()
    opening, making = st.tabs(["Open a study", "Make a study"])
    with opening:
        open_form()
    with making:
        make_form()
    st.stop()

st.markdown(f"### {plain(study.name)}")
summary, fitting, past, opening, making = st.tabs(
    ["Data", "Concepts and kernel", "History", "Open a study", "Make a study"]
)
with summary, shared.errors_said():
    allow_box(study)
    files_box(study)
    jobs.panel(study)
    fit = study.view
    if fit is not None:
        above(study)
    elif study.embedded() and not study.queue.at_work():
        st.info(
            "Next: find concepts and fit the kernel, under **Concepts and kernel**.",
            icon=":material/arrow_forward:",
        )
    counts = [sum(datum.label == label for datum in study.data) for label in range(len(study.classes))]
    first, second, third, fourth = st.columns(4)
    if study.several:
        first.metric(
            plain(study.classes[study.target]),
            counts[study.target],
            help=f"{datum_words(study)[1]} of the class that is shown",
        )
        each = ", ".join(f"{n} {plain(name)}" for name, n in zip(study.classes, counts))
        second.metric("other classes", sum(counts) - counts[study.target], help=f"In all: {each}")
    else:
        first.metric(
            plain(study.classes[1]), counts[1], help=f"{datum_words(study)[1]} of class 1: the class to find"
        )
        second.metric(plain(study.classes[0]), counts[0], help=f"{datum_words(study)[1]} of class 0")
    third.metric(
        study.kind.words.tokens.capitalize(), f"{sum(study.n_tokens(datum) for datum in study.embedded()):,}"
    )
    if fit is not None:
        kind = "held_out" if fit.summary["held_out_folds"] else "fitted"
        fourth.metric(
            "Predicted right",
            f"{fit.summary[f'{kind}_accuracy']:.0%}",
            help=f"Share of labelled data whose class is predicted right. {_how_predicted(fit)}",
        )
    table(study)
    growing(study)
    keeping(study)
with fitting, shared.errors_said():
    if study.embedded():
        fit_form(study)
    else:
        st.info("Embed the data first.", icon=":material/hourglass_empty:")
with past, shared.errors_said():
    history(study)
with opening:
    open_form()
with making:
    make_form()
