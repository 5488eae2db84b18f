"""`prospector fit`: concepts and the prospect kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..errors import BadInputError, FitError
from ..study.concept_search import default_settings
from .arguments import Beside, Cluster, Json, Memory, StudyPath, Workers, with_options
from .grow_commands import say_table_changed
from .output import print_json, print_table, progress_bar, say, share

if TYPE_CHECKING:
    from ..evaluation.choose import Choice
    from ..study import FitSettings, Study
    from ..study.concepts import Concept
    from ..study.fits import FitView

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(with_options(fit))


@dataclass(frozen=True)
class FitOptions:
    """Options of the command, as they are given."""

    concepts: Annotated[
        int | None,
        typer.Option(
            help=(
                "K, the number of concepts. Default: 30, fewer where tokens are few, or those that the"
                " encoder brings (residue types)."
            )
        ),
    ] = None
    radius: Annotated[int, typer.Option(help="r, the receptive field in hops.")] = 1
    kernel: Annotated[str, typer.Option(help="fold-change or linear.")] = "fold-change"
    alpha: Annotated[
        float, typer.Option(help="Fold change: significance kept (Bonferroni); 1e10 = no test.")
    ] = 1e10
    tau: Annotated[float, typer.Option(help="Fold change: smallest log2 change kept.")] = 0.0
    l1_ratio: Annotated[float, typer.Option(help="Linear: share of the L1 penalty.")] = 0.5
    softness: Annotated[
        float | None,
        typer.Option(help="How far a token belongs to other concepts than the nearest; 0 = not at all."),
    ] = None
    centre: Annotated[
        float | None, typer.Option(help="How much of what a datum's tokens share is taken out first, 0 to 1.")
    ] = None
    pseudo: Annotated[
        float | None, typer.Option(help="Fold change: pseudo-count, in mean shares; 0 = the authors' kernel.")
    ] = None
    shrink: Annotated[
        bool | None,
        typer.Option("--shrink/--no-shrink", help="Fold change: draw uncertain weights towards 0."),
    ] = None
    smoothing: Annotated[
        int | None,
        typer.Option(help="Steps by which maps are smoothed; 0 = every token by itself, as the paper."),
    ] = None
    refit: Annotated[
        bool,
        typer.Option(
            "--refit", help="Keep the concepts and all edits: new data are assigned, kernels fitted again."
        ),
    ] = False
    auto: Annotated[
        bool,
        typer.Option(
            "--auto", help="Search settings by what labels alone can tell, and say why the winner won."
        ),
    ] = False
    beside: Beside = None
    authors: Annotated[
        bool,
        typer.Option(
            "--authors", help="The paper's method: softness, centre, pseudo and smoothing 0, no shrinking."
        ),
    ] = False
    diffusive: Annotated[bool, typer.Option("--diffusive", help="Weigh neighbours by 2^-hops in maps.")] = (
        False
    )
    seed: Annotated[int, typer.Option(help="Same seed and data, same result.")] = 0
    quantizer: Annotated[
        str | None,
        typer.Option(
            help=(
                "What finds concepts: k-means, spherical k-means, gaussian mixture, tree, vq autoencoder,"
                " mini-batch k-means, streamed k-means, an installed one; or as encoded: the concepts that"
                " the encoder brings."
            )
        ),
    ] = None
    workers: Workers = None
    cluster: Cluster = None
    memory: Memory = None
    json: Json = False


def fit(study: StudyPath, options: FitOptions) -> None:
    """Find concepts and fit the prospect kernel. Data whose split is "test" are left out."""
    from ..scheduling import scheduler
    from ..study import Study

    opened, auto = Study.open(study), options.auto
    say_table_changed(opened)
    if options.refit:
        return _refit(opened, options)
    if options.beside:
        others = [Study.open(other) for other in options.beside]
        opened, auto = _tokens_chosen(opened, others, options.seed, options.json), True
    settings = _settings_of(opened, options)
    with scheduler(options.workers, options.cluster, options.memory) as on:
        choice = _chosen(opened, options.seed, options.json, options.quantizer, on) if auto else None
        if choice is not None:
            settings = choice.settings
        with progress_bar("fitting", options.json) as bar:
            change = opened.fit(settings, progress=lambda text: bar(0, None, text), on=on)
    if options.json:
        print_json(_record(opened, change.after, choice))
        return
    if choice is not None:
        say(f"chosen: {choice.why}")
    say(str(change))
    if opened.several:
        _say_classes(opened, change)
        return _say_names(opened)
    rows = sorted(opened.concepts(), key=lambda concept: -concept.weight)
    print_table(
        f"Concepts for “{opened.classes[1]}” ({change.after.unit})",
        ("concept", "weight", f"share in {opened.classes[1]}", f"share in {opened.classes[0]}", "tokens"),
        [(c.name, f"{c.weight:+.2f}", f"{c.shares[1]:.1%}", f"{c.shares[0]:.1%}", c.tokens) for c in rows],
    )
    _say_markers(opened, rows)
    _say_names(opened)
    say(f"next: prospector prospect {opened.path}, or prospector app {opened.path}")


def _refit(study: Study, options: FitOptions) -> None:
    """Fit the kernels again on the data that there are now, with the concepts that there are."""
    from ..scheduling import scheduler
    from ..study.novelty import novelty

    if options.auto or options.beside or options.quantizer or options.concepts is not None:
        raise BadInputError("--refit keeps the concepts: leave out --concepts, --quantizer, --auto, --beside")
    if study.view is None:
        raise FitError("the study has not been fitted yet: run `prospector fit` without --refit first")
    with scheduler(options.workers, options.cluster, options.memory) as on:
        change = study.refit(on=on)
    advice = str(novelty(study) or "")
    if options.json:
        print_json({**_record(study, change.after, None), **({"advice": advice} if advice else {})})
        return
    say(str(change))
    if advice:
        say(f"{advice}: prospector fit {study.path}")


def _say_names(study: Study) -> None:
    """Say where names of the concepts before can be carried over."""
    from ..study.novelty import carried_names

    if found := carried_names(study):
        say(f"{len(found)} names of earlier concepts fit new ones: prospector name {study.path} --earlier")


def _settings_of(study: Study, options: FitOptions) -> FitSettings:
    """What is asked for, and for the rest what a study begins with."""
    from ..method.shrinkage import ADAPTIVE
    from ..study import FitSettings
    from ..study.settings import GIVEN

    usual, concepts = default_settings(study), options.concepts
    quantizer = options.quantizer or (usual.quantizer if concepts is None else FitSettings().quantizer)
    if concepts is None:  # those that the encoder brings are another number than those to look for
        concepts = (usual if (quantizer == GIVEN) == (usual.quantizer == GIVEN) else FitSettings()).concepts
    refined = {name: getattr(options, name) for name in ("softness", "centre", "pseudo", "smoothing")}
    refined["shrink"] = options.shrink and ADAPTIVE
    usual = FitSettings() if options.authors else usual
    plain = ("radius", "kernel", "alpha", "tau", "l1_ratio", "diffusive", "seed")
    return FitSettings(
        concepts=concepts,
        quantizer=quantizer,
        **{name: getattr(options, name) for name in plain},
        **{name: getattr(usual, name) if value is None else value for name, value in refined.items()},
    )


def _record(study: Study, fitted: FitView, choice: Choice | None) -> dict[str, Any]:
    """What ``--json`` prints."""
    kept = fitted.fit.summary
    predictions = {datum.name: kept["predictions"].get(datum.uid) for datum in study.data}
    classes: dict[str, Any] = {}
    if study.several:
        predictions = {name: each and dict(zip(study.classes, each)) for name, each in predictions.items()}
        predicted = {datum.name: fitted.predicted(datum.uid) for datum in study.data}
        classes["classes"] = study.classes
        classes["predicted"] = {
            name: None if each is None else study.classes[each] for name, each in predicted.items()
        }
    return {
        "fit": fitted.id,
        "n_concepts": fitted.n_concepts,
        "n_weights": len(fitted.coef),
        **{key: value for key, value in kept.items() if key != "predictions"},
        **({"why": choice.why, "candidates": choice.rows()} if choice else {}),
        **classes,
        **_markers_record(study),
        "predictions": predictions,
    }


def _say_markers(study: Study, concepts: list[Concept]) -> None:
    """Of tokens with named features: what each concept is by them."""
    markers = study.kind.markers(study)
    if markers is not None:
        print_table(
            f"Markers (mean above that of all {study.kind.words.tokens}, in standard deviations)",
            ("concept", "markers"),
            [(concept.name, markers.text(concept.id) or "none stands out") for concept in concepts],
        )


def _markers_record(study: Study) -> dict[str, Any]:
    """What ``--json`` prints of markers: of each concept, its features by difference, highest first."""
    markers = study.kind.markers(study)
    if markers is None:
        return {}
    return {
        "markers": {
            concept.name: [
                {
                    "feature": markers.names[at],
                    "difference": float(markers.difference[concept.id, at]),
                    "above_zero": None
                    if markers.above_zero is None
                    else float(markers.above_zero[concept.id, at]),
                }
                for at in markers.top(concept.id, 10)
            ]
            for concept in study.concepts()
        }
    }


def _say_classes(opened, change):
    """A fit of several classes: how well each is told from the rest, and the weights of concepts for each."""
    print_table(
        "Classes",
        ("class", "data", "AUROC against the rest"),
        [
            (name, count, share(None if np.isnan(auroc) else auroc))
            for (name, _, auroc), count in zip(change.scores().classes, change.after.summary["class_counts"])
        ],
    )
    views = opened.class_views()
    weights = {concept.id: [] for concept in views[0].concepts()}
    for view in views:
        for concept in view.concepts():
            weights[concept.id].append(f"{concept.weight:+.2f}")
    print_table(
        f"Weight of each concept for each class ({change.after.unit})",
        ("concept", *opened.classes, "tokens"),
        [(concept.name, *weights[concept.id], concept.tokens) for concept in views[0].concepts()],
    )
    _say_markers(opened, opened.concepts())
    say(f"next: prospector prospect {opened.path}, or prospector app {opened.path}")


def _tokens_chosen(study, others, seed, json):
    """Which of several studies of the same data labels alone prefer: Study. How each does is printed."""
    from ..evaluation.studies import tokens_for

    with progress_bar("comparing tokens", json, "studies") as bar:
        choice, chosen = tokens_for(study, others, seed, lambda done, total, *_: bar(done, total))
    if not json:
        print_table(
            "Tokens by what labels alone can tell (held-out data)",
            ("tokens", "log loss", "AUROC", "top AUROC", "stability", ""),
            [
                (
                    name,
                    f"{s.log_loss:.3f}",
                    f"{s.auroc:.3f}",
                    f"{s.top_auroc:.3f}",
                    f"{s.stability:.2f}",
                    "chosen" if at == choice.best else "",
                )
                for at, (name, s) in enumerate(zip(choice.names, choice.scores))
            ],
        )
        say(f"tokens: {choice.names[choice.best]}, {choice.why}: fitting {chosen.path}")
    return chosen


def _chosen(study, seed, json, quantizer, on):
    """The search of ``--auto``: Choice; its candidates are printed, best first."""
    from ..evaluation.studies import choose_for

    with progress_bar("searching settings", json, "candidates") as bar:
        choice = choose_for(study, None, seed, lambda done, total, *_: bar(done, total), quantizer, on)
    if not json:
        print_table(
            "Settings by what labels alone can tell (held-out data), best mean rank first",
            (
                "concepts",
                "radius",
                "kernel",
                "softness",
                "centre",
                "pseudo",
                "log loss",
                "AUROC",
                "top AUROC",
                "stability",
                "rank",
                "",
            ),
            [
                (
                    row["concepts"],
                    row["radius"],
                    row["kernel"],
                    f"{row['softness']:g}",
                    f"{row['centre']:g}",
                    f"{row['pseudo']:g}",
                    f"{row['log_loss']:.3f}",
                    f"{row['auroc']:.3f}",
                    f"{row['top_auroc']:.3f}",
                    f"{row['stability']:.2f}",
                    f"{row['mean_rank']:.1f}",
                    "chosen" if row["chosen"] else "",
                )
                for row in choice.rows()
            ],
        )
    return choice
