"""Where lines stand on the pages of a PDF: running headers and footers, and columns."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import NamedTuple

__all__ = ["Piece", "in_columns", "without_running_lines"]

_EDGE = 4  # lines from the top, and from the bottom, among which running lines are looked for
_SHARE = 0.6  # of the pages (or of the odd, or even, ones) on which a running line stands
_NEAR = 3.0  # points up or down at which it is the same place
_PAGE_NUMBER = re.compile(
    r"\W*(?:page|seite|blatt|pagina|página|pag|p|s|стр|第)?\W*\d+\W*(?:(?:of|von|van|de|di|sur|/|共)?\W*\d+)?\W*(?:页|頁)?\W*",
    re.IGNORECASE,
)
_MARGIN = 0.12  # of a page's height, at the top and at the bottom
_COLUMN = 20  # letters that a line of a column has at least, in the mean
_ROWS = 3  # lines side by side that two columns have at least


class Piece(NamedTuple):
    """Text as a PDF draws it: where it begins and its size, in points; y is up."""

    x: float
    y: float
    size: float
    text: str


def _bare(text: str) -> str:
    return "".join(text.split())


def _rows(pieces: list[Piece]) -> list[tuple[float, list[Piece]]]:
    """Pieces on one line, from the top down: [(y, pieces from the left)]."""
    rows: list[tuple[float, list[Piece]]] = []
    for piece in sorted(pieces, key=lambda each: -each.y):
        if rows and abs(rows[-1][0] - piece.y) <= _NEAR:
            rows[-1][1].append(piece)
        else:
            rows.append((piece.y, [piece]))
    return [(y, sorted(row)) for y, row in rows]


def without_running_lines(
    texts: list[str], pages: list[list[Piece]], heights: list[float]
) -> tuple[list[str], int]:
    """The texts of the pages without lines that recur at the same place of pages, and how many went.

    A line recurs if it stands at one height at the edge of most pages (or of most odd, or even, ones), its
    words the same. A line that counts pages may differ in its numbers, and so may one in the margin of
    three pages or more.

    Parameters
    ----------
    texts : list of str
    pages : list of list of Piece
    heights : list of float
        Of the pages, in points.
    """
    if len(texts) < 2:
        return texts, 0
    edges = [_edge_rows(pieces, height) for pieces, height in zip(pages, heights)]
    at: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for page, rows in enumerate(edges):
        for key, y, _ in rows:
            at[key].append((page, y))
    running = {key: _heights(key, places, len(texts)) for key, places in at.items()}
    found, gone = [], 0
    for text, rows in zip(texts, edges):
        out = Counter(bare for key, y, bare in rows if any(abs(y - each) <= _NEAR for each in running[key]))
        kept, n = _without(text, out)
        found.append(kept)
        gone += n
    # where nothing would be left the lines are the text
    return (found, gone) if any(found) else (texts, 0)


def _edge_rows(pieces: list[Piece], height: float) -> list[tuple[str, float, str]]:
    """(what must be the same, y, text without blanks) of the lines at the edges of a page."""
    rows = _rows(pieces)
    near = rows if len(rows) <= 2 * _EDGE else [*rows[:_EDGE], *rows[-_EDGE:]]
    found = []
    for y, row in near:
        said = " ".join(piece.text for piece in row)
        bare = _bare(said)
        in_margin = not _MARGIN * height < y < (1 - _MARGIN) * height
        if _PAGE_NUMBER.fullmatch(said):
            key = "page " + re.sub(r"\d+", "#", bare)
        else:
            key = "margin " + re.sub(r"\d+", "#", bare) if in_margin else bare
        if bare:
            found.append((key, y, bare))
    return found


def _heights(key: str, places: list[tuple[int, float]], n: int) -> list[float]:
    """The heights at which a line is a running one."""
    found = []
    least = 3 if key.startswith("margin ") and "#" in key else 2
    for y in {round(y) for _, y in places}:
        pages = {page for page, at in places if abs(at - y) <= _NEAR}
        halves = [sum(page % 2 == odd for page in pages) / max(1, len(range(odd, n, 2))) for odd in (0, 1)]
        most = len(pages) >= _SHARE * n or (n >= 6 and max(halves) >= 0.8)
        if len(pages) >= least and most:
            found.append(float(y))
    return found


def _without(text: str, out: Counter[str]) -> tuple[str, int]:
    """A page's text without running lines, which may be written as one line or as its parts."""
    gone, lines = 0, []
    for line in text.split("\n"):
        bare = _bare(line)
        left = [each for each, n in out.items() if n]
        whole = bare if bare in left else None
        ends = len(bare) > 3 and any(each.startswith(bare) or each.endswith(bare) for each in left)
        if not whole and not ends:
            lines.append(line)
            continue
        gone += 1
        if whole:
            out[whole] -= 1
    return "\n".join(lines).strip(), gone


def in_columns(pieces: list[Piece]) -> str | None:
    """The text of a page of two columns, column by column; None where it has one, or where no one can say.

    Lines side by side are columns where those on the right begin at one place, and both sides hold lines of
    a text: short cells are a table, which is read along its rows.
    """
    rows = _rows([piece for piece in pieces if piece.text.strip()])
    starts = Counter(round(row[-1].x) for _, row in rows if len(row) == 2)
    if not starts:
        return None
    gutter, n = starts.most_common(1)[0]
    both = [at for at, (_, row) in enumerate(rows) if len(row) == 2 and abs(row[1].x - gutter) <= _NEAR]
    if n < _ROWS or len(both) < 0.5 * len(rows):
        return None
    sides = [[rows[at][1][side].text.strip() for at in both] for side in (0, 1)]
    if min(sum(map(len, side)) / len(side) for side in sides) < _COLUMN:
        return None
    first, last = both[0], both[-1]
    above, below, left, right = [], [], [], []
    for at, (_, row) in enumerate(rows):
        said = " ".join(piece.text.strip() for piece in row)
        if at < first:
            above.append(said)
        elif at in both:
            left.append(row[0].text.strip())
            right.append(row[1].text.strip())
        elif at < last or abs(row[0].x - gutter) <= _NEAR or abs(row[0].x - rows[first][1][0].x) <= _NEAR:
            (right if row[0].x >= gutter - _NEAR else left).append(said)
        else:
            below.append(said)
    return "\n\n".join("\n".join(part) for part in (above, left, right, below) if part)
