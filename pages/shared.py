"""What every page needs: the open study, its pictures, the sidebar with edits, and how to say that something is missing."""

import contextlib
import html
import os
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import streamlit as st

from pages.modality import main_page
from prospector_core.errors import ProspectorError
from prospector_core.hotspots import hot_spots
from prospector_core.readers import open_slide
from prospector_core.stain import STAIN_METHODS, estimate_stain, tissue_pixels
from prospector_core.study import Editor, Study
from prospector_core.study.change import Change
from prospector_core.study.prompts import phrase_vectors
from prospector_core.tissue import tissue_mask
from sample_data import sample_folder
from sample_data.fields import SLIDE
from viewers import tile_server
from viewers.limits import LIMIT_DATA, error_limit, resamples_of, score_limit
from viewers.overlays import diverging_css, map_limit, render_error, render_map, render_sprite
from viewers.pictures import mosaic, png
from viewers.token_tiles import (
    TILED_ABOVE,
    ConceptTiles,
    NumberTiles,
    ScoreTiles,
    TokenBlocks,
    above_table,
    doubt_numbers,
    encode_summary,
    token_numbers,
)
from viewers.tokens import encode_doubt, encode_tokens

__all__ = ["current_study", "known_studies", "choose_study", "sidebar", "style", "require_fit", "overlays_of", "typical_tiles",
           "datum_picture", "limit_of", "pairs_of", "say_error", "errors_said", "refit_bar", "refit_here", "last_change", "note_change", "say_change", "show_token", "edit", "edit_quietly",
           "editor_of", "drawn", "weight_bar", "share_text", "signed", "plain", "class_of", "token_picture",
           "change_limit", "in_both", "hot_spots_of", "area_text", "study_key", "stain_pictures", "vectors_of", "heat_table", "resamples_of", "doubt_of"]  # fmt: skip

_STYLE = """<style>
.stMainBlockContainer {padding: 3.6rem 2.5rem 2rem}
@media (max-width: 800px) {.stMainBlockContainer {padding-left: 1rem; padding-right: 1rem}}
/* Columns inside these containers go below each other where the page, less the sidebar, is narrow. */
[class*="st-key-split"] {container-type: inline-size}
@container (max-width: 760px) {
  .st-key-split > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] {flex-wrap: wrap}
  .st-key-split > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"] {min-width: 100%}
}
@container (max-width: 560px) {
  .st-key-split_cards > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] {flex-wrap: wrap}
  .st-key-split_cards > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"] {min-width: 100%}
}
/* What is chosen among the cards stays in sight while they scroll below it. */
[data-testid="stLayoutWrapper"]:has(> .st-key-chosen_place) {position: sticky; top: 3.75rem; z-index: 90}
.st-key-chosen {background: Canvas}
</style>"""


def style():
    """What Streamlit has no setting for."""
    st.html(_STYLE)


# ---- which study


@st.cache_resource(show_spinner=False, max_entries=8)
def _open(path, identity):
    return Study.open(path)


def _identity(path):
    """Another value once the folder was replaced by another study."""
    database = Path(path) / "study.sqlite"
    return (
        (database.stat().st_ino, database.stat().st_ctime_ns if os.name == "nt" else 0) if database.exists() else None
    )


def study_key(study):
    """What pictures of a study are remembered under."""
    return f"{study.path}|{_identity(study.path)}"


def open_study(path):
    """The study at a path, opened once for all sessions (anew if the folder was replaced)."""
    return _open(str(path), _identity(path))


def current_study(say=False):
    """The study of this session, or None; ``say`` shows why it cannot be opened."""
    path = st.session_state.get("study_path") or os.environ.get("PROSPECTOR_STUDY")
    if not path and not (sample_folder() / "study.sqlite").exists():
        return None
    try:
        return open_study(path or sample_folder())
    except ProspectorError as error:
        if say:
            say_error(error)
        return None


def choose_study(path):
    """Make a study the current one; what was selected in the former is forgotten."""
    Study.open(path)
    for key in [
        key
        for key in st.session_state
        if str(key).startswith(("at_", "atlas_", "cell_", "shown_", "change", "preview"))
    ]:
        del st.session_state[key]
    st.session_state["study_path"] = str(path)


def known_studies():
    """Study folders beside the sample and the one that is open: {name: path}."""
    folders = [folder for folder in sorted(sample_folder().parent.glob("*")) if (folder / "study.sqlite").exists()]
    opened = st.session_state.get("study_path") or os.environ.get("PROSPECTOR_STUDY")
    if (
        opened
        and (Path(opened) / "study.sqlite").exists()
        and Path(opened).resolve() not in [f.resolve() for f in folders]
    ):
        folders.append(Path(opened))
    names = [folder.name for folder in folders]
    return {folder.name if names.count(folder.name) == 1 else str(folder): folder for folder in folders}


def say_error(error):
    """An error as a person reads it."""
    st.error(plain(error), icon=":material/error:")


@contextlib.contextmanager
def errors_said():
    """Where an error ends this part of a page and not the others."""
    try:
        yield
    except ProspectorError as error:
        say_error(error)


def require_fit():
    """The current study if it has been fitted; else says what to do, and ends the page."""
    study = current_study()
    if study is None:
        st.info("No study is open. Make or open one on the **Study** page.", icon=":material/folder_open:")
        st.page_link("study.py", label="Go to Study", icon=":material/folder_open:")
        st.stop()
    if study.current_fit is None:
        working = study.queue.at_work()
        st.info(
            "This study has no concepts yet: "
            + (
                "it is being embedded. The first map is there when data of both classes are embedded and fitted."
                if working
                else "embed and fit it on the **Study** page."
            ),
            icon=":material/hourglass_empty:",
        )
        st.page_link("study.py", label="Go to Study", icon=":material/folder_open:")
        st.stop()
    return study


# ---- edits: undo, redo, refit


def sidebar(study):
    """Name of the study, undo and redo, and the refit that makes edits count."""
    if study is None:
        return
    with st.sidebar:
        st.markdown(f"**{plain(study.name)}**")
        try:
            fit = study.current_fit
            if fit is None:
                return
            st.caption(
                f"{len(study.data)} data · {fit.n_concepts} concepts · radius {fit.radius} · {fit.settings.kernel}"
            )
            refit_bar(study)
            _elsewhere(study)
        except ProspectorError:
            return  # the page says it, where there is room for the reason


def refit_bar(study):
    """Undo, redo and refit, and what the last refit changed."""
    edits = study.curation
    last, undone, pending = edits.can_undo(), edits.can_redo(), edits.pending()
    left, right = st.columns(2)
    if left.button("Undo", key="undo", icon=":material/undo:", disabled=last is None, width="stretch",
                   help=f"Take back: {plain(edits.describe(last))}{_whose(edits, last)}" if last else "Nothing to undo"):  # fmt: skip
        edit(lambda: edits.undo(), f"Undone: {plain(edits.describe(last))}")
    if right.button("Redo", key="redo", icon=":material/redo:", disabled=undone is None, width="stretch",
                    help=f"Bring back: {plain(edits.describe(undone))}{_whose(edits, undone)}" if undone else "Nothing to redo"):  # fmt: skip
        edit(lambda: edits.redo(), f"Redone: {plain(edits.describe(undone))}")
    if pending:
        st.caption(":orange[:material/pending: Edits wait for a refit.] The map still shows the last fit.")
    _refit_button(study, pending, "refit")
    shown = st.session_state.get("change")
    tried = st.session_state.get("preview", (None,))[0] == str(study.path)  # then its box stands in this place
    if not tried and shown and shown[0] == str(study.path) and study.current_fit.id == shown[1]:
        with st.container(border=True):
            st.markdown("**What the refit changed**" if shown[2] else "**The fit**")
            change = study.change(shown[2]) if shown[2] else Change(study, None, study.current_fit)
            say_change(study, change, "moved")


def refit_here(study, waiting):
    """While edits wait: a line on the page itself that says which, with undo and refit; the sidebar may be folded away.

    ``waiting``: those edits in words, the last one last.
    """
    if not study.curation.pending():
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="waiting"):
        shown = "; ".join(f"**{plain(words)}**" for words in waiting[-3:]) or "**an edit was undone**"
        more = f"{len(waiting) - 3} more and " if len(waiting) > 3 else ""
        st.markdown(
            f":orange[:material/pending:] Waiting for a refit: {more}{shown}. The map and the weights still show the last fit.",
            width="stretch",
        )
        last = study.curation.can_undo()
        if last is not None:
            st.button("Undo", key="undo_here", icon=":material/undo:", on_click=_undo, args=(study,),
                      help=f"Take back: {plain(study.curation.describe(last))}")  # fmt: skip
        _refit_button(study, True, "refit_here", "content")


def _undo(study):
    last = study.curation.can_undo()
    if last is not None and edit_quietly(study.curation.undo):
        st.toast(f"Undone: {plain(study.curation.describe(last))}")


def last_change(study):
    """What the last refit changed: Change; None before the first refit, or where concepts were found anew."""
    fits = study.fits()
    if len(fits) < 2:
        return None
    change = study.change(fits[-2][0])
    return change if change.same_concepts and change.before.radius == change.after.radius else None


def note_change(study, change):
    """Remember for this session that a refit was made here: the sidebar then says what it changed."""
    st.session_state["change"] = (str(study.path), change.after.id, change.before.id if change.before else None)


def say_change(study, change, key):
    """A change in words: how well data are predicted before and after, weights, classes; and what moved most, to fly to."""
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in change.sentences()))
    if change.before is None or not change.same_concepts:
        return
    rows = [(f"{datum.name}: now {study.classes[new]}", datum, None) for datum, _, new in change.flipped[:3]]
    for uid, token, old, new in _moved(study_key(study), change.before.id, change.after.id, study, change):
        datum = study.datum(uid)
        rows.append((f"{datum.name}: {signed(old)} to {signed(new)}", datum, token))
    if rows:
        st.caption("What moved most:")
        with st.container(gap=None):
            for number, (words, datum, token) in enumerate(rows):
                icon = ":material/swap_horiz:" if token is None else ":material/my_location:"
                if st.button(plain(words), key=f"{key}_{number}", type="tertiary", icon=icon, help="Go there"):
                    show_token(datum, token)


_MOVED_DATA = 12  # data that are searched for tokens that moved: maps of all would take long in a large study


@st.cache_data(show_spinner=False, max_entries=32)
def _moved(study_key, before, after, _study, _change):
    old, new = (fit.summary["predictions"] for fit in (_change.before, _change.after))
    both = [datum for datum in _study.embedded() if datum.uid in old and datum.uid in new]
    data = sorted(both, key=lambda datum: -abs(new[datum.uid] - old[datum.uid]))[:_MOVED_DATA]
    found, seen = [], set()
    for datum, token, *scores in _change.tokens(50, data):
        if datum.uid not in seen and len(found) < 3:  # one place a datum: neighbours move together
            seen.add(datum.uid)
            found.append((datum.uid, token, *scores))
    return found


def _refit_button(study, pending, key, width="stretch"):
    if not st.button("Refit", key=key, icon=":material/refresh:", type="primary" if pending else "secondary", disabled=not pending,
                     width=width, help="Fit the kernel again under all edits; concepts are not searched anew"):  # fmt: skip
        return
    try:
        with st.spinner("Refitting…"), study.curation.by(editor_of(study)):
            change = study.refit()
    except ProspectorError as error:
        say_error(error)
        return
    note_change(study, change)
    st.toast(f"Refitted: {plain(change.sentences()[0])}", icon=":material/check:")
    st.rerun()


def editor_of(study):
    """Who edits in this session, and what of the journal its pages have shown: Editor."""
    key = f"editor_{study.path}"
    if key not in st.session_state:
        st.session_state[key] = Editor(seen=study.curation.seen)
    editor = st.session_state[key]
    editor.author = st.session_state.get("author")  # None: whoever started the app
    return editor


@contextlib.contextmanager
def drawn(study):
    """What is drawn inside the block shows the journal as it now is. A click counts as made on what was drawn before."""
    if study is None:
        yield
        return
    editor, latest = editor_of(study), study.curation.seen
    others = study.curation.since(editor)
    if others:
        st.toast(_told(study, others), icon=":material/group:")
    st.session_state["drawing"] = latest, _fit_id(study)
    try:
        yield
    finally:
        editor.seen = latest


@st.fragment(run_every=3)
def _elsewhere(study):
    """A line that says, within seconds, that this study was edited or refitted in another window."""
    seen, fit = st.session_state.get("drawing", (None, None))
    others = study.curation.since(Editor(seen=seen, own=editor_of(study).own))
    if others or _fit_id(study) != fit:
        said = _told(study, others) if others else "The study was refitted elsewhere."
        st.caption(f":orange[:material/group:] {said}")
        if st.button("Show", key="reload", icon=":material/refresh:", help="Draw this page as the study now is"):
            st.rerun()


def _told(study, others):
    last = others[-1]
    what = plain(study.curation.describe(last)) + (f" ({plain(last.author)})" if last.author else "")
    number = f"{len(others)} edits were made elsewhere, the last" if len(others) > 1 else "An edit was made elsewhere"
    return f"{number}: {what}."


def _fit_id(study):
    return study.database.read("SELECT MAX(id) FROM fits")[0][0]  # not loaded: it may be damaged


def _whose(edits, entry):
    """Whose edit it is, where it is someone else's."""
    return f" (made by {plain(entry.author)})" if entry.author not in ("", edits.author) else ""


def edit(action, message, note=""):
    """Make an edit, say so, and draw the page anew. ``note``: why it is made."""
    if edit_quietly(action, note):
        st.toast(message)
        st.rerun()


def edit_quietly(action, note=""):
    """Make an edit inside a widget's callback (the page is drawn anew anyway). Returns whether it was made.

    It is refused if someone else has edited the same thing after this page was drawn. ``note``: why it is made.
    """
    study = current_study()
    try:
        with study.curation.by(editor_of(study), note):
            action()
    except ProspectorError as error:
        st.toast(plain(error), icon=":material/error:")
        return False
    return True


# ---- pictures


@st.cache_data(show_spinner=False, max_entries=64)
def _limit(study_path, fit_id, _study):
    return score_limit(_study)


def limit_of(study):
    """Score of the strongest colour: the same for every datum of a fit, so that colours compare."""
    return _limit(study_key(study), study.current_fit.id, study)


def doubt_of(study, datum, fit=None):
    """How sure a datum's map is: TokenUncertainty. Slow at the first call of a fit."""
    fit = fit or study.current_fit
    return study.uncertainty(datum, resamples_of(fit), fit)


@lru_cache(maxsize=8)  # not Streamlit's cache: server threads ask for it, too
def _error_limit(study, fit_id):
    """Standard error of the strongest colour, the same for every datum of a fit."""
    return error_limit(study, study.load_fit(fit_id))


@st.cache_data(show_spinner=False, max_entries=64)
def _pairs(study_key, fit_id, i, j, _study):
    found = []
    for datum in _study.embedded():
        if j is None:
            there = _study.sprite(datum) == i
            counts = there.astype(int)
            # of its tiles the one with the strongest score
            place = int(np.argmax(np.where(there, np.abs(np.nan_to_num(_study.prospect(datum))), -1)))
        else:
            counts = _study.pair_tokens(datum, i, j)
            if i == j:
                counts = np.maximum(counts - 1, 0)  # a tile beside itself is no pair to look at
            place = int(np.argmax(counts))
        total = int(counts.sum()) // (1 if j is None else 2)
        if total:
            found.append((total, datum.uid, place))
    return sorted(found, key=lambda each: -each[0])


def pairs_of(study, i, j=None):
    """Where concepts i and j lie within the radius of each other, or (j None) where i lies at all.

    Returns list of (how often, datum uid, the token with most of it), most first.
    """
    return _pairs(study_key(study), study.current_fit.id, i, j, study)


@st.cache_data(show_spinner=False, max_entries=256)
def _hot_spots(study_key, fit_id, uids, threshold, _study, _mpp):
    found = []
    for uid in uids:
        grid = _study.grid(uid)
        where = {"origin": grid["origin"], "pitch": grid["pitch"], "mpp": _mpp}
        spots = hot_spots(grid["positions"], _study.prospect(uid), threshold, **where)
        found += [(spot, uid) for spot in spots]
    return sorted(found, key=lambda each: -each[0].total)


def hot_spots_of(study, data, most=8):
    """Regions of the data that speak most for the class: (threshold, how many, list of (HotSpot, datum uid)).

    The threshold is half the score of the strongest colour, so that the list is what looks hot on the map.
    """
    threshold = limit_of(study) / 2
    mpp = study.sources[data[0].source].info["mpp"] if data else None
    found = _hot_spots(study_key(study), study.current_fit.id, tuple(d.uid for d in data), threshold, study, mpp)
    return threshold, len(found), found[:most]


def overlays_of(study, data, fit=None, change=None):
    """Map, sprite and uncertainty of each datum for the slide viewer: list of {id, kind, url, x, y, width, height}.

    ``fit``: another than the current one, in the same colours; ``change``: what a layer of differences shows.

    Images, and the numbers of tokens, are made when the browser asks for them, on a server thread. A grid of more than
    TILED_ABOVE tokens a side is drawn and asked for tile by tile.
    """
    fit, limit = fit or study.current_fit, limit_of(study)
    colours, excluded = study.colours(fit), frozenset(study.words(fit).excluded)
    found = []
    for datum in data:
        grid = study.grid(datum)
        (x, y), (rows, columns), pitch = grid["origin"], grid["shape"], grid["pitch"]
        box = {"x": x, "y": y, "width": columns * pitch, "height": rows * pitch}
        if change is not None and in_both(change, datum):
            found.append({**_change_overlay(study, datum, grid, change), **box})
        if max(rows, columns) > TILED_ABOVE:
            found += [{**each, **box} for each in _tiled_overlays(study, datum, grid, colours, excluded, fit)]
            continue

        def draw_map(datum=datum, grid=grid):
            return render_map(grid["positions"], study.prospect(datum, fit), grid["shape"], limit)

        def draw_sprite(datum=datum, grid=grid):
            return render_sprite(grid["positions"], study.concepts_of(datum, fit), colours, excluded, grid["shape"])

        def list_tokens(datum=datum, grid=grid):
            return encode_tokens(grid["positions"], study.prospect(datum, fit), study.concepts_of(datum, fit))

        def list_doubt(datum=datum):
            found = doubt_of(study, datum, fit)
            return encode_doubt(found.error, found.unsure & ~np.isnan(found.error), _error_limit(study, fit.id))

        def draw_error(datum=datum, grid=grid):
            error = doubt_of(study, datum, fit).error
            return render_error(grid["positions"], error, grid["shape"], _error_limit(study, fit.id))

        key = (study_key(study), datum.uid)
        numbers = {
            kind: tile_server.register_image(key, make, version=fit.id, kind=kind)
            for kind, make in (("tokens", list_tokens), ("doubt", list_doubt), ("error", draw_error))
        }
        error_url = numbers.pop("error")
        map_url = tile_server.register_image(key, draw_map, version=(fit.id, limit), kind="map")
        version = (fit.id, tuple(colours), tuple(sorted(excluded)))
        sprite_url = tile_server.register_image(key, draw_sprite, version=version, kind="sprite")
        found += [
            {"id": f"map-{datum.uid}", "kind": "map", "url": map_url, "shape": [rows, columns], **numbers, **box},
            {"id": f"sprite-{datum.uid}", "kind": "sprite", "url": sprite_url, **box},
            {"id": f"error-{datum.uid}", "kind": "error", "url": error_url, **box},
        ]
    return found


def in_both(change, datum):
    """Whether a datum has a map before and after."""
    return all(datum.uid in fit.summary["predictions"] for fit in (change.before, change.after))


@lru_cache(maxsize=8)
def _change_limit(study, before, after):
    change = study.change(before, after)
    data = [datum for datum in study.embedded() if in_both(change, datum)][:LIMIT_DATA]
    return map_limit([change.of_map(datum) for datum in data])


def change_limit(study, change):
    """Change of score of the strongest colour, the same for every datum."""
    return _change_limit(study, change.before.id, change.after.id)


def _change_overlay(study, datum, grid, change):
    """The difference of two maps of a datum, drawn when it is first looked at."""
    key, version = (study_key(study), datum.uid), (change.before.id, change.after.id)
    shown = {"id": f"change-{datum.uid}", "kind": "change"}

    def draw():
        return render_map(grid["positions"], change.of_map(datum), grid["shape"], change_limit(study, change))

    if max(grid["shape"]) <= TILED_ABOVE:
        return {**shown, "url": tile_server.register_image(key, draw, version=version, kind="change")}
    blocks = TokenBlocks(key, grid["positions"], grid["shape"])
    tiles = ScoreTiles(("change", *version), blocks, lambda: change.of_map(datum), lambda: change_limit(study, change))
    url = tile_server.register_tiles(key, tiles, version=version, kind="change")
    return {**shown, "tiles": url, "levels": blocks.top, "shape": list(grid["shape"])}


def _tiled_overlays(study, datum, grid, colours, excluded, fit):
    """Map, sprite and uncertainty of one datum as tiles: list of what the slide viewer is told of each."""
    limit = limit_of(study)
    key = (study_key(study), datum.uid)
    blocks = TokenBlocks(key, grid["positions"], grid["shape"])
    seen = (fit.id, limit)
    painted = (fit.id, tuple(colours), tuple(sorted(excluded)))

    def scores():
        return study.prospect(datum, fit)

    def concepts():
        return study.concepts_of(datum, fit)

    def error():
        return doubt_of(study, datum, fit).error

    def unsure():
        doubt = doubt_of(study, datum, fit)
        return doubt.unsure & ~np.isnan(doubt.error)

    def error_limit():
        return _error_limit(study, fit.id)

    def tiles(kind, version, drawn):
        return tile_server.register_tiles(key, drawn, version=version, kind=kind)

    map_tiles = ScoreTiles(("map", *seen), blocks, scores, lambda: limit, unsure=unsure)
    error_tiles = ScoreTiles(("error", fit.id), blocks, error, error_limit, unsure=unsure, signed=False)
    numbers = NumberTiles("tokens", blocks, token_numbers(scores, concepts))
    doubts = NumberTiles("doubt", blocks, doubt_numbers(error, unsure, error_limit))
    of_map = {
        "numbers": tiles("tokens", fit.id, numbers),
        "doubts": tiles("doubt", fit.id, doubts),
        "above": _above(*key, fit.id, limit, study),
        "summary": tile_server.register_image(
            key, lambda: encode_summary(unsure(), error_limit()), version=("summary", fit.id), kind="doubt"
        ),
    }
    pictures = {
        "map": tiles("map", seen, map_tiles),
        "sprite": tiles("sprite", painted, ConceptTiles(("sprite", fit.id), blocks, concepts, colours, excluded)),
        "error": tiles("error", fit.id, error_tiles),
    }
    drawn = {"levels": blocks.top, "shape": list(grid["shape"])}
    return [
        {"id": f"{kind}-{datum.uid}", "kind": kind, "tiles": url, **drawn, **(of_map if kind == "map" else {})}
        for kind, url in pictures.items()
    ]


@st.cache_data(show_spinner=False, max_entries=64)
def _above(study_key, uid, fit_id, limit, _study):
    return above_table(_study.prospect(uid, _study.load_fit(fit_id)), limit)


@st.cache_data(show_spinner=False, max_entries=4096)
def _token_picture(study_path, uid, token, side, context, _study):
    x, y, width, height = _study.token_rect(uid, token)
    margin = width * (context - 1) / 2
    with _study.open_slide(uid) as slide:
        return slide.read_scaled(x - margin, y - margin, width + 2 * margin, height + 2 * margin, side, side)


def token_picture(study, datum, token, side=96, context=1.0):
    """A token's tile as (side, side, 3) uint8; ``context`` 3 shows its neighbours too."""
    return _token_picture(study_key(study), datum.uid, int(token), side, context, study)


_SMALL = 16.0  # microns


@st.cache_data(show_spinner=False, max_entries=1024)
def _typical_tiles(study_key, fit_id, concept, side, _study):
    tokens = _study.typical_tokens(concept)
    if not tokens:
        return None
    with contextlib.ExitStack() as stack:
        slides = {}  # opening a slide costs more than reading a tile
        pictures = []
        for datum, token in tokens:
            if datum.source not in slides:
                slides[datum.source] = stack.enter_context(_study.open_slide(datum))
            slide = slides[datum.source]
            x, y, width, height = _study.token_rect(datum, token)
            # A patch of a few microns says nothing by itself: it is shown in the middle of its neighbours.
            margin = width if slide.mpp and width * slide.mpp < _SMALL else 0
            pictures.append(
                slide.read_scaled(x - margin, y - margin, width + 2 * margin, height + 2 * margin, side, side)
            )
    return png(mosaic(pictures, gap=0)), [(datum.uid, token) for datum, token in tokens]


def typical_tiles(study, concept, side=96):
    """A concept's most typical tiles in rows of four: (PNG, list of (datum uid, token)), or None where it has no tile."""
    return _typical_tiles(study_key(study), study.current_fit.id, concept, side, study)


@st.cache_data(show_spinner=False, max_entries=4096)
def _datum_picture(study_path, uid, side, _study):
    datum = _study.datum(uid)
    with _study.open_slide(datum) as slide:
        if datum.field is None:
            return slide.thumbnail(side)
        field, scale = datum.field, side / max(datum.field.width, datum.field.height)
        size = max(1, round(field.width * scale)), max(1, round(field.height * scale))
        return slide.read_scaled(field.x, field.y, field.width, field.height, *size)


def datum_picture(study, datum, side=160):
    """A datum at a glance: (h, w, 3) uint8, the longer side ``side`` pixels."""
    return _datum_picture(study_key(study), datum.uid, side, study)


@st.cache_data(show_spinner=False, max_entries=1)
def stain_pictures(side=360):
    """A part of the sample's slide as scanned and as each method of stain normalisation makes it: {caption: (side, side, 3)}.

    Raises ProspectorError.
    """
    x, y, width = 900, 900, 720  # dermis, epidermis and glass, in level-0 pixels
    with open_slide(SLIDE) as slide:
        pixels = tissue_pixels(slide, tissue_mask(slide), 224, 0.5)
        scanned = slide.read_scaled(x, y, width, width, side, side)
    found = {method.capitalize(): estimate_stain(method, pixels).apply(scanned) for method in STAIN_METHODS}
    return {"As scanned": scanned, **found}


def show_token(datum, token):
    """Select a token (None: the datum alone) and go to it on the page of its datum."""
    st.session_state["at_datum"], st.session_state["at_token"] = datum.uid, None if token is None else int(token)
    st.session_state["at_focus"] = True
    st.session_state.pop("at_glass", None)
    st.switch_page(main_page(current_study()).file)


def weight_bar(weight, largest, classes, pinned=False):
    """A weight as a bar to the left or right of a middle line, as HTML; a dot at its end where the expert pinned it."""
    share = 50 * min(abs(weight) / largest, 1.0)
    negative, _, positive = diverging_css(3)
    colour, left = (positive, 50) if weight > 0 else (negative, 50 - share)
    words = html.escape(f"for {classes[1]}" if weight > 0 else f"for {classes[0]}" if weight < 0 else "says nothing")
    words += ", pinned" if pinned else ""
    end = 50 + share * (1 if weight > 0 else -1)
    dot = (
        f'<div style="position:absolute;left:calc({end:.1f}% - .35em);top:0;width:.7em;height:.7em;box-sizing:border-box;'
        'background:#000;border:1px solid #fff;border-radius:50%"></div>'
    )
    return (
        f'<div role="img" aria-label="weight {signed(weight)}, {words}" style="display:flex;align-items:center;gap:.6em;font-size:.85rem">'
        f'<div style="position:relative;flex:1;height:.7em;background:rgba(128,128,128,.18);border-radius:3px">'
        f'<div style="position:absolute;left:{left:.1f}%;width:{share:.1f}%;height:100%;background:{colour};border-radius:2px"></div>'
        f'<div style="position:absolute;left:50%;width:1px;height:100%;background:currentColor;opacity:.5"></div>{dot if pinned else ""}</div>'
        f'<span style="white-space:nowrap"><b>{signed(weight)}</b> {words}</span></div>'
    )


@st.cache_data(show_spinner=False, max_entries=8)
def _vectors_of(study_key, phrases, _study):
    return phrase_vectors(_study, list(phrases))


def vectors_of(study, phrases):
    """Directions of phrases, (n, d): the encoder is loaded once for the same phrases."""
    return _vectors_of(study_key(study), tuple(phrases), study)


def heat_table(rows, columns, values):
    """Numbers as a table whose cells are the stronger coloured the larger they are, as HTML; a row's largest is bold.

    Parameters: rows, columns, names; values (rows, columns), only those above 0 are coloured.
    """
    top = max(float(np.nanmax(values, initial=0.0)), 0.05)
    colour = diverging_css(3)[2]
    cell = "padding:.25em .6em;text-align:right;white-space:nowrap"
    head = "".join(
        f'<th scope="col" style="padding:.25em .6em;text-align:right;vertical-align:bottom;font-weight:600">{html.escape(name)}</th>'
        for name in columns
    )
    lines = []
    for name, numbers in zip(rows, values, strict=True):
        cells = "".join(
            f'<td style="{cell};background:color-mix(in srgb, {colour} {45 * max(value, 0) / top:.0f}%, transparent);'
            f'font-weight:{700 if at == int(np.argmax(numbers)) else 400}">{signed(value)}</td>'
            for at, value in enumerate(numbers)
        )
        label = f'<th scope="row" style="padding:.25em .6em .25em 0;text-align:left;white-space:nowrap;font-weight:400">{html.escape(name)}</th>'
        lines.append(f"<tr>{label}{cells}</tr>")
    return (
        '<div style="overflow-x:auto;font-size:.85rem"><table style="border-collapse:separate;border-spacing:2px;'
        f'font-variant-numeric:tabular-nums"><thead><tr><td></td>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def signed(value):
    """A weight or score as text: +2.94, −0.50."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def plain(text):
    """A name as it stands, in Markdown: nothing in it is markup."""
    return re.sub(r"([\\`*_\[\]<>~$:#|])", r"\\\1", str(text))


def class_of(study, datum):
    """The name of a datum's class, or "unlabelled"."""
    return study.classes[datum.label] if datum.label in (0, 1) else "unlabelled"


def share_text(value):
    """A share as text: 12 %, 0.4 %, 0 %."""
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"


def area_text(area, unit):
    """An area as text: 1.3 mm², 0.026 mm², 90,000 px²."""
    return f"{area:,.0f} px²" if unit == "px2" else f"{float(f'{area:.2g}'):g} mm²"
