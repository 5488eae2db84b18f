"""What the command line prints: progress bars on a terminal, tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from ..wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

__all__ = ["complain", "number", "print_json", "print_table", "progress_bar", "say", "share"]

_err = Console(stderr=True, highlight=False, emoji=False)
_out = Console(highlight=False, emoji=False)


def complain(text: str) -> None:
    """One line on stderr."""
    print(f"prospector: {printable(text)}", file=sys.stderr)


def say(text: str, quiet: bool = False) -> None:
    """A line for people; nothing when the output is JSON."""
    if not quiet:
        _out.print(printable(text), markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """A machine-readable result on stdout; what is not a finite number becomes null."""
    print(json.dumps(_plain(value), indent=1, allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table; columns are names, rows lists of text."""
    # Names are the user's: what looks like markup in them is text, and what moves a terminal's cursor is
    # written out.
    table = Table(
        title=Text(printable(title), style="italic"), title_justify="left", show_edge=False, pad_edge=False
    )
    for name in columns:
        table.add_column(Text(printable(name)))
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    # in a pipe or file nothing is cut off
    (_out if _out.is_terminal else Console(highlight=False, emoji=False, width=1000)).print(table)


@contextmanager
def progress_bar(text: str, quiet: bool = False, unit: str = "") -> Iterator[Callable[..., None]]:
    """A progress bar on stderr (only on a terminal): yields update(done, total, text=None).

    ``update.pause()`` takes the bar away until the next update, for a question.
    """
    if quiet or not (_err.is_terminal and sys.stderr.isatty()):

        def nothing(done: int, total: int, text: str | None = None) -> None:
            pass

        nothing.pause = lambda: None
        yield nothing
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_err, transient=True) as bars:
        task = bars.add_task(printable(text), total=None, rate="")

        def update(done: int, total: int, text: str | None = None) -> None:
            bars.start()
            speed = bars.tasks[0].speed
            rate = f"{speed:,.0f}/s" if speed else ""
            bars.update(
                task,
                completed=done,
                total=total,
                rate=rate,
                **({"description": printable(text)} if text else {}),
            )

        update.pause = bars.stop
        yield update


def share(value: float | None) -> str:
    """A share in a table; a dash where there is none."""
    return "-" if value is None else f"{value:.2f}"


def number(value: float | None) -> str:
    """A score in a table, with its sign; a dash where there is none."""
    return "-" if value is None else f"{value:+.2f}"


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
