"""The button that saves files of a datum: its map for other programs, and figures."""

import streamlit as st

from pages.shared import say_error
from viewers.access.session import exported
from viewers.colour_limits import score_limit
from viewers.kinds import view_of
from viewers.words import plain

__all__ = ["save_box"]


def save_box(study, datum):
    """A popover with the files of one datum (Datum or uid); a file is made when it is saved."""
    view, datum = view_of(study), study.datum(datum)
    form = view.save_form(study, datum)
    with st.popover(form.label, icon=form.icon, help=form.help):
        format = next(iter(form.formats))
        if len(form.formats) > 1:
            format = st.selectbox(
                "As", list(form.formats), format_func=form.formats.get, key=f"{form.key}_format"
            )
        layer, options = next(iter(form.layers)), {}
        if format == "png":
            layer, options = _figure_options(form)
            options["limit"] = score_limit(study) if layer == "map" else None

        def draw():
            if format == "png":
                return view.figure()(study, datum, layer=layer, **options)
            return study.kind.exports[format].write(study, datum)

        trouble = view.save_trouble(study, datum, format)
        if trouble and len(form.formats) > 1:  # another format can still be saved
            st.caption(f":orange[:material/warning:] {plain(trouble)}")
        elif trouble:
            say_error(trouble)
        suffix = ".png" if format == "png" else study.kind.exports[format].suffix
        stem = form.stem(layer, bool(options.get("whole_slide")))
        st.download_button(
            "Save",
            exported(study, f"{format} of {datum.name}", draw),
            file_name=f"{stem}-fit{study.view.id}{suffix}",
            mime="image/png" if format == "png" else None,
            key=form.save_key,
            type="primary",
            on_click="ignore",
            icon=":material/download:",
            disabled=bool(trouble),
        )
        st.caption(form.caption)


def _figure_options(form):
    """(layer, other options) of a figure, as chosen."""
    layers, options = list(form.layers), {}
    layer = st.segmented_control(
        form.layer_label,
        layers,
        default=layers[0],
        required=True,
        key=f"{form.key}_layer",
        format_func=form.layers.get,
    )
    if form.extents:
        extent = st.segmented_control(
            "Shows",
            list(form.extents),
            default=next(iter(form.extents)),
            required=True,
            key=f"{form.key}_extent",
            format_func=form.extents.get,
        )
        options["whole_slide"] = extent == "slide"
    if form.widths:
        options["width"] = st.selectbox(
            "Width",
            list(form.widths),
            index=1,
            key=f"{form.key}_width",
            format_func=form.widths.get,
            help=form.widths_help,
        )
    if form.titled:
        title = st.text_input("Title", key=f"{form.key}_title", placeholder="none", max_chars=200)
        options["title"] = title.strip() or None
    return layer, options
