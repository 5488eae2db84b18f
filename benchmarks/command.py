"""`prospector bench`: of a clone alone, as no wheel carries the benchmarks."""

import os
from pathlib import Path
from typing import Annotated

import typer

from prospector_core.cli.output import complain, print_json, progress_bar, say
from prospector_core.errors import BadInputError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(bench)


def bench(
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, nothing else.")] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Small sizes, a few seconds: a check that it runs, not a measurement."),
    ] = False,
    scale: Annotated[
        bool,
        typer.Option(
            "--scale", help="Instead: how time and memory grow, from 1 to 30 million tokens (30 GB of disk)."
        ),
    ] = False,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster",
            help=(
                "Instead: whether workers that are killed leave the same bytes as one process, on 3 million"
                " made tokens (10 GB of disk) and on real tiles (PROSPECTOR_DATA)."
            ),
        ),
    ] = False,
    kills: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=(
                "Instead: kill -9 each kind of work so many times at random moments, and look for all that"
                " was acknowledged."
            ),
        ),
    ] = None,
    tokens: Annotated[
        list[int] | None,
        typer.Option(help="With --scale or --cluster: how many tokens; with --scale it may be repeated."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="With --scale or --cluster: where the studies are made. Default: a temporary folder."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=2, help="With --cluster: how many workers.")] = 2,
    memory: Annotated[str, typer.Option(help="With --cluster: what each worker may take.")] = "4GB",
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help=(
                "With --cluster: keep the embeddings of the workers' studies there, such as"
                " s3://bucket/prefix."
            ),
        ),
    ] = None,
):
    """Measure counting, prospecting and quantising on this machine, as ratios taken in one run."""
    if kills:
        return _bench_kills(kills, folder, json)
    if cluster:
        return _bench_cluster(tokens, folder, workers, memory, store, json, quick)
    if scale or tokens or folder:
        return _bench_scale(tokens, folder, json, quick)
    from .core import format_bench, run_bench

    with progress_bar("measuring", json) as bar:
        result = run_bench(progress=bar, quick=quick)
    if json:
        print_json(result)
    else:
        say(format_bench(result))


def _bench_scale(tokens, folder, json, quick):
    from .scale import SIZES, format_scale, measure_scale

    sizes = sorted(tokens or ([20_000, 40_000] if quick else SIZES))
    if sizes[0] < 1000:
        raise BadInputError(f"{sizes[0]} tokens are too few to measure: give 1000 or more")
    at = 3_000_000 if 3_000_000 in sizes else sizes[-1]
    with progress_bar("measuring", json) as bar:
        result = measure_scale(sizes, workers_at=at, folder=folder, progress=lambda text: bar(0, None, text))
    if json:
        print_json(result)
    else:
        say(format_scale(result))


def _bench_kills(kills, folder, json):
    from .kills import format_kills, measure_kills

    with progress_bar("killing", json, "kills") as bar:
        rows = measure_kills(kills, folder=folder, progress=bar)
    if json:
        print_json(rows)
    else:
        say(format_kills(rows))
    if any(row["lost"] or row["faults"] for row in rows):
        complain("something was lost or damaged: see above")
        raise typer.Exit(1)


def _bench_cluster(tokens, folder, workers, memory, store, json, quick):
    from .faults import format_faults, measure_faults

    if tokens and len(tokens) > 1:
        raise BadInputError("with --cluster give --tokens once")
    n = tokens[0] if tokens else 20_000 if quick else 3_000_000
    if 0 < n < 1000:
        raise BadInputError(f"{n} tokens are too few: give 1000 or more, or 0 for none")
    real = (
        not quick
        and (Path(os.environ.get("PROSPECTOR_DATA", "../shared/data")) / "camelyon16_mosaics").is_dir()
    )
    if not real and not json:
        say("without real tiles: PROSPECTOR_DATA names the folder that holds the set camelyon16_mosaics")
    with progress_bar("killing workers", json) as bar:
        result = measure_faults(n, workers, store, folder, memory, real, lambda text: bar(0, None, text))
    if json:
        print_json(result)
    else:
        say(format_faults(result))
    if not result["same_bytes"]:
        complain("other bytes than in one process: see above")
        raise typer.Exit(1)
