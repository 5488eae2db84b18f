"""The command that makes a study: `prospector new`, a function for each kind of data."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadInputError, LabelsError
from ..store.readable import remember_sources
from ..study.opening import create_from_features
from .output import complain, print_json, progress_bar, say

__all__ = ["register"]

_NOTES = 5  # said on the terminal; all of them are kept

# Which options are of which kind of study; all others are of every kind. Graphs and cells are read in the
# same ways.
_TOKENS = ("edges", "values", "sample_column", "spatial", "transform", "unit")
_OWN_OPTIONS = {
    "slides": ("features", "patches", "mpp", "tile", "stain", "slide_mpp", "min_tissue"),
    "structures": ("atom", "cutoff"),
    "documents": ("words", "language", "no_text"),
    "graphs": _TOKENS,
    "cells": _TOKENS,
}
_SOURCES = (
    "--slides DIR, --features DIR, --structures DIR, --documents FILE|DIR, --cells FILE|DIR or --graphs"
    " FILE|DIR"
)


def register(app):
    """Add the command to the application."""
    app.command()(new)


def new(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")],
    slides: Annotated[
        Path | None, typer.Option(help="Folder of slides: SVS, TIFF, OME-TIFF, NDPI, MRXS, PNG, JPEG.")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            help="Folder of feature files of TRIDENT or CLAM (HDF5), instead of embedding slides here."
        ),
    ] = None,
    patches: Annotated[
        Path | None,
        typer.Option(
            help="With --features: folder of CLAM's patches step. Default: looked for beside the features."
        ),
    ] = None,
    structures: Annotated[
        Path | None,
        typer.Option(
            help=(
                "Folder of structures: PDB or mmCIF, plain or gzip. The labels table may have a chain column."
            )
        ),
    ] = None,
    cells: Annotated[
        Path | None,
        typer.Option(
            help=(
                "Cells: AnnData (.h5ad) or SpatialData (.zarr), Parquet, CSV or NPZ tables; or a folder of"
                " channel images (TIFF), each with a label image NAME_mask.tif."
            )
        ),
    ] = None,
    graphs: Annotated[
        Path | None, typer.Option(help="Token graphs of any kind, read in the same ways as --cells.")
    ] = None,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            help=(
                "Folder of your own vectors, in place of an encoder: a file a datum (.npy, .h5, .parquet), a"
                " row a token in order. Slides: with coordinates, as --features."
            )
        ),
    ] = None,
    documents: Annotated[
        Path | None,
        typer.Option(
            help=(
                "JSON lines (id, text or sections; with a label field no table is needed), or a folder of"
                " text, Markdown and PDF."
            )
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help=(
                "Table (CSV) with a file and a label column; optionally x, y, width, height (fields) and"
                " split."
            )
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help=(
                "Encoder of tokens. Slides: efficientnet-lite0 (default), also timm:NAME,"
                " open_clip:MODEL/PRETRAINED, either with @patches. Structures: residue-type (default), 3di,"
                " residue-type*3di, pocketnet, esm2:NAME, or several joined by +. Documents: minilm"
                " (default), transformers:NAME or transformers:FOLDER. Cells, graphs: standardised (default)"
                " or as-given."
            )
        ),
    ] = None,
    mpp: Annotated[
        float | None, typer.Option(help="Slides: microns a pixel at which tiles are cut. Default: 0.5.")
    ] = None,
    tile: Annotated[
        int | None, typer.Option(help="Slides: pixels a tile side at that resolution. Default: 224.")
    ] = None,
    stain: Annotated[
        str | None,
        typer.Option(
            help=(
                "Slides: bring the stain of every slide to one reference before encoding: macenko or"
                " reinhard."
            )
        ),
    ] = None,
    slide_mpp: Annotated[
        float | None, typer.Option(help="Microns a pixel of slides that do not state it.")
    ] = None,
    atom: Annotated[
        str | None,
        typer.Option(
            help=(
                "Structures: what stands for a residue in the contact graph: side (middle of the side chain,"
                " default), ca or cb."
            )
        ),
    ] = None,
    cutoff: Annotated[
        float | None,
        typer.Option(
            help=(
                "Structures: angstrom up to which two residues are in contact. Default: 6 with side, 8 with"
                " ca or cb."
            )
        ),
    ] = None,
    min_tissue: Annotated[
        float | None, typer.Option(help="Slides: share of a tile that must be tissue. Default: 0.25.")
    ] = None,
    edges: Annotated[
        str | None,
        typer.Option(
            help=(
                "Cells, graphs: neighbours:6, radius:30, delaunay, delaunay:50 (none longer) or given;"
                " numbers are yours. Default: given edges, else neighbours:6."
            )
        ),
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(help="AnnData: what the features are: X (default), layers/NAME or obsm/NAME."),
    ] = None,
    sample_column: Annotated[
        str | None,
        typer.Option(help="Cells, graphs: column of their tables that says which datum a token is of."),
    ] = None,
    spatial: Annotated[
        str | None, typer.Option(help="AnnData: key of obsm that has coordinates. Default: spatial.")
    ] = None,
    transform: Annotated[
        str | None,
        typer.Option(
            help=(
                "Cells, graphs: none (default), log1p or arcsinh (of x / 5), before features are"
                " standardised."
            )
        ),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Cells, graphs: unit of the coordinates, such as µm.")
    ] = None,
    words: Annotated[
        int | None, typer.Option(help="Documents: tokens are windows of so many words. Default: sentences.")
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help=(
                "Documents: language whose rules end sentences, such as en or de. Default: found for each"
                " document."
            )
        ),
    ] = None,
    no_text: Annotated[
        bool | None,
        typer.Option(
            "--no-text",
            help=(
                "Documents: keep no text beside the embeddings; it is read from its file whenever it is"
                " shown."
            ),
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the study. Default: the folder's.")] = None,
    file_column: Annotated[str | None, typer.Option(help="Column of the table that names the file.")] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Column of the table that gives the class.")
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="The class to find (class 1), where it is not obvious.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help=(
                "Keep embeddings (and the text of documents, see --no-text) there instead of in the study's"
                " folder: s3://, gs://, az:// or abfs:// with bucket/prefix."
            ),
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help=(
                "Slides, structures: processes on this machine that look at the files. Default: this one"
                " alone."
            )
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help=(
                "Slides, structures: scheduler of a dask cluster, tcp://host:port, whose workers look at the"
                " files."
            ),
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, nothing else.")] = False,
):
    """Make a study from data, or from features of them, and a labels table."""
    from ..scheduling import scheduler

    sources = _told(
        {"slides": slides, "structures": structures, "documents": documents, "graphs": graphs, "cells": cells}
    )
    own = _told(
        {
            "features": features,
            "patches": patches,
            "mpp": mpp,
            "tile": tile,
            "stain": stain,
            "slide_mpp": slide_mpp,
            "min_tissue": min_tissue,
            "edges": edges,
            "values": values,
            "sample_column": sample_column,
            "spatial": spatial,
            "transform": transform,
            "unit": unit,
            "atom": atom,
            "cutoff": cutoff,
            "words": words,
            "language": language,
            "no_text": no_text,
        }
    )
    kind = _kind(sources, own if embeddings is None else {**own, "embeddings": embeddings})
    common = {
        "labels": labels,
        "name": name,
        "file_column": file_column,
        "label_column": label_column,
        "positive": positive,
    }
    if embeddings is not None and encoder is not None:
        raise BadInputError("--embeddings are vectors that are made already: leave out --encoder")
    if embeddings is not None and kind == "slides":
        if features is not None:
            raise BadInputError("--embeddings and --features say the same of slides: give one of them")
        features = embeddings
    elif embeddings is not None:
        common["embeddings"] = embeddings
    if store is not None:
        if features is not None:
            raise BadInputError(
                "--store is for what is embedded here: features are copied into the study's folder"
            )
        common["store"] = store
    if (workers, cluster) != (None, None) and (kind not in ("slides", "structures") or features is not None):
        raise BadInputError(
            "--workers and --cluster look at slides and structures: leave them out here; `prospector embed`"
            " has them too"
        )
    if kind == "slides":
        given = {option: value for option, value in own.items() if option not in ("features", "patches")}
        with scheduler(workers, cluster) as on:
            _new_slides(study, slides, features, patches, encoder, common, given, on, json)
    elif kind == "structures":
        with scheduler(workers, cluster) as on:
            _new_structures(study, structures, encoder, common, {**own, "on": on}, json)
    elif kind == "documents":
        _new_documents(study, documents, encoder, common, own, json)
    else:
        _new_tokens(study, kind, sources[kind], encoder, common, own, json)


def _told(options):
    return {option: value for option, value in options.items() if value is not None}


def _kind(sources, own):
    """What the study is of: the one source that was given; options of another kind are a mistake."""
    if len(sources) > 1:
        raise BadInputError(f"a study is of one thing: say --{' or --'.join(sources)}")
    kind = next(iter(sources), "slides")
    if not sources and not {"features", "embeddings"} & own.keys():
        raise BadInputError(f"say what the study is of: {_SOURCES}")
    for option in own:
        if option not in (*_OWN_OPTIONS[kind], "embeddings"):
            raise BadInputError(f"--{option.replace('_', '-')} is not for a study of {kind}: leave it out")
    return kind


def _new_documents(study, documents, encoder, common, own, json):
    """A study of documents."""
    from ..study import Study

    if encoder is not None:
        own["encoder"] = encoder
    if own.pop("no_text", False):
        own["keep_text"] = False
    with progress_bar("reading documents", json) as bar:
        made = Study.create(study, documents=documents, **own, **common, progress=bar)
    notes = made.embedding["notes"]
    for note in notes[:_NOTES]:
        complain(f"note: {note}")
    if len(notes) > _NOTES:
        complain(f"note: and {len(notes) - _NOTES} more of this kind")
    _say_made(made, json, {"files": len(made.sources)}, {"notes": notes})
    if not json:
        say(f"next: prospector embed {made.path}")


def _new_tokens(study, kind, source, encoder, common, own, json):
    """A study of cells, or of other token graphs."""
    from ..study import Study

    if encoder is not None:
        own["encoder"] = encoder
    with progress_bar(f"reading {kind}", json) as bar:
        made = Study.create(study, **{kind: source}, **own, **common, progress=bar)
    _say_made(made, json, {"files": len(made.sources)}, {"features": made.embedding["features"]})
    if not json:
        names = made.embedding["features"]
        say(f"{len(names)} features: {', '.join(names[:8])}" + (" …" if len(names) > 8 else ""))
        say(f"next: prospector embed {made.path}")


def _new_slides(study, slides, features, patches, encoder, common, given, on, json):
    """A study of slides, or of features of slides."""
    from ..study import Study

    if patches is not None and features is None:
        raise BadInputError("--patches goes with --features: say where the features are")
    if "stain" in given and features is not None:
        raise BadInputError("--stain is for slides that are embedded here: features are taken as they are")
    if common["labels"] is None:
        raise LabelsError("say where the labels are: --labels labels.csv")
    with progress_bar("looking at slides" if features is None else "reading features", json) as bar:
        common = {**common, "slide_mpp": _asked(given.pop("slide_mpp", None), bar, json), "progress": bar}
        if features is not None:
            made = create_from_features(study, features=features, slides=slides, patches=patches, **common)
        else:
            if encoder is not None:
                given["encoder"] = encoder
            made = Study.create(study, slides=slides, on=on, **given, **common)
    unknown = [source.name for source in made.sources.values() if source.info["mpp"] is None]
    if unknown and features is None:
        complain(
            f"note: {len(unknown)} of {len(made.sources)} slides do not state their microns a pixel; tiles of"
            f" {made.embedding['tile']} of their own pixels are used (say --slide-mpp 0.25 if you know it)"
        )
    _say_made(made, json, {"slides": len(made.sources)}, {"slides_without_mpp": unknown})
    if json:
        return
    if features is not None:
        empty = len(made.data) - len(made.embedded())
        tokens = sum(made.n_tokens(datum) for datum in made.embedded())
        say(
            f"{tokens:,} patches of the encoder {made.embedding['encoder']} imported"
            + (f"; {empty} data have none and are left out" if empty else "")
        )
    say(f"next: prospector {'embed' if features is None else 'fit'} {made.path}")


def _new_structures(study, structures, encoder, common, contacts, json):
    """A study of protein chains."""
    from ..study import Study

    if common["labels"] is None:
        raise LabelsError("say where the labels are: --labels labels.csv")
    with progress_bar("looking at structures", json) as bar:
        more = {**contacts, **({"encoder": encoder} if encoder is not None else {})}
        made = Study.create(study, structures=structures, progress=bar, **more, **common)
    if made.kind.note(made):
        complain(f"note: {made.kind.note(made)}")
    wanted = made.embedding
    _say_made(
        made,
        json,
        {"structures": len(made.sources)},
        {"encoder": wanted["encoder"], "atom": wanted["atom"], "cutoff": wanted["cutoff"]},
    )
    if not json:
        say(f"next: prospector embed {made.path}")


def _asked(slide_mpp, bar, json):
    """Microns a pixel of slides that do not state it.

    A function of the file's name, which asks once on a terminal.
    """
    unstated, answer = [], None

    def ask(file):
        nonlocal answer
        unstated.append(file)
        if slide_mpp is not None or json or not sys.stdin.isatty():
            return slide_mpp
        if len(unstated) > 1:  # asked once: slides of one folder come from one scanner
            return answer
        bar.pause()
        text = typer.prompt(
            f"{file} does not state its microns a pixel. Microns a pixel (empty = unknown)",
            default="",
            show_default=False,
        )
        try:
            answer = float(text) if text.strip() else None
        except ValueError as error:
            raise BadInputError(f"{text!r} is no number of microns a pixel") from error
        return answer

    return ask


def _say_made(made, json, of_sources, more):
    """What was made. ``of_sources``.

    How many files, by what they are called; ``more``: what else JSON has.
    """
    remember_sources(made.path)
    counts = [sum(datum.label == label for datum in made.data) for label in range(len(made.classes))]
    unlabelled = sum(datum.label is None for datum in made.data)
    if json:
        print_json(
            {
                "study": str(made.path),
                **of_sources,
                "data": len(made.data),
                "classes": made.classes,
                "class_counts": counts,
                "unlabelled": unlabelled,
                **more,
            }
        )
        return
    ((what, n),) = of_sources.items()
    each = list(zip(counts, made.classes))
    say(
        f"{made.path}: {len(made.data)} data on {n} {what}; "
        + ", ".join(f"{count} “{name}”" for count, name in (each if made.several else each[::-1]))
        + (f", {unlabelled} unlabelled" if unlabelled else "")
    )
