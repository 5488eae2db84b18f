"""An Evaluation as JSON, CSV, one self-contained HTML page, and a page of documentation with its figures."""

import csv
import html
import io
import json
import os
from dataclasses import asdict

import numpy as np

from ..files import write_atomic
from .svg import bars, curves, scatter

__all__ = ["figures", "write_markdown", "write_report"]

_STYLE = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;font-size:14px;margin:1rem 0}td,th{padding:.25rem .6rem;border-bottom:1px solid #8885;text-align:right}
td:first-child,th:first-child{text-align:left}.wide{overflow-x:auto}h2{margin-top:2.5rem}.note{color:#666;font-size:14px}
@media(prefers-color-scheme:dark){.note{color:#aaa}}svg{max-width:100%;height:auto}
"""
_COLUMNS = (
    ("method", "Method"), ("ap", "AP"), ("interval", "95 % interval"), ("auroc", "AUROC"), ("otsu_dice", "Dice (Otsu)"),
    ("tolerant_precision", "Precision within 1 hop"), ("authors_auprc", "Authors' AUPRC"), ("datum_auroc", "AUROC of data"),
    ("datum_ece", "Calibration error"), ("seconds", "Seconds a fold"), ("parameters", "Parameters"),
)  # fmt: skip


def write_report(evaluations, folder):
    """Write ``evaluation.json``, ``evaluation.csv`` (a row a method and datum) and ``evaluation.html``: list of paths."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = [_plain(asdict(each)) for each in evaluations]
    text = io.StringIO()
    rows = [{"set": each.problem["name"], **row} for each in evaluations for row in each.rows]
    if rows:
        writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
    files = {
        "evaluation.json": json.dumps(plain, indent=1),
        "evaluation.csv": text.getvalue(),
        "evaluation.html": _page(evaluations),
    }
    for name, content in files.items():
        write_atomic(folder / name, content.encode())
    return [folder / name for name in files]


def write_markdown(evaluations, path, images, intro):
    """A page of documentation: ``path`` (.md), its figures in the folder ``images``. ``intro``: text that it begins with."""
    images.mkdir(parents=True, exist_ok=True)
    parts = [intro]
    for each in evaluations:
        parts.append(f"## {each.problem['name']}\n\n{_said(each)}\n")
        shown = figures(each)
        for name in ("ap", "few"):
            if shown.get(name):
                file = images / f"{_slug(each.problem['name'])}-{name}.svg"
                write_atomic(file, shown[name].encode())
                parts.append(
                    f"![{_ALT[name]}: {each.problem['name']}]({os.path.relpath(file, path.parent).replace(os.sep, '/')})\n"
                )
        parts.append(_markdown_table(_table(each)))
        parts += [f"- {line}" for line in _notes(each)] + [""]
    write_atomic(path, ("\n".join(parts).rstrip() + "\n").encode())


_ALT = {"ap": "Average precision of each method", "few": "Average precision against labelled data a class"}


def figures(evaluation):
    """Plots of an evaluation: {name: SVG text}."""
    reference = ("prevalence", evaluation.problem["prevalence"])
    rows = [(each["method"], each["ap"], each["ap_low"], each["ap_high"]) for each in evaluation.summary]
    found = {
        "ap": bars(rows, f"Average precision of each method on {evaluation.problem['name']}", reference) if rows else ""
    }
    if evaluation.few:
        found["few"] = curves(_few(evaluation), _ALT["few"], "labelled data a class", "AP", log=True)
    for name in ("prevalence", "components", "size", "dispersion"):
        points = [
            (row[name], row["ap"], row["datum"], False) for row in evaluation.rows if row["method"] == "prospector"
        ]
        found[name] = scatter(points, f"AP against {name}", name, "AP") if points else ""
    if evaluation.searches:
        points = [
            (each["log_loss"], each["ap"], each["settings"], each["settings"] == search["chosen"])
            for search in evaluation.searches
            for each in search["candidates"]
        ]
        found["search"] = scatter(
            points, "AP of each candidate against its held-out log loss", "held-out log loss", "AP"
        )
    for each in evaluation.summary:
        if each["method"] == "prospector":
            points = [(p, share, f"{n} data", False) for p, share, n in each["calibration"]]
            found["calibration"] = scatter(points, "Calibration of datum prediction", "predicted", "share of class 1")
    return found


def _few(evaluation):
    series = {}
    for row in evaluation.few:
        series.setdefault(row["method"], {}).setdefault(row["labels"], []).append(row["ap"])
    return {
        method: [(n, float(np.mean(v)), float(np.min(v)), float(np.max(v))) for n, v in sorted(by.items())]
        for method, by in series.items()
    }


def _table(evaluation):
    """Header and rows of text."""
    rows = []
    for each in evaluation.summary:
        cells = {**each, "interval": f"{each['ap_low']:.2f} to {each['ap_high']:.2f}"}
        rows.append([_cell(name, cells.get(name)) for name, _ in _COLUMNS])
    return [title for _, title in _COLUMNS], rows


def _cell(name, value):
    if isinstance(value, str):
        return value
    if value is None or not np.isfinite(value):
        return ""
    if name == "parameters":
        return f"{int(value):,}"
    return f"{value:.1f}" if name == "seconds" else f"{value:.3f}" if name == "ap" else f"{value:.2f}"


def _said(evaluation):
    p = evaluation.problem
    if not evaluation.summary:
        return (
            f"{p['data']} data ({p['class_1']} of class 1), {p['tokens']:,} tokens. Without truth no map can be scored."
        )
    scored = max(each["data_scored"] for each in evaluation.summary)
    return (
        f"{p['about'] + '. ' if p['about'] else ''}{p['data']} data ({p['class_1']} of class 1), {p['tokens']:,} tokens; maps of {scored} data "
        f"scored, each by heads that were not fitted on it. A constant or random map scores {p['prevalence']:.3f}."
    )


def _notes(evaluation):
    lines = []
    for each in evaluation.summary:
        if each["method"].startswith("authors' protocol") and each["notes"]:
            lines.append(f"Authors' protocol chose, fold by fold: {'; '.join(each['notes'])}.")
    if evaluation.searches:
        loss, usual = (float(np.mean([s[key] for s in evaluation.searches])) for key in ("loss", "suggested_loss"))
        lines.append(
            f"Choosing among {len(evaluation.searches[0]['candidates'])} candidates by labels alone costs {loss:.3f} AP against "
            f"choosing them by the truth of the very data that are scored; the settings to begin with cost {usual:.3f}."
        )
        lines.append(f"Chosen: {'; '.join(s['chosen'] + ' (' + s['why'] + ')' for s in evaluation.searches)}.")
    folds = next((each["ap_folds"] for each in evaluation.summary if each["method"] == "prospector"), [])
    if len(folds) > 1:
        lines.append(
            f"AP of “prospector”, fold by fold: {', '.join(f'{ap:.2f}' for ap in folds)}; their mean {np.mean(folds):.3f}."
        )
    if evaluation.null:
        lines.append(evaluation.null["sentence"][:1].upper() + evaluation.null["sentence"][1:] + ".")
    if evaluation.problem.get("search"):
        lines.append(f"Settings by labels alone: {evaluation.problem['search']['why']}.")
    lines.append(f"It took {evaluation.seconds / 60:.0f} minutes in all, one thread.")
    return lines


def _page(evaluations):
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>Evaluation</title><style>{_STYLE}</style><h1>Evaluation of prospect maps</h1>"]  # fmt: skip
    parts.append(
        "<p>Average precision (AP) of a map over a datum's tokens, averaged over data of class 1 that were not fitted on. Truth is used for "
        "scoring alone, but by the authors' protocol, which is tuned with the truth of its training data. Intervals: bootstrap over data.</p>"
    )
    for each in evaluations:
        shown = figures(each)
        parts.append(f"<h2>{html.escape(each.problem['name'])}</h2><p>{html.escape(_said(each))}</p>{shown['ap']}")
        header, rows = _table(each)
        if rows:
            parts.append('<div class="wide">' + _html_table(header, rows) + "</div>")
        parts.append("<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in _notes(each)) + "</ul>")
        if shown.get("few"):
            parts.append(f"<h3>Few labels</h3><p class=note>Mean of draws; the band is from the worst to the best.</p>{shown['few']}")  # fmt: skip
        if each.problem.get("search"):
            keys = list(each.problem["search"]["candidates"][0])
            rows = [[str(one[k]) if isinstance(one[k], (str, bool, int)) else f"{one[k]:.3f}" for k in keys] for one in each.problem["search"]["candidates"]]  # fmt: skip
            parts.append("<h3>Settings by labels alone</h3><div class=wide>" + _html_table(keys, rows) + "</div>")
        if rows := [row for row in each.rows if row["method"] == "prospector"]:
            parts.append(f"<h3>Where maps are right and where not</h3><p class=note>{len(rows)} data, prospector.</p>")
        parts.append(
            "".join(shown[name] for name in ("prevalence", "components", "size", "dispersion") if shown.get(name))
        )
        if shown.get("search"):
            parts.append("<h3>Settings chosen by labels alone</h3><p class=note>Each dot is a candidate; large: chosen. AP is shown for "
                         f"judging the choice: it took no part.</p>{shown['search']}")  # fmt: skip
            for number, search in enumerate(each.searches):
                keys = list(search["candidates"][0])
                ranked = sorted(search["candidates"], key=lambda one: one["mean_rank"])
                parts.append(
                    f"<details><summary>Fold {number + 1}: {html.escape(search['chosen'])}</summary><div class=wide>"
                    + _html_table(
                        keys, [[one[k] if isinstance(one[k], str) else f"{one[k]:.3f}" for k in keys] for one in ranked]
                    )
                    + "</div></details>"
                )
        if shown.get("calibration"):
            parts.append(f"<h3>Calibration of datum prediction</h3>{shown['calibration']}")
    return "\n".join(parts) + "</html>\n"


def _html_table(header, rows):
    head = "".join(f"<th>{html.escape(each)}</th>" for each in header)
    return f"<table><tr>{head}</tr>" + "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    ) + "</table>"  # fmt: skip


def _markdown_table(table):
    header, rows = table
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(["---"] + ["---:"] * (len(header) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _slug(name):
    return "".join(c if c.isalnum() else "-" for c in name.lower()).replace("--", "-").strip("-")


def _plain(value):
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
