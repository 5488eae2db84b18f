"""Plots for the report as SVG text: nothing to install, nothing to fetch, readable in light and dark."""

import numpy as np
from markupsafe import Markup

from ..html_pages import write_html

__all__ = ["bars", "curves", "neutral", "panels", "scatter"]

_PALETTE = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#8c6d00",
    "#56b4e9",
    "#888888",
    "#333399",
    "#994455",
    "#117733",
)
_STYLE = Markup(
    "text{font:13px"
    " system-ui,sans-serif;fill:#222}.grid{stroke:#ddd}.axis{stroke:#777}.whisker{stroke:#222;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}.axis{stroke:#999}.whisker{stroke:#eee}}"
)


def neutral(svg):
    """A plot whose text and lines can be read on light and on dark ground alike.

    Where it cannot know which it stands on: SVG text.
    """
    look = (
        "text{font:13px system-ui,sans-serif;fill:#7b858f}.grid{stroke:#7b858f55}.axis{stroke:#7b858f}"
        ".whisker{stroke:#7b858f;stroke-width:2}"
    )
    return str(svg).replace(f"<style>{_STYLE}</style>", f"<style>{look}</style>")


def _svg(width, height, marks, said):
    return write_html(
        "prospector_core", "plot.svg", width=width, height=height, marks=marks, said=said, look=_STYLE
    )


def _mark(tag, text="", title="", **look):
    """One element of a plot; ``x_y`` of ``look`` is the attribute x-y, ``kind`` the class."""
    look = {{"kind": "class"}.get(name, name.replace("_", "-")): value for name, value in look.items()}
    return {"tag": tag, "text": text, "title": title, "look": look}


def _line(x1, x2, y1, y2, **look):
    return _mark("line", x1=x1, x2=x2, y1=y1, y2=y2, **look)


def _text(x, y, text, **look):
    return _mark("text", text, x=x, y=y, **look)


def _dot(x, y, r, fill, title, **look):
    return _mark("circle", title=title, cx=f"{x:.1f}", cy=f"{y:.1f}", r=r, fill=fill, **look)


def bars(rows, said, reference=None):
    """Horizontal bars 0..1 with intervals.

    Rows: (name, value, low, high). ``reference``: (name, value), a dashed line.
    """
    left, wide, step = 270, 420, 26
    height = step * len(rows) + 54
    x = lambda value: left + wide * float(np.clip(np.nan_to_num(value), 0, 1))
    out = []
    for t in (0, 0.25, 0.5, 0.75, 1):
        out.append(_line(x(t), x(t), 8, height - 40, kind="grid"))
        out.append(_text(x(t), height - 22, f"{t:g}", text_anchor="middle"))
    for at, (name, value, low, high) in enumerate(rows):
        y = 12 + step * at
        colour = (
            _PALETTE[0]
            if name.startswith("prospector")
            else _PALETTE[1]
            if name.startswith("authors")
            else "#999999"
        )
        out.append(_text(left - 8, y + 14, name, text_anchor="end"))
        out.append(_mark("rect", x=left, y=y, width=f"{x(value) - left:.1f}", height=18, fill=colour))
        out.append(_line(f"{x(low):.1f}", f"{x(high):.1f}", y + 9, y + 9, kind="whisker"))
        out.append(_text(f"{max(x(high), x(value)) + 6:.1f}", y + 14, f"{value:.2f}"))
    if reference:
        place = x(reference[1])
        out.append(_line(place, place, 4, height - 40, kind="axis", stroke_dasharray="4 3"))
        out.append(_text(place, height - 6, reference[0], text_anchor="middle"))
    return _svg(left + wide + 60, height, out, said)


def curves(series, said, x_name, y_name, log=False):
    """Lines with whiskers. Series: {name: list of (x, mean, low, high)}; y is 0..1."""
    return panels([(x_name, series, [], log)], said, y_name)


def panels(parts, said, y_name, columns=2):
    """Several plots of lines with whiskers, two in a row, one legend.

    Parts: list of (x name, series, dots, log); y is 0..1.

    Series: {name: list of (x, mean, low, high)}, the same names in all parts; dots: list of (x, y, label),
    drawn behind.
    """
    names = list(dict.fromkeys(name for _, series, _, _ in parts for name in series))
    parts = [part for part in parts if any(part[1].values())]
    if not parts:
        return ""
    columns = min(columns, len(parts))
    wide, tall, left, top = (460, 260, 60, 14) if columns == 1 else (300, 200, 60, 14)
    step_x, step_y = left + wide + 24, top + tall + 58
    out = []
    for at, (x_name, series, dots, log) in enumerate(parts):
        x0, y0 = left + step_x * (at % columns), top + step_y * (at // columns)
        out += _lines(x0, y0, wide, tall, x_name, y_name, series, dots, log, names)
    right = step_x * columns + 12
    for at, name in enumerate(names):
        y = top + 12 + 21 * at
        out.append(_line(right, right + 20, y, y, **_stroke(at, name)))
        out.append(_text(right + 28, y + 4, name))
    height = max(step_y * -(-len(parts) // columns), top + 24 + 21 * len(names))
    return _svg(right + 270, height, out, said)


def _lines(left, top, wide, tall, x_name, y_name, series, dots, log, names):
    """One plot: list of SVG elements."""
    xs = sorted({point[0] for points in series.values() for point in points})
    seen = [each for each in [*xs, *(dot[0] for dot in dots)] if np.isfinite(each)]
    scale = (lambda value: float(np.log2(max(value, 1e-12)))) if log else float
    low, high = scale(min(seen)), scale(max(seen))
    span, margin = (high - low) or 1.0, 10
    x = lambda value: left + margin + (wide - 2 * margin) * (scale(value) - low) / span
    y = lambda value: top + tall * (1 - float(np.clip(value, 0, 1)))
    ticks, last = [], -np.inf
    for value in xs:
        if x(value) - last > 44:
            ticks.append((x(value), f"{value:.2g}" if value < 100 else f"{value:.0f}"))
            last = x(value)
    out = _frame(left, top, wide, tall, x_name, y_name, ticks, y)
    out += [
        _dot(x(a), y(b), 2.5, _PALETTE[0], label, opacity=0.45)
        for a, b, label in dots
        if np.isfinite(a) and np.isfinite(b)
    ]
    for at, name in reversed(list(enumerate(names))):  # the first one on top
        points = series.get(name, [])
        aside = 2.5 * (at - (len(names) - 1) / 2)  # whiskers of methods stand beside each other
        for p, _, a, b in points:
            place = f"{x(p) + aside:.1f}"
            out.append(_line(place, place, f"{y(a):.1f}", f"{y(b):.1f}", stroke=_colour(at), opacity=0.55))
        way = " ".join(f"{x(p) + aside:.1f},{y(mean):.1f}" for p, mean, _, _ in points)
        out.append(_mark("polyline", points=way, fill="none", **_stroke(at, name)))
        out += [
            _dot(x(p) + aside, y(mean), 3, _colour(at), f"{name}: {mean:.2f}") for p, mean, _, _ in points
        ]
    return out


def _colour(at):
    return _PALETTE[at % len(_PALETTE)]


def _stroke(at, name):
    """How the line of a method looks."""
    dashed = {} if at < 4 else {"stroke_dasharray": "6 3"}
    return {"stroke": _colour(at), "stroke_width": 3 if name == "prospector" else 1.6, **dashed}


def scatter(points, said, x_name, y_name):
    """Dots, y 0..1. Points: list of (x, y, label, highlighted?)."""
    left, top, wide, tall = 60, 14, 300, 220
    known = [each for each in points if np.isfinite(each[0]) and np.isfinite(each[1])]
    if not known:
        return ""
    low, high = min(each[0] for each in known), max(each[0] for each in known)
    span = (high - low) or 1.0
    x = lambda value: left + wide * (value - low) / span
    y = lambda value: top + tall * (1 - float(np.clip(value, 0, 1)))
    ticks = [(x(v), f"{v:.3g}") for v in (low, low + span / 2, high)]
    out = _frame(left, top, wide, tall, x_name, y_name, ticks, y)
    for a, b, label, marked in known:
        colour, size = (_PALETTE[1], 6) if marked else (_PALETTE[0], 3.5)
        out.append(_dot(x(a), y(b), size, colour, label, opacity=0.6))
    return _svg(left + wide + 24, top + tall + 52, out, said)


def _frame(left, top, wide, tall, x_name, y_name, ticks, y):
    out = []
    for value in (0, 0.25, 0.5, 0.75, 1):
        out.append(_line(left, left + wide, y(value), y(value), kind="grid"))
        out.append(_text(left - 6, y(value) + 4, f"{value:g}", text_anchor="end"))
    out += [_text(f"{at:.1f}", top + tall + 20, text, text_anchor="middle") for at, text in ticks]
    out.append(_text(left + wide / 2, top + tall + 42, x_name, text_anchor="middle"))
    x, middle = left - 44, top + tall / 2
    out.append(_text(x, middle, y_name, text_anchor="middle", transform=f"rotate(-90 {x} {middle})"))
    return out
