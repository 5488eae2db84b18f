"""An Evaluation as JSON, CSV and one self-contained HTML page, with its figures."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from ..html_pages import write_html
from ..method.metrics import bootstrap_interval
from ..store.files import write_atomic
from ..wording import table_cell
from .plots import bars, curves, panels, scatter
from .quantizers import OF, notes_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from markupsafe import Markup

    from .run import Evaluation

__all__ = [
    "ALT",
    "FEW_SAID",
    "REGIONS_SAID",
    "figures",
    "notes_on",
    "region_plots",
    "said_of",
    "spread_over_seeds",
    "table_of",
    "write_report",
]

_COLUMNS = (
    ("method", "Method"),
    ("ap", "AP"),
    ("interval", "95 % interval"),
    ("data", "Over data alone"),
    ("seeds", "Spread over seeds"),
    ("ap_above_chance", "AP above chance"),
    ("auroc", "AUROC"),
    ("otsu_dice", "Dice (Otsu)"),
    ("tolerant_precision", "Precision within 1 hop"),
    ("authors_auprc", "Authors' AUPRC"),
    ("datum_auroc", "AUROC of data"),
    ("datum_ece", "Calibration error"),
    ("seconds", "Seconds a fold"),
    ("parameters", "Parameters"),
)


def write_report(evaluations: list[Evaluation], folder: Path) -> list[Path]:
    """Write ``evaluation.json``, ``evaluation.csv`` (one row per method and datum) and ``evaluation.html``.

    List of paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = [_plain(asdict(each)) for each in evaluations]
    text = io.StringIO()
    rows = [{"set": each.problem["name"], **row} for each in evaluations for row in each.rows]
    if rows:
        writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows({key: table_cell(value) for key, value in row.items()} for row in rows)
    files = {
        "evaluation.json": json.dumps(plain, indent=1),
        "evaluation.csv": text.getvalue(),
        "evaluation.html": _page(evaluations),
    }
    for name, content in files.items():
        write_atomic(folder / name, content.encode())
    return [folder / name for name in files]


ALT = {
    "ap": "Average precision of each method",
    "few": "Average precision against labelled data per class",
    "regions": "Average precision of each method against what regions are like",
}
_REGIONS = {
    "prevalence": "share of positive tokens",
    "components": "number of regions",
    "size": "tokens a region",
    "dispersion": "dispersion (regions / size)",
}
_SHOWN = (
    "prospector",
    "authors' protocol, tuned with truth",
    "nearest centroid",
    "attention MIL, LRP",
    "mean-pool, SHAP",
    "graph attention + mask",
)
_BINS = 4  # of data with alike regions, at most


def figures(evaluation: Evaluation) -> dict[str, Markup | str]:
    """Plots of an evaluation: {name: SVG text}, "" where there is nothing to plot."""
    reference = ("prevalence", evaluation.problem["prevalence"])
    rows = [
        (_named(evaluation, each), each["ap"], each["ap_low"], each["ap_high"]) for each in evaluation.summary
    ]
    found = {
        "ap": (
            bars(rows, f"Average precision of each method on {evaluation.problem['name']}", reference)
            if rows
            else ""
        ),
        "regions": region_plots(evaluation.rows),
    }
    if evaluation.few:
        found["few"] = curves(_few(evaluation), ALT["few"], "labelled data per class", "AP", log=True)
    if searches := [each for each in evaluation.searches if each["of"] == "settings"]:
        points = [
            (each["log_loss"], each["ap"], each["settings"], each["settings"] == search["chosen"])
            for search in searches
            for each in search["candidates"]
        ]
        found["search"] = scatter(
            points, "AP of each candidate against its held-out log loss", "held-out log loss", "AP"
        )
    for each in evaluation.summary:
        if each["method"] == "prospector":
            points = [(p, share, f"{n} data", False) for p, share, n in each["calibration"]]
            found["calibration"] = scatter(
                points, "Calibration of datum prediction", "predicted", "share of class 1"
            )
    return found


def region_plots(rows: list[dict[str, float | str]]) -> Markup | str:
    """AP of each method against what the regions of a datum are like, four plots in one: SVG text."""
    methods = {row["method"] for row in rows}
    shown = [name for name in _SHOWN if name in methods]
    if "prospector" not in methods:
        shown = [
            name
            for name in dict.fromkeys(row["method"] for row in rows)
            if name not in ("constant", "random")
        ]
    parts = []
    for name, words in _REGIONS.items():
        series = {}
        for method in shown:
            own = [(row[name], row["ap"]) for row in rows if row["method"] == method]
            series[method] = _binned(np.array([each for each in own if np.isfinite(each).all()]))
        dots = (
            [(row[name], row["ap"], row["datum"]) for row in rows if row["method"] == shown[0]]
            if shown
            else []
        )
        if len({dot[0] for dot in dots}) > 1:
            parts.append((words, series, dots, name != "prevalence"))
    return panels(parts, ALT["regions"], "AP") if shown else ""


def _binned(points: np.ndarray) -> list[tuple[float, float, float, float]]:
    """Means of y (n, 2) over groups of alike x, with 95 % intervals: list of (x, mean, low, high)."""
    if not len(points):
        return []
    n_bins = min(_BINS, max(1, len(points) // 3), len(np.unique(points[:, 0])))
    edges = np.unique(np.quantile(points[:, 0], np.linspace(0, 1, n_bins + 1)[1:-1]))
    which = np.searchsorted(edges, points[:, 0], side="left")
    return [
        (float(points[which == each, 0].mean()), *bootstrap_interval(points[which == each, 1]))
        for each in np.unique(which)
    ]


def _few(evaluation: Evaluation) -> dict[str, list[tuple[int, float, float, float]]]:
    """{method: list of (labels, mean, mean - SD, mean + SD)} over draws."""
    series = {}
    for row in evaluation.few:
        series.setdefault(row["method"], {}).setdefault(row["labels"], []).append(row["ap"])
    return {
        method: [
            (n, float(np.mean(v)), float(np.mean(v) - np.std(v)), float(np.mean(v) + np.std(v)))
            for n, v in sorted(by.items())
        ]
        for method, by in series.items()
    }


FEW_SAID = (
    "Mean of draws, each from the training data of another fold where there are several; whiskers: one"
    " standard deviation between draws."
)
REGIONS_SAID = (
    "Data in up to four groups of alike regions: mean of each method, whiskers: 95 % interval; dots: each"
    " datum under the first method. What is the same in all data is not drawn."
)


def _few_table(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """AP against labels: (header, rows)."""
    series = _few(evaluation)
    numbers = sorted({point[0] for points in series.values() for point in points})
    rows = [
        [method, *(f"{by[n][0]:.2f} ± {by[n][1]:.2f}" if n in by else "" for n in numbers)]
        for method, by in ((m, {p[0]: (p[1], p[3] - p[1]) for p in points}) for m, points in series.items())
    ]
    return ["labelled data per class", *map(str, numbers)], rows


def table_of(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text."""
    rows = []
    for each in evaluation.summary:
        cells = {
            **each,
            "method": _named(evaluation, each),
            "interval": f"{each['ap_low']:.2f} to {each['ap_high']:.2f}",
            "data": f"{each['ap_data_low']:.2f} to {each['ap_data_high']:.2f}",
            "seeds": spread_over_seeds(each),
        }
        rows.append([_cell(name, cells.get(name)) for name, _ in _COLUMNS])
    return [title for _, title in _COLUMNS], rows


def spread_over_seeds(summary: dict[str, Any]) -> str:
    """The standard deviation between seeds of a method's AP, in words; nothing where there is one seed."""
    found = summary.get("ap_seeds", ())
    return f"± {np.std(found, ddof=1):.3f}" if len(found) > 1 else ""


def _named(evaluation: Evaluation, summary: dict[str, float | list[float] | str]) -> str:
    """A method's name, and on how many folds it was run where that is not all of them."""
    n, every = len(summary["ap_folds"]), max(len(each["ap_folds"]) for each in evaluation.summary)
    of_own = "this study" in summary["method"]
    return summary["method"] if n == every or of_own else f"{summary['method']} ({n} of {every} folds)"


def _cell(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    if value is None or not np.isfinite(value):
        return ""
    if name == "parameters":
        return f"{int(value):,}"
    return f"{value:.1f}" if name == "seconds" else f"{value:.3f}" if name == "ap" else f"{value:.2f}"


def said_of(evaluation: Evaluation) -> str:
    """What a set is, and what chance has there: a sentence or two."""
    p = evaluation.problem
    if not evaluation.summary:
        return (
            f"{p['data']} data ({p['class_1']} of class 1), {p['tokens']:,} tokens. Without truth no map can"
            " be scored."
        )
    scored = max(each["data_scored"] for each in evaluation.summary)
    return (
        f"{p['about'] + '. ' if p['about'] else ''}{p['data']} data ({p['class_1']} of class 1),"
        f" {p['tokens']:,} tokens; maps of {scored} data scored, each by heads that were not fitted on it. A"
        f" constant map scores {p['prevalence']:.3f}, a random one {p['chance_ap']:.3f}."
    )


def notes_on(evaluation: Evaluation) -> list[str]:
    """What else is to be said of an evaluation, a line each."""
    lines, n_folds = [], evaluation.problem["folds"]
    for each in evaluation.summary:
        if each["method"].startswith("authors' protocol") and each["notes"]:
            lines.append(
                f"Authors' protocol chose{', fold by fold' if n_folds > 1 else ''}:"
                f" {'; '.join(each['notes'])}."
            )
    for of in ("settings", "tokens"):
        searches = [each for each in evaluation.searches if each["of"] == of]
        if not searches:
            continue
        loss, usual = (float(np.mean([s[key] for s in searches])) for key in ("loss", "suggested_loss"))
        where = f" (on {len(searches)} of {n_folds} folds)" if len(searches) < n_folds else ""
        if of == "settings":
            lines.append(
                f"Choosing among {len(searches[0]['candidates'])} candidates by labels alone costs {loss:.3f}"
                f" AP against choosing them by the truth of the very data that are scored{where}; the"
                f" settings to begin with cost {usual:.3f}."
            )
        else:
            kinds = ", ".join(
                f"{each['settings']} (AP {each['ap']:.3f}, held-out log loss {each['log_loss']:.2f})"
                for each in searches[0]["candidates"]
            )
            lines.append(
                f"Tokens by labels alone: {kinds}; choosing costs {loss:.3f} AP against the truth{where}."
            )
        chosen = dict.fromkeys(f"{s['chosen']} ({s['why']})" for s in searches)
        lines.append(f"Chosen: {'; '.join(chosen)}.")
    lines += notes_of([each for each in evaluation.searches if each["of"] == OF])
    folds = next((each["ap_folds"] for each in evaluation.summary if each["method"] == "prospector"), [])
    if len(folds) > 1:
        lines.append(
            f"AP of “prospector”, fold by fold: {', '.join(f'{ap:.2f}' for ap in folds)}; their mean"
            f" {np.mean(folds):.3f}."
        )
    if evaluation.null:
        lines.append(evaluation.null["sentence"][:1].upper() + evaluation.null["sentence"][1:] + ".")
    if evaluation.problem.get("search"):
        lines.append(f"Settings by labels alone: {evaluation.problem['search']['why']}.")
    minutes = max(1, round(evaluation.seconds / 60))
    lines.append(f"It took {minutes} minute{'s' * (minutes != 1)} of one processor in all.")
    return lines


def _page(evaluations: list[Evaluation]) -> Markup:
    parts = []
    for each in evaluations:
        shown = {**dict.fromkeys(("ap", "few", "regions", "search", "calibration"), ""), **figures(each)}
        part = {
            "name": each.problem["name"],
            "said": said_of(each),
            "table": table_of(each),
            "notes": notes_on(each),
            "shown": shown,
            "few": _few_table(each) if shown.get("few") else None,
            "settings": None,
            "folds": [],
        }
        if each.problem.get("search"):
            part["settings"] = _candidates(each.problem["search"]["candidates"])
        if shown.get("search"):
            searches = [search for search in each.searches if search["of"] == "settings"]
            part["folds"] = [
                (
                    search["chosen"],
                    _candidates(sorted(search["candidates"], key=lambda one: one["mean_rank"])),
                )
                for search in searches
            ]
        parts.append(part)
    return write_html(
        "prospector_core", "evaluation.html", parts=parts, few_said=FEW_SAID, regions_said=REGIONS_SAID
    )


def _candidates(candidates: list[dict[str, float | str]]) -> tuple[list[str], list[list[str]]]:
    """Candidates of a search as a table: (header, rows)."""
    keys = list(candidates[0])
    return keys, [
        [str(one[k]) if isinstance(one[k], (str, bool, int)) else f"{one[k]:.3f}" for k in keys]
        for one in candidates
    ]


def _plain(value: Any) -> dict[str, float | str] | float | str:
    """Numbers that are not finite become None; numpy's become Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(each) for each in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value
