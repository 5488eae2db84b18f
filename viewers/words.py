"""Numbers, names and weights as people read them, in Markdown or HTML."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prospector_core.html_pages import write_html
from prospector_core.wording import one_line
from viewers.token_pixels import diverging_css

__all__ = [
    "plain",
    "class_of",
    "signed",
    "share_text",
    "area_text",
    "place_text",
    "weight_bar",
    "heat_table",
    "place_of",
    "time_left",
]


# What Streamlit looks for in the text that is left once Markdown is read, where a backslash no longer helps:
# the places after which an invisible character stands between what only together means something.
_TOGETHER = re.compile(
    r"""(?<=:)(?=[\w+-]+:)             # :material_home: :smile: :streamlit:
    |(?<=://)                          # http://...
    |(?<=www)(?=\.)
    |(?<=@)
    |(?<=(?<!\S)[<>~-])(?=[=-](?!\S)) # an arrow or sign by itself; an option (--data) stays
    |(?<=(?<!\S)<-)(?=>(?!\S))
    |(?<=(?<!\S)-)(?=>(?!\S))""",
    re.IGNORECASE | re.VERBOSE,
)
_JOINER = "\N{WORD JOINER}"


def plain(text: object) -> str:
    """A text as it stands, wherever Streamlit reads Markdown (labels, options, help, captions, messages).

    Nothing in it is markup.

    It becomes one line, and characters that would turn round what follows are shown as what they are.
    """
    line = _TOGETHER.sub(_JOINER, one_line(text))
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", line)


def class_of(study, datum) -> str:
    """The name of a datum's class, or "unlabelled"."""
    return study.classes[datum.label] if datum.label is not None else "unlabelled"


def signed(value: float) -> str:
    """A weight or score as text: +2.94, −0.50; 0.00 where it is that small."""
    text = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
    return "0.00" if text[1:] == "0.00" else text


def share_text(value: float) -> str:
    """A share as text: 12 %, 0.4 %, 0 %."""
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"


def area_text(area: float, unit: str) -> str:
    """An area as text: 1.3 mm², 0.020 mm², 90,000 px²."""
    if unit == "px2" or area >= 10:
        return f"{area:,.0f} {'px' if unit == 'px2' else 'mm'}²"
    return f"{np.format_float_positional(area, precision=2, fractional=False, min_digits=2)} mm²"


def place_text(place: Mapping[str, Any]) -> str:
    """Where a token is, from ``Modality.place``: row 3, column 12."""
    return ", ".join(
        f"{word} {value:.6g}" if isinstance(value, float) else f"{word} {value}"
        for word, value in place.items()
        if value != ""
    )


def weight_bar(weight: float, largest: float, sides: Sequence[str], pinned: bool = False) -> str:
    """A weight as a bar to the left or right of a middle line, as HTML.

    A dot at its end where the expert pinned it.

    ``sides``: what a negative and a positive weight speak for, as ``Study.sides``.
    """
    share = 50 * min(abs(weight) / largest, 1.0)
    negative, _, positive = diverging_css(3)
    return write_html(
        "viewers",
        "weight_bar.html",
        weight=signed(weight),
        words=sides[int(weight > 0)] if weight else "says nothing",
        pinned=pinned,
        share=share,
        left=50 if weight > 0 else 50 - share,
        end=50 + share * (1 if weight > 0 else -1),
        colour=positive if weight > 0 else negative,
    )


def heat_table(rows: Sequence[str], columns: Sequence[str], values: np.ndarray) -> str:
    """Numbers as a table whose cells are the stronger coloured the larger they are, as HTML.

    A row's largest is bold.

    Parameters: rows, columns, names; values (rows, columns), only those above 0 are coloured.
    """
    top = max(float(np.nanmax(values, initial=0.0)), 0.05)
    lines = [
        (
            name,
            [
                (signed(value), 45 * max(value, 0) / top, at == int(np.argmax(numbers)))
                for at, value in enumerate(numbers)
            ],
        )
        for name, numbers in zip(rows, values, strict=True)
    ]
    return write_html("viewers", "heat_table.html", columns=columns, lines=lines, colour=diverging_css(3)[2])


def place_of(text: str) -> Path:
    """A file or folder as typed."""
    return Path(text.strip()).expanduser()


def time_left(seconds: float | None) -> str:
    """A remaining time as a person says it: "about 3 min left"; empty where it is not known."""
    if seconds is None:
        return ""
    if seconds < 50:
        return "less than a minute left"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {minutes} min left"
    hours = round(minutes / 60)
    return f"about {hours} h left" if hours < 48 else f"about {round(hours / 24)} days left"
