"""The command that makes a study: `prospector new`, a function for each kind of data."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadInputError, LabelsError
from .output import complain, print_json, progress_bar, say

__all__ = ["register"]

_NOTES = 5


def register(app):
    """Add the command to the application."""
    app.command()(new)


def new(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")],
    slides: Annotated[Path | None, typer.Option(help="Folder of slides: SVS, TIFF, OME-TIFF, NDPI, MRXS, PNG, JPEG.")] = None,
    features: Annotated[Path | None, typer.Option(help="Folder of feature files of TRIDENT or CLAM (HDF5), instead of embedding slides here.")] = None,
    patches: Annotated[Path | None, typer.Option(help="With --features: folder of CLAM's patches step. Default: looked for beside the features.")] = None,
    documents: Annotated[Path | None, typer.Option(help="JSON lines (id, text or sections), or a folder of text, Markdown and PDF.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Table (CSV) with a file and a label column; optionally x, y, width, height (fields) and split.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder of tokens. Slides: efficientnet-lite0 (default), also timm:NAME, open_clip:MODEL/PRETRAINED, either with @patches. Documents: minilm (default), also transformers:NAME or transformers:FOLDER.")] = None,
    mpp: Annotated[float | None, typer.Option(help="Slides: microns a pixel at which tiles are cut. Default: 0.5.")] = None,
    tile: Annotated[int | None, typer.Option(help="Slides: pixels a tile side at that resolution. Default: 224.")] = None,
    stain: Annotated[str | None, typer.Option(help="Slides: bring the stain of every slide to one reference before encoding: macenko or reinhard.")] = None,
    slide_mpp: Annotated[float | None, typer.Option(help="Microns a pixel of slides that do not state it.")] = None,
    min_tissue: Annotated[float | None, typer.Option(help="Slides: share of a tile that must be tissue. Default: 0.25.")] = None,
    words: Annotated[int | None, typer.Option(help="Documents: tokens are windows of so many words. Default: sentences.")] = None,
    language: Annotated[str | None, typer.Option(help="Documents: language whose rules end sentences, such as en or de. Default: found for each document.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the study. Default: the folder's.")] = None,
    file_column: Annotated[str | None, typer.Option(help="Column of the table that names the file.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of the table that gives the class.")] = None,
    positive: Annotated[str | None, typer.Option(help="The class to find (class 1), where it is not obvious.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, nothing else.")] = False,
):  # fmt: skip
    """Make a study from data, or from features of them, and a labels table."""
    if slides is None and features is None and documents is None:
        raise BadInputError("say what the study is of: --slides DIR or --documents FILE.jsonl|DIR")
    common = {
        "labels": labels, "name": name, "file_column": file_column, "label_column": label_column, "positive": positive,
    }  # fmt: skip
    of_slides = {
        "slides": slides, "features": features, "patches": patches, "mpp": mpp, "tile": tile, "stain": stain, "slide_mpp": slide_mpp,
        "min_tissue": min_tissue,
    }  # fmt: skip
    of_documents = {"documents": documents, "words": words, "language": language}
    if documents is not None:
        _none_of(of_slides, "documents")
        _new_documents(study, documents, encoder, common, _told(of_documents), json)
        return
    _none_of(of_documents, "slides")
    given = _told(
        {option: value for option, value in of_slides.items() if option not in ("slides", "features", "patches")}
    )
    _new_slides(study, slides, features, patches, encoder, common, given, json)


def _told(options):
    return {option: value for option, value in options.items() if value is not None}


def _none_of(options, kind):
    """Options of another kind of study are a mistake, not to be passed over."""
    for option in _told(options):
        raise BadInputError(f"--{option.replace('_', '-')} is not for a study of {kind}: leave it out")


def _new_documents(study, documents, encoder, common, given, json):
    """A study of documents."""
    from ..study import Study

    if encoder is not None:
        given["encoder"] = encoder
    with progress_bar("reading documents", json) as bar:
        made = Study.create(study, **given, **common, progress=bar)
    notes = made.embedding["notes"]
    for note in notes[:_NOTES]:
        complain(f"note: {note}")
    if len(notes) > _NOTES:
        complain(f"note: and {len(notes) - _NOTES} more of this kind")
    _say_made(made, json, {"files": len(made.sources)}, {"notes": notes})
    if not json:
        say(f"next: prospector embed {made.path}")


def _new_slides(study, slides, features, patches, encoder, common, given, json):
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
            made = Study.from_features(study, features=features, slides=slides, patches=patches, **common)
        else:
            if encoder is not None:
                given["encoder"] = encoder
            made = Study.create(study, slides=slides, **given, **common)
    unknown = [source.name for source in made.sources.values() if source.info["mpp"] is None]
    if unknown and features is None:
        complain(
            f"note: {len(unknown)} of {len(made.sources)} slides do not state their microns a pixel; tiles of "
            f"{made.embedding['tile']} of their own pixels are used (say --slide-mpp 0.25 if you know it)"
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


def _asked(slide_mpp, bar, json):
    """Microns a pixel of slides that do not state it: a function of the file's name, which asks once on a terminal."""
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
    """What was made. ``of_sources``: how many files, by what they are called; ``more``: what else JSON has."""
    counts = [sum(datum.label == label for datum in made.data) for label in range(len(made.classes))]
    unlabelled = sum(datum.label is None for datum in made.data)
    if json:
        print_json({
            "study": str(made.path), **of_sources, "data": len(made.data), "classes": made.classes,
            "class_counts": counts, "unlabelled": unlabelled, **more,
        })  # fmt: skip
        return
    ((what, n),) = of_sources.items()
    each = list(zip(counts, made.classes))
    say(
        f"{made.path}: {len(made.data)} data on {n} {what}; "
        + ", ".join(f"{count} “{name}”" for count, name in (each if made.several else each[::-1]))
        + (f", {unlabelled} unlabelled" if unlabelled else "")
    )
