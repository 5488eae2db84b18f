"""How right maps are on every set, with every method: the tables and plots of `docs/evaluation.md`.

`python -m benchmarks.evaluation` reads the sets where PROSPECTOR_DATA names their folder, and makes two more;
hours on two cores. `--quick` takes the main methods, two seeds and one fold: minutes, a check, not a result.
"""

from __future__ import annotations

import argparse
import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prospector_core.evaluation import SETS
from prospector_core.evaluation.markdown import markdown, overview
from prospector_core.evaluation.problem import Problem
from prospector_core.evaluation.report import write_report
from prospector_core.evaluation.run import Evaluation, evaluate, method_names
from prospector_core.evaluation.tasks import OfSet
from prospector_core.method.folds import stratified_folds
from prospector_core.scheduling import scheduler
from prospector_core.store.files import write_atomic

__all__ = ["SAMPLE", "OfSample", "between_marks", "main"]

SAMPLE = "sample_slide"
PAGE = Path(__file__).parents[1] / "docs" / "evaluation.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
QUICK = (
    "prospector",
    "authors' settings, untuned",
    "constant",
    "random",
    "nearest centroid",
    "token regression",
    "token regression + neighbours",
    "mi-SVM",
    "prototype head",
    "attention MIL",
    "additive MIL",
)


@dataclass(frozen=True)
class OfSample:
    """The problem that is the sample slide, cut into fields; ``kept``: where its study is."""

    kept: str | None = None

    def load(self) -> Problem:
        """Problem."""
        from prospector_core.evaluation.studies import problem_of
        from sample_data.fields import load_polygon, tile_truth
        from sample_data.skin import build

        study, polygon = build(None if self.kept is None else Path(self.kept) / SAMPLE), load_polygon()
        truth = {}
        for each in study.data:
            rects = [study.token_rect(each, token) for token in range(study.n_tokens(each))]
            truth[each.uid] = tile_truth(np.array(rects), polygon)
        found = problem_of(study, truth)
        found.name, found.about = (
            SAMPLE,
            "24 fields of a real slide of skin, some with epidermis, drawn by hand",
        )
        found.folds = stratified_folds(found.labels, 5)
        return found


def between_marks(page: str, text: str) -> str:
    """The page with ``text`` between its marks, which are put at its end where it has none."""
    if BEGIN not in page:
        page = f"{page.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, rest = page.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{rest.split(END, 1)[1]}"


def main(arguments: list[str] | None = None) -> list[Evaluation]:
    """Run it, and write report and page: list of Evaluation."""
    options = _options().parse_args(arguments)
    methods = list(QUICK) if options.quick else method_names("all")
    run = {"seeds": 2 if options.quick else options.seeds, "few": not options.quick}
    run |= {"folds": 1} if options.quick else {}
    found = []
    with scheduler(options.workers, None) as on:
        for name in options.set or (SAMPLE, *SETS):
            source = OfSample(options.kept) if name == SAMPLE else OfSet(name, options.kept)
            found.append(evaluate(source, methods, on=on, progress=_say, **run))
            write_report(found, options.out)  # after every set: hours may be cut short
    if options.page is not None:
        images = options.page.parent / "images" / options.page.stem
        parts = _said(options.quick, run["seeds"]), overview(found), markdown(found, options.page, images)
        text = "\n\n".join(parts)
        page = options.page.read_text("utf-8") if options.page.is_file() else "# Evaluation\n"
        write_atomic(options.page, between_marks(page, text).encode())
    print(overview(found))
    return found


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="main methods, two seeds, one fold")
    parser.add_argument(
        "--set", action="append", choices=(SAMPLE, *SETS), help="only this set; may be repeated"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=None, help="processes (default: here)")
    parser.add_argument("--kept", default=None, help="folder of embeddings (default: the user's cache)")
    parser.add_argument("--out", type=Path, default=Path("evaluation"), help="folder of the report")
    parser.add_argument(
        "--page", type=Path, default=None, nargs="?", const=PAGE, help="page to write tables in"
    )
    return parser


def _said(quick: bool, seeds: int) -> str:
    day = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    how = "a quick run: main methods, one fold of each set" if quick else "all methods, all folds"
    return (
        f"Made on {day} by `python -m benchmarks.evaluation{' --quick' if quick else ''} --page`: {how},"
        f" {seeds} seeds. Average precision of each method on each set, ± the standard deviation between"
        " seeds; methods by their mean rank."
    )


def _say(done: int, total: int, text: str) -> None:
    print(f"{done} of {total}: {text}", flush=True)


if __name__ == "__main__":
    main()
