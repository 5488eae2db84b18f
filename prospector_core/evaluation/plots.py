"""Plots of an evaluation as SVG text, drawn by matplotlib: nothing to fetch, readable in light and dark.

The same values give the same text. matplotlib is imported when the first plot is drawn.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["bars", "curves", "neutral", "panels", "scatter"]

Point = tuple[float, float, float, float]
"""x, mean, lower end and upper end of the whisker."""
Dot = tuple[float, float, str]
"""x, y, and the text that a browser shows when the mouse is over it."""
Panel = tuple[str, Mapping[str, Sequence[Point]], Sequence[Dot], bool]
"""Name of x, points of each method, dots behind them, and whether x is logarithmic."""

_PALETTE = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d00"),
    *("#56b4e9", "#888888", "#333399", "#994455", "#117733"),
)
# matplotlib draws with colours, not with variables: these two stand for them until the text is finished.
_INK, _GRID = "#010203", "#040506"
_VARIABLES = {_INK: "var(--ink)", _GRID: "var(--grid)"}
_THEMED = ".plot{--ink:#222;--grid:#ddd}@media(prefers-color-scheme:dark){.plot{--ink:#ddd;--grid:#444}}"
_NEUTRAL = ".plot{--ink:#7b858f;--grid:#7b858f55}"
_STYLE = {
    "svg.fonttype": "none",  # text stays text, which can be searched and read aloud
    "svg.hashsalt": "prospector",  # else the names of its parts are drawn by chance
    "text.parse_math": False,  # a name may hold $
    "font.size": 13,
    "axes.titlesize": 13,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "grid.color": _GRID,
    "legend.frameon": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
}
_SVG, _LINK = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
_DRAWING = threading.Lock()  # matplotlib's settings are those of the process


def neutral(svg: str) -> str:
    """Return a plot in greys that can be read on light and on dark ground, where the ground is not known."""
    return str(svg).replace(_THEMED, _NEUTRAL)


@contextmanager
def _figure(width: float, height: float) -> Iterator[Figure]:
    """Yield a figure of that many pixels, inside the style of our plots."""
    import matplotlib
    from matplotlib.figure import Figure

    with _DRAWING, matplotlib.rc_context(_STYLE):
        yield Figure((width / 72, height / 72), layout="constrained")


def _text(figure: Figure, description: str, hovers: Mapping[str, Sequence[str]]) -> Markup:
    """Return a figure as SVG text.

    Parameters
    ----------
    figure : Figure
        Its artists that answer the mouse have a gid.
    description : str
        What a screen reader says of it.
    hovers : mapping of str to sequence of str
        By gid, the text of each marker of that artist.
    """
    stream = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    root = ElementTree.fromstring(stream.getvalue())
    for node in root.iter():
        if _LINK in node.attrib:
            node.set("href", node.attrib.pop(_LINK))
        if texts := hovers.get(node.get("id", "")):
            for marker, text in zip(node.iter(f"{{{_SVG}}}use"), texts, strict=True):
                ElementTree.SubElement(marker, f"{{{_SVG}}}title").text = text
        if node.tag == f"{{{_SVG}}}g":  # several plots stand in one page, where no id may come twice
            node.attrib.pop("id", None)
    *_, width, height = root.get("viewBox", "").split()
    root.attrib.update({"class": "plot", "role": "img", "aria-label": description})
    root.attrib.update(width=width, height=height)
    style = root.find(f".//{{{_SVG}}}style")
    style.text = f"{style.text}{_THEMED}"
    ElementTree.register_namespace("", _SVG)
    svg = ElementTree.tostring(root, encoding="unicode")
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    return Markup(svg)


def bars(
    rows: Sequence[tuple[str, float, float, float]],
    description: str,
    reference: tuple[str, float] | None = None,
) -> Markup:
    """Draw horizontal bars from 0 to 1 with their intervals.

    Parameters
    ----------
    rows : sequence of (name, value, lower end, upper end)
    description : str
        What a screen reader says of the plot.
    reference : (name, value), optional
        A dashed line.
    """
    names = [name for name, *_ in rows]
    value, low, high = np.clip(np.nan_to_num([numbers for _, *numbers in rows]), 0, 1).T
    with _figure(750, 26 * len(rows) + 64) as figure:
        axes, y = figure.subplots(), np.arange(len(rows))
        axes.barh(y, value, 0.7, color=[_bar_colour(name) for name in names])
        axes.hlines(y, low, high, color=_INK, linewidth=2)
        for at in y:
            place = max(value[at], high[at])
            axes.annotate(f"{value[at]:.2f}", (place, at), (6, 0), textcoords="offset points", va="center")
        axes.set_xlim(0, 1)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xticks(*_quarters())
        axes.set_yticks(y, names)
        axes.grid(visible=False, axis="y")
        if reference:
            axes.axvline(reference[1], color=_INK, linewidth=1, linestyle=(0, (4, 3)))
            axes.set_xlabel(f"dashed: {reference[0]} {reference[1]:.2f}")
        return _text(figure, description, {})


def _bar_colour(name: str) -> str:
    if name.startswith("prospector"):
        return _PALETTE[0]
    return _PALETTE[1] if name.startswith("authors") else "#999999"


def curves(
    series: Mapping[str, Sequence[Point]], description: str, x_name: str, y_name: str, log: bool = False
) -> Markup | str:
    """Draw one panel of lines with whiskers: see `panels`."""
    return panels([(x_name, series, [], log)], description, y_name)


def panels(parts: Sequence[Panel], description: str, y_name: str, columns: int = 2) -> Markup | str:
    """Draw several plots of lines with whiskers, y from 0 to 1, with one legend.

    Parameters
    ----------
    parts : sequence of Panel
        Their methods have the same order in all.
    description : str
        What a screen reader says of the plot.
    y_name : str
    columns : int, default 2
        Plots in a row.

    Returns
    -------
    str
        SVG text; empty where there is nothing to draw.
    """
    names = list(dict.fromkeys(name for _, series, _, _ in parts for name in series))
    parts = [part for part in parts if any(part[1].values())]
    if not parts:
        return ""
    columns = min(columns, len(parts))
    n_rows = -(-len(parts) // columns)
    wide, tall = (540, 330) if columns == 1 else (384, 272)
    with _figure(wide * columns + 270, max(tall * n_rows, 24 + 21 * len(names))) as figure:
        grid, hovers = figure.subplots(n_rows, columns, squeeze=False).ravel(), {}
        for at, (axes, part) in enumerate(zip(grid, parts, strict=False)):
            _panel(axes, part, names, f"panel{at}", hovers)
            axes.set_ylabel(y_name)
        for axes in grid[len(parts) :]:
            axes.set_axis_off()
        handles = dict(zip(*reversed(grid[0].get_legend_handles_labels()), strict=True))
        figure.legend(handles.values(), handles.keys(), loc="outside right upper")
        return _text(figure, description, hovers)


def _panel(axes: Axes, part: Panel, names: Sequence[str], gid: str, hovers: dict[str, list[str]]) -> None:
    """Draw one panel; what its markers say on hover is added to `hovers`."""
    from matplotlib.transforms import offset_copy

    x_name, series, dots, log = part
    if log:
        axes.set_xscale("log")
    _dots(axes, [(x, y, label, False) for x, y, label in dots], f"{gid}-dots", hovers)
    for at, name in enumerate(names):
        colour = _PALETTE[at % len(_PALETTE)]
        aside = 2.5 * (at - (len(names) - 1) / 2)  # whiskers of methods stand beside each other
        look = {
            "transform": offset_copy(axes.transData, axes.figure, x=aside, units="points"),
            "color": colour,
            "zorder": 4 - at / len(names),  # the first one on top
        }
        x, mean, low, high = np.array(series.get(name) or np.empty((0, 4)), float).T
        axes.vlines(x, np.clip(low, 0, 1), np.clip(high, 0, 1), alpha=0.55, linewidth=1, **look)
        line = axes.plot(x, mean, "-" if at < 4 else "--", marker="o", markersize=5, label=name, **look)[0]
        line.set(linewidth=3 if name == "prospector" else 1.6, gid=f"{gid}-{at}", clip_on=False)
        hovers[f"{gid}-{at}"] = [f"{name}: {value:.2f}" for value in mean]
    points = sorted({point[0] for points in series.values() for point in points})
    _scales(axes, x_name, points, log)


def scatter(
    points: Sequence[tuple[float, float, str, bool]], description: str, x_name: str, y_name: str
) -> Markup | str:
    """Draw dots, y from 0 to 1.

    Parameters
    ----------
    points : sequence of (x, y, label, whether it is marked)
        Those that are not finite are left out; with none left the result is empty.
    description : str
        What a screen reader says of the plot.
    x_name, y_name : str
    """
    if not any(np.isfinite(point[:2]).all() for point in points):
        return ""
    with _figure(384, 286) as figure:
        axes, hovers = figure.subplots(), {}
        _dots(axes, points, "dots", hovers)
        _scales(axes, x_name, [], False)
        axes.set_ylabel(y_name)
        return _text(figure, description, hovers)


def _dots(
    axes: Axes, points: Sequence[tuple[float, float, str, bool]], gid: str, hovers: dict[str, list[str]]
) -> None:
    """Draw dots whose places are finite numbers, marked ones large."""
    for marked, colour, size in ((False, _PALETTE[0], 5), (True, _PALETTE[1], 11)):
        drawn = [point for point in points if point[3] == marked and np.isfinite(point[:2]).all()]
        if drawn:
            x, y, labels, _ = zip(*drawn, strict=True)
            look = {"color": colour, "alpha": 0.65, "markeredgewidth": 0, "clip_on": False}
            axes.plot(x, np.clip(y, 0, 1), "o", markersize=size, gid=f"{gid}{marked:d}", **look)
            hovers[f"{gid}{marked:d}"] = list(labels)


def _scales(axes: Axes, x_name: str, points: Sequence[float], log: bool) -> None:
    """Name and number the axes: y in quarters, x at its points where they are few."""
    from matplotlib.ticker import LogLocator, NullLocator

    if len(points) <= 6 and points:
        axes.set_xticks(points)
    elif log:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.set_xlabel(x_name)
    axes.set_ylim(0, 1)
    axes.set_yticks(*_quarters())


def _quarters() -> tuple[list[float], list[str]]:
    ticks = [0, 0.25, 0.5, 0.75, 1]
    return ticks, [f"{tick:g}" for tick in ticks]
