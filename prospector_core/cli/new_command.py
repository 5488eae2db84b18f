"""`prospector new`: its options are those that the kinds of data declare (``Modality.options``)."""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import BadInputError, LabelsError
from ..modalities.base import Modality
from ..modalities.options import Option, Question, options_of
from ..modalities.registry import modalities
from ..store.readable import remember_sources
from .output import complain, print_json, progress_bar, say

if TYPE_CHECKING:
    from ..study import Study

__all__ = ["register"]

_NOTES = 5  # said on the terminal; all of them are kept


def register(app: typer.Typer) -> None:
    """Add the command to the application."""

    def new(**given: Any) -> None:
        """Make a study from data, or from features of them, and a labels table."""
        _new({option: value for option, value in given.items() if value is not None})

    parameters = _parameters(modalities())
    new.__signature__ = inspect.Signature(parameters)
    new.__annotations__ = {each.name: each.annotation for each in parameters}
    app.command()(new)


# ---- options


def _parameters(kinds: list[Modality]) -> list[inspect.Parameter]:
    """What typer makes arguments and options of: sources, those of each kind, those of all kinds."""
    own: dict[str, Option] = {}
    for option in (option for kind in kinds for option in options_of(kind.options)):
        known = own.setdefault(option.name, option)
        if option.help not in known.help:  # two kinds mean something of their own by one name
            own[option.name] = replace(known, help=f"{known.help} {option.help}")
    table = "Table (CSV) with a file and a label column; optionally x, y, width, height (fields) and split."
    vectors = (
        "Folder of your own vectors, in place of an encoder: one file per datum (.npy, .h5, .parquet), one"
        " row per token in order. Slides: with coordinates, as --features."
    )
    store = (
        "Keep embeddings (and the text of documents, see --no-text) there instead of in the study's folder:"
        " s3://, gs://, az:// or abfs:// with bucket/prefix."
    )
    looking = ", ".join(kind.name for kind in kinds if kind.on_workers).capitalize()
    workers = f"{looking}: processes on this machine that look at the files. Default: this one alone."
    cluster = f"{looking}: scheduler of a dask cluster, tcp://host:port, whose workers look at the files."
    return [
        inspect.Parameter(
            "study",
            inspect.Parameter.KEYWORD_ONLY,
            annotation=Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")],
        ),
        *(_parameter(kind.name, Path, kind.source_help) for kind in kinds),
        *(_of_option(option) for option in own.values() if option.source),
        _parameter("embeddings", Path, vectors),
        _parameter("labels", Path, table),
        _parameter("encoder", str, f"Encoder of tokens. {_encoders(kinds)}"),
        *(_of_option(option) for option in own.values() if not option.source),
        _parameter("name", str, "Name of the study. Default: the folder's."),
        _parameter("file_column", str, "Column of the table that names the file."),
        _parameter("label_column", str, "Column of the table that gives the class."),
        _parameter("positive", str, "The class to find (class 1), where it is not obvious."),
        _parameter("store", str, store, metavar="URL"),
        _parameter("workers", int, workers),
        _parameter("cluster", str, cluster, metavar="ADDRESS"),
        _parameter("json", bool, "Print the result as JSON, nothing else.", "--json"),
    ]


def _parameter(name: str, type: type, help: str, *flag: str, **more: Any) -> inspect.Parameter:
    annotation = Annotated[type | None, typer.Option(*flag, help=help, **more)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _of_option(option: Option) -> inspect.Parameter:
    return _parameter(option.name, option.type, option.help, option.flag)


def _encoders(kinds: list[Modality]) -> str:
    """Names of encoders, by the kinds that have the same: "Slides: ... Cells, graphs: ..."."""
    of = {}
    for kind in kinds:
        if kind.encoder_help:
            of.setdefault(kind.encoder_help, []).append(kind.name)
    return " ".join(f"{', '.join(names).capitalize()}: {names_of}." for names_of, names in of.items())


def _and(words: Iterable[str], last: str = "and") -> str:
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end


# ---- what was given


def _new(given: dict[str, Any]) -> None:
    """Make the study that the options ask for, and say so."""
    from ..scheduling import scheduler
    from ..study import Study

    path, json = given.pop("study"), given.pop("json", False)
    workers, cluster = given.pop("workers", None), given.pop("cluster", None)
    kind = _kind(given)
    _check(kind, given, (workers, cluster) != (None, None))
    looking = "reading features" if kind.imports(given) else kind.looking
    with progress_bar(looking, json) as bar, scheduler(workers, cluster) as on:
        for option in options_of(kind.options):
            if isinstance(given.get(option.name), Path) and option.type is str:
                given[option.name] = str(given[option.name])
            if option.name in given and option.type is bool:
                given[option.name] = option.stands_for
            if option.question is not None:
                given[option.name] = _asked(option.question, given.get(option.name), bar, json)
        made = Study.create(path, progress=bar, on=on, **given)
    _say_made(made, json)


def _kind(given: dict[str, Any]) -> Modality:
    """What the study is of; vectors of one's own, where the kind reads them itself, become its option."""
    kinds = modalities()
    named = [kind for kind in kinds if kind.name in given]
    if len(named) > 1:
        raise BadInputError(f"a study is of one thing: say --{' or --'.join(kind.name for kind in named)}")
    by_form = [
        kind for kind in kinds if any(one.source and one.name in given for one in options_of(kind.options))
    ]
    if "embeddings" in given:
        by_form += [kind for kind in kinds if kind.vectors_option is not None]
    if not named and not by_form:
        raise BadInputError(f"say what the study is of: {_sources(kinds)}")
    kind = (named or by_form)[0]
    own = {option.name for option in options_of(kind.options)}
    for option in (option for each in kinds for option in options_of(each.options)):
        if option.name in given and option.name not in own:
            raise BadInputError(f"{option.flag} is not for a study of {kind.name}: leave it out")
    if "embeddings" in given and "encoder" in given:
        raise BadInputError("--embeddings are vectors that are made already: leave out --encoder")
    if "embeddings" in given and kind.vectors_option is not None:
        if kind.vectors_option in given:
            raise BadInputError(
                f"--embeddings and --{kind.vectors_option} say the same of {kind.name}: give one of them"
            )
        given[kind.vectors_option] = given.pop("embeddings")
    return kind


def _sources(kinds: list[Modality]) -> str:
    forms = []
    for kind in kinds:
        forms.append(f"--{kind.name} {kind.source_form}")
        forms += [f"{option.flag} {option.source}" for option in options_of(kind.options) if option.source]
    return _and(forms, "or")


def _check(kind: Modality, given: Mapping[str, Any], on_workers: bool) -> None:
    """Raise BadInputError for what does not go together."""
    made_already = kind.imports(given)
    if "store" in given and made_already:
        raise BadInputError(
            "--store is for what is embedded here: features are copied into the study's folder"
        )
    if on_workers and (made_already or not kind.on_workers):
        looking = _and([each.name for each in modalities() if each.on_workers])
        raise BadInputError(
            f"--workers and --cluster look at {looking}: leave them out here; `prospector embed` has them too"
        )
    kind.check_options(given)
    if kind.needs_labels and "labels" not in given:
        raise LabelsError("say where the labels are: --labels labels.csv")


def _asked(question: Question, given: float | None, bar: Any, json: bool) -> Callable[[str], float | None]:
    """A function of the file's name, which asks once on a terminal."""
    unstated, answer = [], None

    def ask(file: str) -> float | None:
        nonlocal answer
        unstated.append(file)
        if given is not None or json or not sys.stdin.isatty():
            return given
        if len(unstated) > 1:  # asked once: files of one folder come from one instrument
            return answer
        bar.pause()
        text = typer.prompt(question.text.format(file=file), default="", show_default=False)
        try:
            answer = float(text) if text.strip() else None
        except ValueError as error:
            raise BadInputError(f"{text!r} is not a {question.answer}") from error
        return answer

    return ask


# ---- what was made


def _say_made(made: "Study", json: bool) -> None:
    """Say what was made, what a user must know of it, and what comes next."""
    remember_sources(made.path)
    kind, files = made.kind, f"{made.kind.words.source}s"
    notes = [*made.database.read_meta("reading", []), *kind.notes(made)]
    for note in notes[:_NOTES]:
        complain(f"note: {note}")
    if len(notes) > _NOTES:
        complain(f"note: and {len(notes) - _NOTES} more of this kind")
    counts = [sum(datum.label == label for datum in made.data) for label in range(len(made.classes))]
    unlabelled = sum(datum.label is None for datum in made.data)
    if json:
        print_json(
            {
                "study": str(made.path),
                files: len(made.sources),
                "data": len(made.data),
                "classes": made.classes,
                "class_counts": counts,
                "unlabelled": unlabelled,
                **({} if made.several else {"looked_for": made.classes[1]}),
                "notes": notes,
                **kind.facts(made),
            }
        )
        return
    each = list(zip(counts, made.classes))
    say(
        f"{made.path}: {len(made.data)} data on {len(made.sources)} {files}; "
        + ", ".join(f"{count} “{name}”" for count, name in (each if made.several else each[::-1]))
        + (f", {unlabelled} unlabelled" if unlabelled else "")
    )
    if not made.several:
        other = made.classes[0]
        say(f"looked for: “{made.classes[1]}”; for another class: make it again with --positive {other!r}")
    for line in kind.summary(made):
        say(line)
    say(f"next: prospector {'fit' if made.embedding.get('imported') else 'embed'} {made.path}")
