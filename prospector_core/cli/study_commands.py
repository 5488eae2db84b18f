"""Commands on a study that exists: embed, fit, name, prospect, export."""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..errors import BadInputError, FitError, MissingExtraError
from ..store.removal import own_place
from .output import complain, print_json, print_table, progress_bar, say

__all__ = ["register"]

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Processes on this machine that share the work (extra `cluster`). Default: this one alone."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Scheduler of a dask cluster, tcp://host:port, whose workers see the study's folder.",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        help=(
            "With --workers: what each may take, such as 4GB; one that takes more is ended. Default: no"
            " bound."
        )
    ),
]
Beside = Annotated[
    list[Path] | None,
    typer.Option(
        help=(
            "Another study of the same data, with finer tiles or another encoder: labels alone say which to"
            " use. May be repeated."
        )
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, nothing else.")]
OfClass = Annotated[
    str | None,
    typer.Option("--class", help="Where there are more than two classes: this one alone. Default: all."),
]


def register(app):
    """Add the commands to the application."""
    for command in (embed, fit, name, prospect, export):
        app.command()(command)


def embed(
    study: StudyPath,
    data: Annotated[
        list[str] | None, typer.Argument(metavar="[DATUM]...", help="Data to embed. Default: all.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the encoder. Default: 1.")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Embed again what is embedded already.")] = False,
    workers: Workers = None,
    cluster: Cluster = None,
    memory: Memory = None,
    json: Json = False,
):
    """Embed the tokens of every datum; run it again to go on where it stopped."""
    from ..scheduling import scheduler
    from ..study import Study

    opened = Study.open(study)
    chosen = [opened.datum(each) for each in data] if data else opened.data
    earlier = set() if anew else {datum.uid for datum in chosen if opened.is_embedded(datum)}
    seen = set(earlier)
    with scheduler(workers, cluster, memory) as on, progress_bar("embedding", json, "tokens") as bar:

        def tell(datum, done, total):
            seen.add(datum.uid)
            bar(done, total, f"{datum.name} ({len(seen)} of {len(chosen)})")

        failed = opened.embed(data=chosen, progress=tell, threads=threads, anew=anew, on=on)
    before, made = (
        len(earlier),
        [datum for datum in chosen if datum.uid not in earlier and opened.is_embedded(datum)],
    )
    there, tokens = before + len(made), sum(opened.store.shape(datum.uid)[0] for datum in made)
    jobs = {job.uid: job for job in opened.queue.jobs() if job.uid in {datum.uid for datum in chosen}}
    paused = [datum.name for datum in chosen if datum.uid in jobs and jobs[datum.uid].state == "paused"]
    notes = [job.message for job in jobs.values() if job.state == "done" and job.message]
    if json:
        names = {opened.datum(uid).name: reason for uid, reason in failed.items()}
        print_json(
            {
                "embedded": there,
                "new": there - before,
                "tokens": tokens,
                "data": len(chosen),
                "paused": paused,
                "failed": names,
                **({"notes": sorted(set(notes))} if notes else {}),
            }
        )
    else:
        say(f"{there} of {len(chosen)} data embedded, {there - before} of them now ({tokens:,} tokens)")
        if paused:
            say(f"{len(paused)} paused; to go on: prospector embed {study}")
        elif there and not failed:
            say(f"next: prospector fit {study}")
        for note in sorted(set(notes)):
            complain(f"note: {note}")
    if failed:
        for reason in failed.values():
            complain(reason)
        raise typer.Exit(2)


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
    auto: Annotated[
        bool,
        typer.Option(
            "--auto", help="Search settings by what labels alone can tell, and say why the winner won."
        ),
    ] = False,
    beside: Beside = None,
    authors: Annotated[
        bool,
        typer.Option("--authors", help="The paper's method: softness, centre and pseudo 0, no shrinking."),
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
    from ..scheduling import scheduler
    from ..study import FitSettings, Study
    from ..study.fits import GIVEN

    opened = Study.open(study)
    if beside:
        opened = _tokens_chosen(opened, [Study.open(each) for each in beside], seed, json)
        study, auto = opened.path, True
    usual, wanted = opened.default_settings(), quantizer
    quantizer = quantizer or (usual.quantizer if concepts is None else FitSettings().quantizer)
    if concepts is None:  # those that the encoder brings are another number than those to look for
        concepts = (usual if (quantizer == GIVEN) == (usual.quantizer == GIVEN) else FitSettings()).concepts
    given = {"softness": softness, "centre": centre, "pseudo": pseudo, "shrink": shrink}
    usual = FitSettings() if authors else usual
    refined = {name: getattr(usual, name) if value is None else value for name, value in given.items()}
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
        kept = fitted.whole_summary
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
            (name, count, _share(None if np.isnan(auroc) else auroc))
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


def name(
    study: StudyPath,
    phrases: Annotated[
        str | None,
        typer.Option(help="Words or phrases with commas between them. Default: a list of tissue kinds."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Rename concepts to their best phrase; names given by hand stay.")
    ] = False,
    json: Json = False,
):
    """Compare concepts with phrases, where the encoder is a model of open_clip."""
    from ..study import Study
    from ..study.prompts import PHRASES, parse_phrases, similarity, suggest_names

    opened = Study.open(study)
    asked = parse_phrases(", ".join(PHRASES) if phrases is None else phrases)
    if opened.current_fit is None:
        raise FitError("the study has not been fitted yet: run `prospector fit` first")
    table = similarity(opened, asked)
    concepts = opened.concepts()
    suggested = suggest_names(opened, asked, table)
    if apply:
        for id, new_name in suggested.items():
            opened.curation.rename(id, new_name)
    if json:
        print_json(
            {
                "phrases": asked,
                "applied": apply,
                "concepts": [
                    {
                        "concept": c.id,
                        "name": c.name,
                        "suggested": suggested.get(c.id),
                        "similarity": table[c.id],
                    }
                    for c in concepts
                ],
            }
        )
        return
    rows = [(c.name, suggested.get(c.id, ""), *(f"{value:+.2f}" for value in table[c.id])) for c in concepts]
    print_table(
        "How well each phrase describes each concept",
        ("concept", "new name" if apply else "suggested", *asked),
        rows,
    )
    if apply:
        say(f"{len(suggested)} concepts renamed; Undo in the app takes names back one by one")
    elif suggested:
        say("add --apply to take the suggested names")


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


def prospect(
    study: StudyPath,
    data: Annotated[
        list[str] | None, typer.Argument(metavar="[DATUM]...", help="Data to map. Default: all.")
    ] = None,
    of_class: OfClass = None,
    workers: Workers = None,
    cluster: Cluster = None,
    memory: Memory = None,
    json: Json = False,
):
    """Compute prospect maps and keep them in the study (one .npy a datum, one score a token)."""
    from ..scheduling import scheduler
    from ..study import Study

    opened = Study.open(study)
    views = [opened.of_class(of_class)] if of_class is not None else opened.class_views()
    chosen = [opened.datum(each) for each in data] if data else opened.embedded()
    _say_newer(opened)
    found = []
    with scheduler(workers, cluster, memory) as on, progress_bar("prospecting", json, "data") as bar:
        for done, view in enumerate(views):
            written = view.save_maps(
                chosen, progress=lambda n, total, done=done: bar(done * total + n, total * len(views)), on=on
            )
            found.append(_maps(view, chosen, written))
    if json:
        if opened.several:
            names = [view.classes[view.target] for view in views]
            maps = [{"class": name, **row} for name, rows in zip(names, found) for row in rows]
            print_json({"classes": names, "maps": maps})
        else:
            print_json({"class": opened.classes[1], "maps": found[0]})
        return
    for view, rows in zip(views, found):
        name = view.classes[view.target]
        print_table(
            f"Prospect maps for “{name}” ({opened.current_fit.unit}, summed over neighbours)",
            ("datum", opened.kind.words.tokens, "mean", "max", "at", f"P({name})"),
            [
                (
                    r["datum"],
                    r["tokens"],
                    _number(r["mean"]),
                    _number(r["max"]),
                    ", ".join(
                        f"{name} {r[f'top_{name}']}"
                        for name in opened.kind.place_names
                        if r.get(f"top_{name}", "") != ""
                    ),
                    _share(r["probability"]),
                )
                for r in rows
            ],
        )
    say(f"kept in {opened.path / 'fits' / str(opened.current_fit.id) / 'maps'}")


def _maps(view, data, written):
    """What is said of the maps of one class: list of dict."""
    predictions, rows = view.predictions(), []
    for datum in data:
        scores = view.prospect(datum)
        known = scores[np.isfinite(scores)]
        top = int(np.nanargmax(scores)) if known.size else None
        place = view.kind.place(view, datum, top) if known.size else {}
        rows.append(
            {
                "datum": datum.name,
                "tokens": len(scores),
                "mean": float(known.mean()) if known.size else None,
                "max": float(known.max()) if known.size else None,
                "top_token": top,
                **{f"top_{name}": value for name, value in place.items()},
                "probability": predictions.get(datum.uid),
                "map": str(written[datum.uid]),
            }
        )
    return rows


def export(
    study: StudyPath,
    data: Annotated[
        list[str] | None, typer.Argument(metavar="[DATUM]...", help="Data to export. Default: all.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            help=(
                "Slides: geojson (QuPath), ome-tiff. Structures: bfactor (PDB), mmcif, defattr (ChimeraX),"
                " pml (PyMOL), molviewspec. Documents: html (tinted text), jsonl (spans), annotations (W3C)."
                " Cells, graphs: h5ad (AnnData), geojson (points). All: csv, parquet, png (a figure)."
            )
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into. Default: exports, in the study.")
    ] = None,
    names: Annotated[
        bool,
        typer.Option(
            "--names",
            help="Call files after the data, and figures without a title too; without it nothing names them.",
        ),
    ] = False,
    what: Annotated[
        list[str] | None,
        typer.Option(
            help=(
                "geojson: tiles, concepts, regions or marks; may be repeated. Default: tiles, concepts and"
                " marks."
            )
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help=(
                "geojson: the score from which on a tile belongs to a region (default 0). png: weaker scores"
                " are not drawn."
            )
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            help=(
                "png: of slides map (default), concepts, uncertainty, classes (the strongest of each tile) or"
                " tissue; of structures strip (default) or contacts; of documents map (default) or concepts."
            )
        ),
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="png: pixels; 300 of them make an inch. Default: 2000.")
    ] = None,
    region: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(metavar="X Y WIDTH HEIGHT", help="png: show this part of the slide, in level-0 pixels."),
    ] = None,
    whole_slide: Annotated[
        bool, typer.Option("--whole-slide", help="png: one figure a slide, with all its fields.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="png: text above the picture. Default: none.")] = None,
    opacity: Annotated[float | None, typer.Option(help="png: of the overlay, 0 to 1. Default: 0.65.")] = None,
    of_class: Annotated[
        str | None,
        typer.Option(
            "--class",
            help="Where there are more than two classes: this one alone. Default: all; png: the last.",
        ),
    ] = None,
    fdr: Annotated[
        float | None,
        typer.Option(
            help=(
                "Maps of what exceeds chance alone: of the weights that shuffled labels do not reach, at this"
                " false discovery rate (0.05)."
            )
        ),
    ] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    memory: Memory = None,
    json: Json = False,
):
    """Write prospect maps for other programs, or as figures; one file a datum."""
    from ..exporters import FORMATS, write_files
    from ..exporters import export as write
    from ..scheduling import scheduler
    from ..study import Study

    if format is None:
        raise BadInputError(f"say what to write: --format {', '.join((*FORMATS, 'png'))}")
    figure = {"layer": layer, "width": width, "region": region, "title": title, "opacity": opacity}
    figure = {name: value for name, value in figure.items() if value is not None}
    if whole_slide:
        figure["whole_slide"] = True
    if format == "png":
        if what:
            raise BadInputError("--what goes with --format geojson: a figure has a --layer")
        if threshold is not None:
            figure["threshold"] = threshold
        opened = _masked(_seen(Study.open(study), of_class), of_class, fdr, json)
        _say_newer(opened)
        folder = own_place(opened.path, opened.path / "exports") if out is None else out
        draw = partial(_figures(opened, figure), names=names, **figure)
        with scheduler(workers, cluster, memory) as on, progress_bar("drawing", json, "figures") as bar:
            by_slide = whole_slide or region is not None
            written = write_files(opened, ".png", draw, folder, data, names, bar, by_slide, on)
        return _say_files(opened, format, folder, written, names, json)
    if figure:
        raise BadInputError(f"--{next(iter(figure)).replace('_', '-')} goes with --format png")
    options = {}
    if threshold is not None:
        if not np.isfinite(threshold):
            raise BadInputError(f"{threshold} is no threshold: give a score like 2.5")
        what = what or ["regions"]
        if "regions" not in what:
            raise BadInputError(
                f"--threshold is of regions, and only {', '.join(what)} were asked for: add --what regions"
            )
        options["threshold"] = threshold
    if what:
        options["what"] = what
    opened = _masked(_seen(Study.open(study), of_class), of_class, fdr, json)
    _say_newer(opened)
    folder = own_place(opened.path, opened.path / "exports") if out is None else out
    with scheduler(workers, cluster, memory) as on, progress_bar("exporting", json, "data") as bar:
        written = write(opened, format, folder, data, names, bar, on, **options)
    _say_files(opened, format, folder, written, names, json)


def _say_newer(study):
    """Say that data were embedded anew since the fit, where some were."""
    newer = study.newer_embeddings()
    if newer:
        words = study.kind.words
        complain(
            f"note: the embeddings of {len(newer)} {words.datum if len(newer) == 1 else words.data} are newer"
            f" than this fit, whose concepts and weights the maps still have: `prospector fit {study.path}`"
            " finds them anew, Refit in the app fits the weights"
        )


def _masked(study, of_class, fdr, json):
    """The study seen through the mask that was asked for, if one was; what it leaves is said."""
    if fdr is None:
        return study
    from ..evaluation.mask import masked_study

    if not 0 < fdr < 1:
        raise BadInputError(f"{fdr:g} is no false discovery rate: give a share between 0 and 1, as 0.05")
    if study.several and of_class is None:
        raise BadInputError("each class has a kernel of its own: name the one to write with --class")
    with progress_bar("shuffling labels", json, "times") as bar:
        seen, null = masked_study(study, fdr, bar)
    say(null.sentence, quiet=json)
    return seen


def _seen(study, of_class):
    """The study as seen from the class that was asked for, if one was."""
    return study if of_class is None else study.of_class(of_class)


def _figures(study, options):
    """What draws figures of a study: not of the core, and loaded for nothing else.

    Raises BadInputError for options it lacks.
    """
    try:
        from viewers.figure_makers import figure_maker
    except ImportError as error:
        raise MissingExtraError(
            "figures are drawn by the part `viewers`, which is not installed: install Prospector with `pip"
            " install -e .` in its folder"
        ) from error
    draw, takes = figure_maker(study.modality)
    for option in options:
        if option not in takes:
            has = " and ".join(f"--{each}" for each in ("layer", "width", "title") if each in takes)
            raise BadInputError(
                f"--{option.replace('_', '-')} is of slides: a figure of a {study.kind.words.datum} has {has}"
            )
    return draw


def _say_files(study, format, folder, written, names, json):
    """The files of an export; written, {uid of datum or slide: path}."""

    def name(uid):
        return study.sources[uid].name if uid in study.sources else study.datum(uid).name

    if json:
        files = [
            {
                "slide" if uid in study.sources else "datum": name(uid),
                "file": str(path),
                "bytes": path.stat().st_size,
            }
            for uid, path in written.items()
        ]
        print_json({"format": format, "folder": str(folder), "files": files})
        return
    kind = "figure" if format == "png" else "map"
    say(f"{len(written)} {kind if len(written) == 1 else kind + 's'} written to {folder}")
    if not names:
        print_table("Files", ("datum", "file"), [(name(uid), path.name) for uid, path in written.items()])


def _number(value):
    return "-" if value is None else f"{value:+.2f}"


def _share(value):
    return "-" if value is None else f"{value:.2f}"
