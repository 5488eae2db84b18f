"""Plotly figures: the prospect kernel.

Figures carry no background or text colour of their own, so that the page's theme, light or dark, shows
through.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from prospector_core.palette import EXCLUDED_COLOUR
from prospector_core.wording import printable
from viewers.token_pixels import diverging_css

__all__ = ["Kernel", "diverging_scale", "kernel_matrix", "picked_cell"]

# Marks on cells of the matrix: nothing to hover, and no fading when another cell is selected.
_MARKS = {
    "mode": "markers",
    "hoverinfo": "skip",
    "showlegend": False,
    "selected": {"marker": {"opacity": 1}},
    "unselected": {"marker": {"opacity": 1}},
}

_CLEAR = "rgba(0,0,0,0)"
_GREY = "rgba(140,140,140,0.35)"
_NAME_LENGTH = 22
_UNSEEN = 0.002  # opacity of marks that are there for the pointer alone
_SQUARE = 400  # px, about the width of the square where its page is 1400 wide


def diverging_scale() -> list[list]:
    """The colours of the prospect map as a plotly colour scale."""
    colours = diverging_css(17)
    return [[index / (len(colours) - 1), colour] for index, colour in enumerate(colours)]


@dataclass(frozen=True)
class Kernel:
    """The weights that a kernel matrix shows.

    Attributes
    ----------
    matrix : (K, K) float
        Skip-bigram weights, symmetric.
    mono : (K,) float
        Monogram weights.
    names : (K,) str
        Of the concepts; long ones are cut on the axes and whole on hover.
    colours : (K,) "#rrggbb"
        Of the concepts; each bar has its own.
    excluded : collection of int
        Concepts shown in grey: they have no weight.
    pinned : collection of (i,) or (i, j)
        Weights that an expert fixed; marked by a dot.
    change : bool
        The numbers are differences of two kernels, and hovering says so.
    """

    matrix: np.ndarray
    mono: np.ndarray
    names: Sequence[str]
    colours: Sequence[str]
    excluded: Collection[int] = ()
    pinned: Collection[tuple[int, ...]] = ()
    change: bool = False


def kernel_matrix(
    kernel: Kernel,
    *,
    limit: float | None = None,
    classes: tuple[str | None, str] = ("class 0", "class 1"),
    label: str = "weight",
    selected: tuple[int, int | None] | None = None,
) -> go.Figure:
    """The prospect kernel: a square of skip-bigram weights, and the monogram weights as bars beside it.

    Show it with ``st.plotly_chart(figure, key=..., on_select="rerun", selection_mode="points")`` and read the
    answer by :func:`picked_cell`.

    Parameters
    ----------
    kernel : Kernel
    limit : float, optional
        Weight of the strongest colour, both ways; by default the largest there is.
    classes : (str or None, str)
        Names of class 0 and class 1, for the hover text; None where class 1 is told from several others.
    label : str
        What a weight is, for the colour bar.
    selected : (i, j), optional
        A cell to outline; (i,) or (i, None) is not a cell.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    square = _Square(kernel, classes)
    if limit is None:
        weights = np.abs(np.concatenate([square.matrix.ravel(), square.mono]))
        limit = float(np.max(weights[np.isfinite(weights)], initial=0.0)) or 1.0
    figure = make_subplots(
        rows=1,
        cols=2,
        column_widths=[0.8, 0.2],
        shared_yaxes=True,
        horizontal_spacing=0.015,
        subplot_titles=("within the receptive field of each other", "by itself"),
    )
    # The order is that of drawing. A heat map never reports a click in Streamlit: squares over it, all but
    # transparent, do; they go last of the square's, on top.
    of_square = [square.heatmap(limit, _plain(label)), *square.marks(), square.pointer()]
    for trace in of_square:
        figure.add_trace(trace, row=1, col=1)
    for trace in square.bars():
        figure.add_trace(trace, row=1, col=2)
    if selected is not None and len(selected) == 2 and selected[1] is not None:
        _outline(figure, *selected)
    _scale_axes(figure, square, limit)
    figure.update_annotations(font_size=12)
    height = _height(square.count)
    return _dress(figure, height).update_layout(clickmode="event+select", hoverdistance=60, bargap=0.25)


class _Square:
    """What the traces of a kernel matrix are made of.

    Raises ValueError where shapes, names and colours do not fit each other.
    """

    def __init__(self, kernel: Kernel, classes: tuple[str | None, str]) -> None:
        self.matrix, self.mono = np.array(kernel.matrix, float), np.array(kernel.mono, float)
        self.count = count = len(self.mono)
        if self.matrix.shape != (count, count) or len(kernel.names) != count or len(kernel.colours) != count:
            raise ValueError(
                f"the matrix must be {count} x {count}, with a name and a colour for each concept"
            )
        self.gone = np.isin(np.arange(count), list(kernel.excluded))
        self.matrix[self.gone, :] = self.matrix[:, self.gone] = np.nan
        self.mono[self.gone] = np.nan
        self.index = np.arange(count)
        self.short = [_plain(name) for name in _distinct([_cut(name) for name in kernel.names])]
        self.names = [_plain(name) for name in kernel.names]
        self.classes = [name and _plain(name) for name in classes]
        self.colours, self.change = kernel.colours, kernel.change
        self.pins = {tuple(sorted(pin)) for pin in kernel.pinned}
        self.rows, self.columns = np.divmod(np.arange(count * count), count)

    def heatmap(self, limit: float, label: str) -> go.Heatmap:
        """The square of weights."""
        return go.Heatmap(
            z=self.matrix,
            x=self.index,
            y=self.index,
            zmin=-limit,
            zmax=limit,
            colorscale=diverging_scale(),
            xgap=1,
            ygap=1,
            hoverinfo="skip",
            colorbar={
                "title": {"text": label, "side": "top"},
                "orientation": "h",
                "thickness": 11,
                "len": 0.6,
                "x": 0,
                "xanchor": "left",
                "y": 1,
                "yanchor": "bottom",
                "ypad": 30,  # px; the headings of the square and of the bars stand in it
                "outlinewidth": 0,
            },
        )

    def marks(self) -> Iterator[go.Scatter]:
        """Crosses on cells without a weight, dots on those that an expert fixed."""
        dead = self.gone[self.rows] | self.gone[self.columns]
        if dead.any():
            # Greyed by marks of their own: a heat map has no colour for a cell without a number.
            cross = {
                "symbol": "x-thin-open",
                "size": _marker(self.count) * 0.45,
                "color": EXCLUDED_COLOUR,
                "line": {"width": 1},
            }
            yield go.Scatter(x=self.columns[dead], y=self.rows[dead], **_MARKS, marker=cross)
        cells = {cell for pin in self.pins if len(pin) == 2 for cell in (pin, pin[::-1])}
        if cells:
            x, y = [j for _, j in sorted(cells)], [i for i, _ in sorted(cells)]
            yield go.Scatter(x=x, y=y, **_MARKS, marker=_dot(6))

    def pointer(self) -> go.Scatter:
        """What the pointer meets over the square."""
        return go.Scatter(
            x=self.columns,
            y=self.rows,
            mode="markers",
            marker={"symbol": "square", "size": _marker(self.count), "color": "#000", "opacity": _UNSEEN},
            customdata=np.stack([self.rows, self.columns], 1),
            text=[self._pair_text(int(i), int(j)) for i, j in zip(self.rows, self.columns, strict=True)],
            hovertemplate="%{text}<extra></extra>",
            selected={"marker": {"opacity": _UNSEEN}},
            unselected={"marker": {"opacity": _UNSEEN}},
            showlegend=False,
        )

    def bars(self) -> Iterator[go.Bar | go.Scatter]:
        """The weights of concepts by themselves, and dots on those that an expert fixed."""
        yield go.Bar(
            x=np.nan_to_num(self.mono),
            y=self.index,
            orientation="h",
            marker={
                "color": [EXCLUDED_COLOUR if self.gone[i] else self.colours[i] for i in self.index],
                "line": {"width": 1, "color": _GREY},
            },
            customdata=np.stack([self.index, np.full(self.count, -1)], 1),
            text=[self._mono_text(int(i)) for i in self.index],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            showlegend=False,
        )
        alone = [pin[0] for pin in self.pins if len(pin) == 1 and not self.gone[pin[0]]]
        if alone:
            yield go.Scatter(x=[self.mono[i] for i in alone], y=alone, **_MARKS, marker=_dot(7))

    def _pair_text(self, i: int, j: int) -> str:
        if self.gone[i] or self.gone[j]:
            return self._without_weight(i if self.gone[i] else j)
        what = f"{self.names[i]} near {self.names[j] if i != j else 'itself'}"
        verdict = _verdict(self.matrix[i, j], self.classes, self.change)
        return f"<b>{what}</b><br>{verdict}" + _pin_text((min(i, j), max(i, j)) in self.pins)

    def _mono_text(self, i: int) -> str:
        if self.gone[i]:
            return self._without_weight(i)
        verdict = _verdict(self.mono[i], self.classes, self.change)
        return f"<b>{self.names[i]}</b>, wherever it is<br>{verdict}" + _pin_text((i,) in self.pins)

    def _without_weight(self, i: int) -> str:
        return f"{self.names[i]} has no weight {'in both' if self.change else 'in this kernel'}"


def _dot(size: int) -> dict:
    return {"symbol": "circle", "size": size, "color": "#000", "line": {"width": 1, "color": "#fff"}}


def _outline(figure: go.Figure, i: int, j: int) -> None:
    """A frame around a cell."""
    # Black in white is seen on every colour of the scale, and on a dark page.
    for colour, width in (("#fff", 5), ("#000", 2.5)):
        figure.add_shape(
            type="rect",
            x0=j - 0.5,
            x1=j + 0.5,
            y0=i - 0.5,
            y1=i + 0.5,
            line={"color": colour, "width": width},
            row=1,
            col=1,
        )


def _scale_axes(figure: go.Figure, square: _Square, limit: float) -> None:
    count, short = square.count, square.short
    ticks = {
        "tickmode": "array",
        "tickvals": square.index,
        "ticktext": short,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    edge = [-0.5, count - 0.5]
    figure.update_xaxes(
        **ticks,
        range=edge,
        tickangle=-90 if count * max(map(len, short), default=0) * 7 > _SQUARE else 0,
        tickfont={"size": _name_size(_SQUARE / max(count, 1))},
        constrain="domain",
        row=1,
        col=1,
    )
    rows_high = (_height(count) - 270) / max(count, 1)
    figure.update_yaxes(**ticks, range=edge[::-1], tickfont={"size": _name_size(rows_high)}, row=1, col=1)
    widest = 1.08 * max(np.nanmax(np.abs(square.mono), initial=0.0), limit * 0.25)
    figure.update_xaxes(
        range=[-widest, widest],
        zeroline=True,
        zerolinecolor=EXCLUDED_COLOUR,
        gridcolor=_GREY,
        tickvals=_steps(widest)[[0, len(_steps(widest)) // 2, -1]],
        fixedrange=True,
        row=1,
        col=2,
    )
    figure.update_yaxes(range=edge[::-1], showticklabels=False, showgrid=False, fixedrange=True, row=1, col=2)


def picked_cell(selection: Any) -> tuple[int, int | None] | None:
    """The (i, j) that was clicked in a kernel matrix, (i, None) for a bar, or None.

    Parameters
    ----------
    selection
        What ``st.plotly_chart(..., on_select="rerun")`` returned.
    """
    points = ((selection or {}).get("selection") or {}).get("points") or []
    for point in points:
        data = point.get("customdata")
        # Streamlit hands over a list, or in some versions a mapping of positions.
        values = list(data.values()) if isinstance(data, dict) else list(data or ())
        if len(values) >= 2:
            i, j = int(values[0]), int(values[1])
            return i, None if j < 0 else j
    return None


def _dress(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        dragmode=False,
        hoverlabel={"align": "left"},
    )


def _height(count: int) -> int:
    """Of the kernel matrix, px: rows to read, and room for the names below."""
    return int(np.clip(270 + 23 * count, 500, 970))


def _marker(count: int) -> float:
    """Side of a marker, px: within a cell, as markers that overlap would show."""
    return float(np.clip(0.75 * (_height(count) - 270) / max(count, 1), 6, 40))


def _name_size(room: float) -> int:
    """Of the letters of names that have so many px beside each other."""
    return int(np.clip(0.85 * room, 6, 12))


def _steps(most: float) -> np.ndarray:
    """Round numbers from -most to most, zero among them; two to five on each side."""
    ten = 10.0 ** np.floor(np.log10(most / 2))
    step = max(n * ten for n in (1, 2, 5) if n * ten <= most / 2)
    count = int(most / step)
    return step * np.arange(-count, count + 1)


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1].rstrip() + "…"


def _distinct(labels: list[str]) -> list[str]:
    """Axis labels with the concept's number where two read the same."""
    return [f"{label} ({i})" if labels.count(label) > 1 else label for i, label in enumerate(labels)]


def _verdict(weight: float, classes: Sequence[str | None], change: bool) -> str:
    if change:
        towards = f", towards {classes[int(weight > 0)]}" if weight else ""
        if weight < 0 and classes[0] is None:
            towards = f", away from {classes[1]}"
        return f"weight changed by {weight:+.3g}{towards}"
    if weight > 0:
        return f"supports {classes[1]} ({weight:+.3g})"
    if weight < 0:
        return (
            f"{f'supports {classes[0]}' if classes[0] is not None else f'speaks against {classes[1]}'}"
            f" ({weight:+.3g})"
        )
    return "says nothing either way (0)"


def _pin_text(pinned: bool) -> str:
    return "<br>fixed by hand" if pinned else ""


def _plain(name: str) -> str:
    """A name that plotly must not read as markup."""
    name = printable(name)
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
