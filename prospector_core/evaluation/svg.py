"""Plots for the report as SVG text: nothing to install, nothing to fetch, readable in light and dark."""

import html

import numpy as np

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
_STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#222}.grid{stroke:#ddd}.axis{stroke:#777}.whisker{stroke:#222;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}.axis{stroke:#999}.whisker{stroke:#eee}}</style>"
)


def neutral(svg):
    """A plot whose text and lines can be read on light and on dark ground alike, where it cannot know which it stands on: SVG text."""
    look = "text{font:13px system-ui,sans-serif;fill:#7b858f}.grid{stroke:#7b858f55}.axis{stroke:#7b858f}.whisker{stroke:#7b858f;stroke-width:2}"
    return svg.replace(_STYLE, f"<style>{look}</style>")


def _svg(width, height, inside, said):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="{html.escape(said)}">{_STYLE}{"".join(inside)}</svg>'
    )


def bars(rows, said, reference=None):
    """Horizontal bars 0..1 with intervals. Rows: (name, value, low, high). ``reference``: (name, value), a dashed line."""
    left, wide, step = 270, 420, 26
    height = step * len(rows) + 54
    x = lambda value: left + wide * float(np.clip(np.nan_to_num(value), 0, 1))
    out = [f'<line class="grid" x1="{x(t)}" x2="{x(t)}" y1="8" y2="{height - 40}"/><text x="{x(t)}" y="{height - 22}" text-anchor="middle">{t:g}</text>' for t in (0, 0.25, 0.5, 0.75, 1)]  # fmt: skip
    for at, (name, value, low, high) in enumerate(rows):
        y = 12 + step * at
        colour = (
            _PALETTE[0] if name.startswith("prospector") else _PALETTE[1] if name.startswith("authors") else "#999999"
        )
        out.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{html.escape(name)}</text>')
        out.append(f'<rect x="{left}" y="{y}" width="{x(value) - left:.1f}" height="18" fill="{colour}"/>')
        out.append(f'<line class="whisker" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y + 9}" y2="{y + 9}"/>')
        out.append(f'<text x="{max(x(high), x(value)) + 6:.1f}" y="{y + 14}">{value:.2f}</text>')
    if reference:
        out.append(f'<line class="axis" x1="{x(reference[1])}" x2="{x(reference[1])}" y1="4" y2="{height - 40}" stroke-dasharray="4 3"/>')  # fmt: skip
        out.append(
            f'<text x="{x(reference[1])}" y="{height - 6}" text-anchor="middle">{html.escape(reference[0])}</text>'
        )
    return _svg(left + wide + 60, height, out, said)


def curves(series, said, x_name, y_name, log=False):
    """Lines with whiskers. Series: {name: list of (x, mean, low, high)}; y is 0..1."""
    return panels([(x_name, series, [], log)], said, y_name)


def panels(parts, said, y_name, columns=2):
    """Several plots of lines with whiskers, two in a row, one legend. Parts: list of (x name, series, dots, log); y is 0..1.

    Series: {name: list of (x, mean, low, high)}, the same names in all parts; dots: list of (x, y, label), drawn behind.
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
        out.append(
            f'<line x1="{right}" x2="{right + 20}" y1="{y}" y2="{y}" stroke="{_colour(at)}" stroke-width="{_width(name)}"{_dash(at)}/>'
        )
        out.append(f'<text x="{right + 28}" y="{y + 4}">{html.escape(name)}</text>')
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
    out += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="2.5" fill="{_PALETTE[0]}" opacity="0.45"><title>{html.escape(label)}</title></circle>' for a, b, label in dots if np.isfinite(a) and np.isfinite(b)]  # fmt: skip
    for at, name in reversed(list(enumerate(names))):  # the first one on top
        points = series.get(name, [])
        aside = 2.5 * (at - (len(names) - 1) / 2)  # whiskers of methods stand beside each other
        out += [f'<line x1="{x(p) + aside:.1f}" x2="{x(p) + aside:.1f}" y1="{y(a):.1f}" y2="{y(b):.1f}" stroke="{_colour(at)}" opacity="0.55"/>' for p, _, a, b in points]  # fmt: skip
        out.append(f'<polyline points="{_points([(x(p) + aside, y(mean)) for p, mean, _, _ in points])}" fill="none" stroke="{_colour(at)}" stroke-width="{_width(name)}"{_dash(at)}/>')  # fmt: skip
        out += [f'<circle cx="{x(p) + aside:.1f}" cy="{y(mean):.1f}" r="3" fill="{_colour(at)}"><title>{html.escape(name)}: {mean:.2f}</title></circle>' for p, mean, _, _ in points]  # fmt: skip
    return out


def _colour(at):
    return _PALETTE[at % len(_PALETTE)]


def _width(name):
    return 3 if name == "prospector" else 1.6


def _dash(at):
    return "" if at < 4 else ' stroke-dasharray="6 3"'


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
        out.append(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="{size}" fill="{colour}" opacity="0.6"><title>{html.escape(label)}</title></circle>')  # fmt: skip
    return _svg(left + wide + 24, top + tall + 52, out, said)


def _frame(left, top, wide, tall, x_name, y_name, ticks, y):
    out = []
    for value in (0, 0.25, 0.5, 0.75, 1):
        out.append(f'<line class="grid" x1="{left}" x2="{left + wide}" y1="{y(value)}" y2="{y(value)}"/>')
        out.append(f'<text x="{left - 6}" y="{y(value) + 4}" text-anchor="end">{value:g}</text>')
    out += [f'<text x="{at:.1f}" y="{top + tall + 20}" text-anchor="middle">{text}</text>' for at, text in ticks]
    out.append(f'<text x="{left + wide / 2}" y="{top + tall + 42}" text-anchor="middle">{html.escape(x_name)}</text>')
    x = left - 44
    out.append(f'<text x="{x}" y="{top + tall / 2}" text-anchor="middle" transform="rotate(-90 {x} {top + tall / 2})">{html.escape(y_name)}</text>')  # fmt: skip
    return out


def _points(pairs):
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)
