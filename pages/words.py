"""Numbers, names and weights as people read them, in Markdown or HTML."""

import html
import re

import numpy as np

from viewers.overlays import diverging_css

__all__ = ["plain", "class_of", "signed", "share_text", "area_text", "place_text", "weight_bar", "heat_table"]


def plain(text):
    """A name as it stands, in Markdown: nothing in it is markup."""
    return re.sub(r"([\\`*_\[\]<>~$:#|])", r"\\\1", str(text))


def class_of(study, datum):
    """The name of a datum's class, or "unlabelled"."""
    return study.classes[datum.label] if datum.label is not None else "unlabelled"


def signed(value):
    """A weight or score as text: +2.94, −0.50; 0.00 where it is that small."""
    text = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
    return "0.00" if text[1:] == "0.00" else text


def share_text(value):
    """A share as text: 12 %, 0.4 %, 0 %."""
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"


def area_text(area, unit):
    """An area as text: 1.3 mm², 0.020 mm², 90,000 px²."""
    if unit == "px2" or area >= 10:
        return f"{area:,.0f} {'px' if unit == 'px2' else 'mm'}²"
    return f"{np.format_float_positional(area, precision=2, fractional=False, min_digits=2)} mm²"


def place_text(place):
    """Where a token is, from ``Modality.place``: row 3, column 12."""
    return ", ".join(
        f"{word} {value:.6g}" if isinstance(value, float) else f"{word} {value}"
        for word, value in place.items()
        if value != ""
    )


def weight_bar(weight, largest, sides, pinned=False):
    """A weight as a bar to the left or right of a middle line, as HTML; a dot at its end where the expert pinned it.

    ``sides``: what a negative and a positive weight speak for, as ``Study.sides``.
    """
    share = 50 * min(abs(weight) / largest, 1.0)
    negative, _, positive = diverging_css(3)
    colour, left = (positive, 50) if weight > 0 else (negative, 50 - share)
    words = html.escape(sides[int(weight > 0)] if weight else "says nothing")
    words += ", pinned" if pinned else ""
    end = 50 + share * (1 if weight > 0 else -1)
    dot = (
        f'<div style="position:absolute;left:calc({end:.1f}% - .35em);top:0;width:.7em;height:.7em;box-sizing:border-box;'
        'background:#000;border:1px solid #fff;border-radius:50%"></div>'
    )
    return (
        f'<div role="img" aria-label="weight {signed(weight)}, {words}" style="display:flex;align-items:center;gap:.6em;font-size:.85rem">'
        f'<div style="position:relative;flex:1;height:.7em;background:rgba(128,128,128,.18);border-radius:3px">'
        f'<div style="position:absolute;left:{left:.1f}%;width:{share:.1f}%;height:100%;background:{colour};border-radius:2px"></div>'
        f'<div style="position:absolute;left:50%;width:1px;height:100%;background:currentColor;opacity:.5"></div>{dot if pinned else ""}</div>'
        f'<span style="white-space:nowrap"><b>{signed(weight)}</b> {words}</span></div>'
    )


def heat_table(rows, columns, values):
    """Numbers as a table whose cells are the stronger coloured the larger they are, as HTML; a row's largest is bold.

    Parameters: rows, columns, names; values (rows, columns), only those above 0 are coloured.
    """
    top = max(float(np.nanmax(values, initial=0.0)), 0.05)
    colour = diverging_css(3)[2]
    cell = "padding:.25em .6em;text-align:right;white-space:nowrap"
    head = "".join(
        f'<th scope="col" style="padding:.25em .6em;text-align:right;vertical-align:bottom;font-weight:600">{html.escape(name)}</th>'
        for name in columns
    )
    lines = []
    for name, numbers in zip(rows, values, strict=True):
        cells = "".join(
            f'<td style="{cell};background:color-mix(in srgb, {colour} {45 * max(value, 0) / top:.0f}%, transparent);'
            f'font-weight:{700 if at == int(np.argmax(numbers)) else 400}">{signed(value)}</td>'
            for at, value in enumerate(numbers)
        )
        label = f'<th scope="row" style="padding:.25em .6em .25em 0;text-align:left;white-space:nowrap;font-weight:400">{html.escape(name)}</th>'
        lines.append(f"<tr>{label}{cells}</tr>")
    return (
        '<div style="overflow-x:auto;font-size:.85rem"><table style="border-collapse:separate;border-spacing:2px;'
        f'font-variant-numeric:tabular-nums"><thead><tr><td></td>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )
