"""`prospector fit`: concepts and the prospect kernel."""

from typing import Annotated

import numpy as np
import typer

from ..study.concept_search import default_settings
from .arguments import Beside, Cluster, Json, Memory, StudyPath, Workers
from .output import print_json, print_table, progress_bar, say, share

__all__ = ["register"]


def register(app):
    """Add the command to the application."""
    app.command()(fit)


def fit(
    study: StudyPath,
    concepts: Annotated[
        int | None,
        typer.Option(
            help=(
                "K, the number of concepts. Default: 30, fewer where tokens are few, or those that the"
                " encoder brings (residue types)."
            )
        ),
    ] = None,
    radius: Annotated[int, typer.Option(help="r, the receptive field in hops.")] = 1,
    kernel: Annotated[str, typer.Option(help="fold-change or linear.")] = "fold-change",
    alpha: Annotated[
        float, typer.Option(help="Fold change: significance kept (Bonferroni); 1e10 = no test.")
    ] = 1e10,
    tau: Annotated[float, typer.Option(help="Fold change: smallest log2 change kept.")] = 0.0,
    l1_ratio: Annotated[float, typer.Option(help="Linear: share of the L1 penalty.")] = 0.5,
    softness: Annotated[
        float | None,
        typer.Option(help="How far a token belongs to other concepts than the nearest; 0 = not at all."),
    ] = None,
    centre: Annotated[
        float | None, typer.Option(help="How much of what a datum's tokens share is taken out first, 0 to 1.")
    ] = None,
    pseudo: Annotated[
        float | None, typer.Option(help="Fold change: pseudo-count, in mean shares; 0 = the authors' kernel.")
    ] = None,
    shrink: Annotated[
        bool | None,
        typer.Option("--shrink/--no-shrink", help="Fold change: draw uncertain weights towards 0."),
    ] = None,
    smoothing: Annotated[
        int | None,
        typer.Option(help="Steps by which maps are smoothed; 0 = every token by itself, as the paper."),
    ] = None,
    auto: Annotated[
        bool,
        typer.Option(
            "--auto", help="Search settings by what labels alone can tell, and say why the winner won."
        ),
    ] = False,
    beside: Beside = None,
    authors: Annotated[
        bool,
        typer.Option(
            "--authors", help="The paper's method: softness, centre, pseudo and smoothing 0, no shrinking."
        ),
    ] = False,
    diffusive: Annotated[
        bool, typer.Option("--diffusive", help="Weigh neighbours by 2^-hops in maps.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Same seed and data, same result.")] = 0,
    quantizer: Annotated[
        str | None,
        typer.Option(
            help=(
                "What finds concepts: k-means, spherical k-means, gaussian mixture, tree, vq autoencoder,"
                " mini-batch k-means, streamed k-means, an installed one; or as encoded: the concepts that"
                " the encoder brings."
            )
        ),
    ] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    memory: Memory = None,
    json: Json = False,
):
    """Find concepts and fit the prospect kernel. Data whose split is "test" are left out."""
    from ..method.kernels import ADAPTIVE
    from ..scheduling import scheduler
    from ..study import FitSettings, Study
    from ..study.settings import GIVEN

    opened = Study.open(study)
    if beside:
        opened = _tokens_chosen(opened, [Study.open(each) for each in beside], seed, json)
        study, auto = opened.path, True
    usual, wanted = default_settings(opened), quantizer
    quantizer = quantizer or (usual.quantizer if concepts is None else FitSettings().quantizer)
    if concepts is None:  # those that the encoder brings are another number than those to look for
        concepts = (usual if (quantizer == GIVEN) == (usual.quantizer == GIVEN) else FitSettings()).concepts
    given = {"softness": softness, "centre": centre, "pseudo": pseudo, "smoothing": smoothing}
    if shrink is not None:
        given["shrink"] = ADAPTIVE if shrink else False
    usual = FitSettings() if authors else usual
    refined = {name: getattr(usual, name) if value is None else value for name, value in given.items()}
    refined.setdefault("shrink", usual.shrink)
    settings = FitSettings(
        concepts=concepts,
        radius=radius,
        kernel=kernel,
        alpha=alpha,
        tau=tau,
        l1_ratio=l1_ratio,
        diffusive=diffusive,
        seed=seed,
        quantizer=quantizer,
        **refined,
    )
    with scheduler(workers, cluster, memory) as on:
        choice = _chosen(opened, seed, json, wanted, on) if auto else None
        if choice is not None:
            settings = choice.settings
        with progress_bar("fitting", json) as bar:
            change = opened.fit(settings, progress=lambda text: bar(0, None, text), on=on)
    fitted = change.after
    if json:
        kept = fitted.fit.summary
        summary = {key: value for key, value in kept.items() if key != "predictions"}
        predictions = {datum.name: kept["predictions"].get(datum.uid) for datum in opened.data}
        classes = {}
        if opened.several:
            predictions = {
                name: each and dict(zip(opened.classes, each)) for name, each in predictions.items()
            }
            predicted = {datum.name: fitted.predicted(datum.uid) for datum in opened.data}
            classes["classes"] = opened.classes
            classes["predicted"] = {
                name: None if each is None else opened.classes[each] for name, each in predicted.items()
            }
        print_json(
            {
                "fit": fitted.id,
                "n_concepts": fitted.n_concepts,
                "n_weights": len(fitted.coef),
                **summary,
                **({"why": choice.why, "candidates": choice.rows()} if choice else {}),
                **classes,
                "predictions": predictions,
            }
        )
        return
    if choice is not None:
        say(f"chosen: {choice.why}")
    say(str(change))
    if opened.several:
        return _say_classes(opened, change)
    rows = sorted(opened.concepts(), key=lambda concept: -concept.weight)
    print_table(
        f"Concepts for “{opened.classes[1]}” ({fitted.unit})",
        ("concept", "weight", f"share in {opened.classes[1]}", f"share in {opened.classes[0]}", "tokens"),
        [(c.name, f"{c.weight:+.2f}", f"{c.shares[1]:.1%}", f"{c.shares[0]:.1%}", c.tokens) for c in rows],
    )
    say(f"next: prospector prospect {study}, or prospector app {study}")


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
