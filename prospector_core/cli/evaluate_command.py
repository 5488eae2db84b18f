"""`prospector evaluate`: maps against truth, beside baselines; and what labels alone say."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import BadInputError
from ..evaluation import SETS
from .arguments import Beside, Cluster, Workers, with_options
from .output import print_json, print_table, progress_bar, say

if TYPE_CHECKING:
    from ..evaluation.run import Evaluation

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(with_options(evaluate))


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of the command, as they are given."""

    truth: Annotated[
        Path | None,
        typer.Option(
            help=(
                "Where class 1 truly is: a table (datum, token or place, truth), or a folder of masks named"
                " as the slides. For scoring alone."
            )
        ),
    ] = None
    set: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help=(
                "In place of a study, a set of the folder PROSPECTOR_DATA, or a made one:"
                f" {', '.join(SETS)}, or all; may be repeated."
            ),
        ),
    ] = None
    groups: Annotated[
        Path | None,
        typer.Option(
            help=(
                "A table with a column for the datum and one for its group (group, patient, cluster), which"
                " no fold takes apart, or for its fold, as given."
            )
        ),
    ] = None
    baselines: Annotated[
        str,
        typer.Option(
            help=(
                "all, none, or some, separated by commas: constant, random, nearest centroid, token"
                " regression, token regression + neighbours, mi-SVM, prototype head, attention MIL,"
                " additive MIL, transformer MIL, mean-pool, graph attention + mask."
            )
        ),
    ] = "none"
    quantizers: Annotated[
        str,
        typer.Option(
            help=(
                "Ways of finding concepts to compare: all, none, or some, separated by commas; a row each,"
                " and what labels alone say of each."
            )
        ),
    ] = "none"
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep", help="Also search settings by labels alone, and say what that costs against the truth."
        ),
    ] = False
    few: Annotated[bool, typer.Option("--few", help="Also AP against the number of labelled data.")] = False
    shuffles: Annotated[
        int, typer.Option(help="How often labels are shuffled to ask whether there is any signal.")
    ] = 200
    folds: Annotated[int | None, typer.Option(help="Stop after this many folds.")] = None
    beside: Beside = None
    workers: Workers = None
    cluster: Cluster = None
    seed: Annotated[int, typer.Option(help="Same seed and data, same result.")] = 0
    seeds: Annotated[
        int, typer.Option(min=1, help="How many seeds every method is run with, one after the other.")
    ] = 5
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report. Default: evaluation, in the study.")
    ] = None
    page: Annotated[
        Path | None, typer.Option(help="Also a page of documentation (.md), with its figures beside it.")
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, nothing else.")] = False


def evaluate(
    study: Annotated[Path | None, typer.Argument(metavar="[STUDY]", help="Folder of the study.")] = None,
    *,
    options: EvaluateOptions,
) -> None:
    """Score prospect maps against the truth of their tokens, beside baselines.

    On data that were not fitted on.

    Writes evaluation.json, evaluation.csv and evaluation.html. Without --truth it says whether there is any
    signal, and in which weights.
    """
    from dataclasses import asdict

    from ..evaluation.markdown import write_markdown
    from ..evaluation.report import write_report
    from ..scheduling import scheduler

    if (study is None) == (not options.set):
        raise BadInputError("give the folder of a study, or sets with --set")
    if study is None and (options.truth is not None or options.beside or options.groups is not None):
        raise BadInputError("--truth, --beside and --groups are of a study; a set brings its own")
    run = {"seed": options.seed, "seeds": options.seeds, "few": options.few, "folds": options.folds}
    with (
        scheduler(options.workers, options.cluster) as on,
        progress_bar("evaluating", options.json, "steps") as bar,
    ):
        found = _compared(study, options, {**run, "on": on, "progress": bar})
    folder = options.out or (Path("evaluation") if study is None else study / "evaluation")
    written = write_report(found, folder)
    if options.page is not None:
        write_markdown(found, options.page, options.page.parent / "images" / options.page.stem, _intro())
        written.append(options.page)
    if options.json:
        evaluations = [asdict(each) for each in found]
        print_json({"evaluations": evaluations, "files": [str(path) for path in written]})
        return
    for evaluation in found:
        _say(evaluation)
    say(f"written: {', '.join(str(path) for path in written)}")


def _compared(study: Path | None, options: EvaluateOptions, run: dict[str, Any]) -> list[Evaluation]:
    """The evaluation of the study, or of each set."""
    from ..evaluation.run import evaluate as compare
    from ..evaluation.run import method_names
    from ..evaluation.tasks import OfSet

    methods = method_names(options.baselines, options.sweep, options.quantizers)
    if study is None:
        names = SETS if "all" in options.set else options.set
        return [compare(OfSet(name), methods, **run) for name in names]
    return [_of_study(study, options, methods, run)]


def _say(evaluation: Evaluation) -> None:
    if evaluation.summary:
        print_table(
            f"{evaluation.problem['name']}: average precision (a constant map:"
            f" {evaluation.problem['prevalence']:.3f}, a random one: {evaluation.problem['chance_ap']:.3f})",
            ("method", "AP", "95 % interval", "over seeds", "above chance", "AUROC", "seconds", "parameters"),
            [
                (
                    s["method"],
                    f"{s['ap']:.3f}",
                    f"{s['ap_low']:.3f} to {s['ap_high']:.3f}",
                    _spread(s),
                    f"{s['ap_above_chance']:.3f}",
                    f"{s['auroc']:.3f}",
                    f"{s['seconds']:.1f}",
                    f"{s['parameters']:,}",
                )
                for s in evaluation.summary
            ],
        )
    if evaluation.null:
        say(evaluation.null["sentence"])


def _spread(summary: dict[str, Any]) -> str:
    from ..evaluation.report import spread_over_seeds

    return spread_over_seeds(summary)


def _of_study(path: Path, options: EvaluateOptions, methods: list[str], run: dict[str, Any]) -> Evaluation:
    from ..evaluation.run import Evaluation, about_of, add_outcome
    from ..evaluation.run import evaluate as compare
    from ..evaluation.studies import choose_for, own_maps, problem_of
    from ..evaluation.tasks import OfStudy, opened
    from ..evaluation.truth import read_truth
    from ..study import Study
    from ..study.chance import study_null

    study, seed, bar = Study.open(path), run["seed"], run["progress"]
    truth, beside = options.truth, options.beside or []
    if truth is None:
        found = Evaluation(about_of(problem_of(study, None, seed=seed)), [], [])
        if options.sweep:
            choice = choose_for(
                study,
                seed=seed,
                progress=lambda done, total, *_: bar(done, total, "searching settings"),
                on=run["on"],
            )
            found.problem["search"] = {"why": choice.why, "candidates": choice.rows()}
        if beside:
            raise BadInputError(
                "--beside compares maps against the truth: give --truth, or `prospector fit --auto --beside`"
            )
    else:
        paths = tuple(str(Path(each).resolve()) for each in beside)
        groups = None if options.groups is None else str(options.groups.resolve())
        source = OfStudy(str(Path(path).resolve()), str(truth.resolve()), study.target, seed, paths, groups)
        problem = opened(source)
        if not problem.scored(range(len(problem.ids))):
            raise BadInputError(
                f"{truth} has no positive token in data of class {study.classes[-1]!r}: nothing can be scored"
            )
        found = compare(source, methods, **run)
        if study.view is not None:
            known = read_truth(study, truth)
            add_outcome(found, problem, "this study's fit", own_maps(study, problem, known))
    if study.view is not None and options.shuffles:
        told = lambda done, total: bar(done, total, "shuffling labels")
        null = study_null(study, options.shuffles, seed, progress=told, on=run["on"])
        found.null = {
            "sentence": null.sentence,
            "signal": null.signal,
            "p": null.p_signal,
            "auroc": null.auroc,
            "shuffled_auroc": float(null.shuffled.mean()),
            "weights": len(null.kept),
            "stand_out": int(null.kept.sum()),
            "false_discovery_rate": null.level,
        }
    return found


def _intro() -> str:
    """What the page says before its tables: Markdown, whose lines are paragraphs."""
    return (files("prospector_core") / "templates" / "evaluation_intro.md").read_text("utf-8")
