"""Overlays of very large token grids, tile by tile.

A picture of the whole would be too much for a browser, and its tokens' numbers, too.

A tile is 256 x 256 cells, a cell one pixel. At the last level a cell is a token; each level before halves the
one after. Halved cells hold sums, so that their scores are means over tokens; cells partly empty are partly
transparent. Nothing is made before it is asked for, and what was made is kept within a bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

import imagecodecs
import numpy as np

from viewers.halving import count_tokens, halve_sums, most_frequent, sum_scores
from viewers.token_blocks import BLOCK, TokenBlocks
from viewers.token_pixels import hatch, map_pixels, sequential_colours, sprite_pixels
from viewers.tokens import encode_doubt, encode_tokens

__all__ = [
    "TILED_ABOVE",
    "ConceptTiles",
    "NumberTiles",
    "ScoreTiles",
    "View",
    "above_table",
    "doubt_numbers",
    "encode_summary",
    "token_numbers",
]

TILED_ABOVE = 4096
"""Tokens a side of the grid beyond which overlays are tiles and no longer one picture each."""

_FADED = 0.12  # opacity of concepts that are not the highlighted one; the viewer's JavaScript has the same
_VIEW = re.compile(r"(?:t(\d{1,3}))?(u)?|c(\d{1,5})", re.ASCII)


@dataclass(frozen=True)
class View:
    """How a person looks at an overlay.

    least : scores below this many hundredths of the limit are hidden, 0 to 100
    hatched : stripes where the sign is not certain
    concept : the highlighted one, or None
    """

    least: int = 0
    hatched: bool = False
    concept: int | None = None

    @classmethod
    def parse(cls, text: str) -> View | None:
        """From the part of an address: "", "t35", "u", "t35u" or "c7". None for anything else."""
        found = _VIEW.fullmatch(text)
        if found is None or int(found[1] or 0) > 100:
            return None
        return cls(int(found[1] or 0), found[2] is not None, int(found[3]) if found[3] else None)


def _levels(blocks: TokenBlocks, sums: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Sums over halved cells, level by level: [0] is what is given, halved once."""
    out = {name: [each] for name, each in sums.items()}
    for times in range(2, blocks.top + 1):
        for levels in out.values():
            kind = levels[-1].dtype if levels[-1].dtype.kind == "f" else _count_type(times)
            levels.append(np.zeros(blocks.halved_shape(times), kind))
            halve_sums(levels[-2], levels[-1])
    return out


def _count_type(times: int) -> np.dtype:
    """For counts of cells halved so often: few types, as each is compiled on its own."""
    return np.dtype(np.uint8 if times <= 3 else np.uint32)


class _Tiles:
    """What the tile server asks: ``tile``. Subclasses draw."""

    suffix = "png"

    def __init__(self, key: Hashable, blocks: TokenBlocks) -> None:
        self.key, self.blocks = key, blocks

    def tile(self, level: int, row: int, column: int, view: View) -> bytes | None:
        """A tile as PNG, or None if there is none. Both sides are 256 px but at the right and lower edge."""
        if not self.blocks.has(level, row, column):
            return None
        if level == self.blocks.top:
            image = self._fine(row, column, view)
        else:
            window = self.blocks.window(level, row, column)
            image = self._coarse(self.blocks.top - level, window, view)
        return bytes(imagecodecs.png_encode(np.ascontiguousarray(image), level=1))

    def _kept(self, part: Hashable, make: Callable[[], dict]) -> dict:
        return self.blocks.arrays.make((self.blocks.key, self.key, part), make)


class ScoreTiles(_Tiles):
    """Tiles of a prospect map, or of its uncertainty.

    Parameters
    ----------
    key : hashable
        Another one where the values are others.
    blocks : TokenBlocks
    values : callable
        Gives (n,) float scores or standard errors, NaN for excluded tokens.
    limit : callable
        Gives the value of the strongest colour.
    unsure : callable, optional
        Gives (n,) bool, where the sign is not certain.
    signed : bool
        A map, with colours both ways; else an uncertainty.
    """

    def __init__(
        self,
        key: Hashable,
        blocks: TokenBlocks,
        values: Callable[[], np.ndarray],
        limit: Callable[[], float],
        *,
        unsure: Callable[[], np.ndarray] | None = None,
        signed: bool = True,
    ) -> None:
        super().__init__(key, blocks)
        self._values, self._limit, self._unsure, self._signed = values, limit, unsure, signed

    def _colours(self, values: np.ndarray) -> np.ndarray:
        if self._signed:
            return map_pixels(values, self._limit())
        pixels = np.full((*values.shape, 4), 255, np.uint8)
        pixels[..., :3] = sequential_colours(values, self._limit())
        pixels[np.isnan(values), 3] = 0
        return pixels

    def _least(self, view: View) -> np.float64 | float:
        return (
            np.float64(view.least / 100 * self._limit()) if self._signed else 0.0
        )  # an uncertainty has no threshold

    def _unsure_of(self, tokens: np.ndarray, view: View) -> np.ndarray:
        if not view.hatched or self._unsure is None:
            return np.zeros(len(tokens), bool)
        return self._unsure()[tokens]

    def _fine(self, row: int, column: int, view: View) -> np.ndarray:
        tokens, at, shape = self.blocks.fine(row, column)
        values = self._values()[tokens]
        # as the viewer compares: a score of four bytes with a threshold of eight
        shown = ~(np.abs(values.astype(np.float32)) < self._least(view))
        at = tuple(axis[shown] for axis in at)
        grid = np.zeros((*shape, 4), np.uint8)
        grid[at] = self._colours(values[shown])
        excluded, striped = np.zeros(shape, bool), np.zeros(shape, bool)
        excluded[at] = np.isnan(values[shown])
        striped[at] = self._unsure_of(tokens, view)[shown] & ~np.isnan(values[shown])
        return _striped(hatch(grid, excluded, 1), striped)

    def _sums(self, view: View) -> dict[str, list[np.ndarray]]:
        shape = self.blocks.halved_shape(1)
        n, excluded, unsure = (np.zeros(shape, np.uint8) for _ in range(3))
        total = np.zeros(shape, np.float32)
        signs = self._unsure() if view.hatched and self._unsure is not None else np.zeros(0, bool)
        sum_scores(
            self.blocks.positions, self._values(), self._least(view), signs, n, excluded, total, unsure
        )
        layers = {"n": n, "excluded": excluded, "total": total, **({"unsure": unsure} if signs.size else {})}
        return _levels(self.blocks, layers)

    def _coarse(self, times: int, window: tuple[slice, slice], view: View) -> np.ndarray:
        sums = self._kept((self._least(view), view.hatched), lambda: self._sums(view))
        n, excluded, total = (sums[name][times - 1][window] for name in ("n", "excluded", "total"))
        with np.errstate(invalid="ignore"):
            mean = np.where(n > 0, total / n, np.nan)
        grid = self._colours(mean)
        hatched = excluded > n
        image = hatch(grid, hatched, 1)
        cover = np.where(hatched, excluded, n) / 4**times
        image[..., 3] = np.round(image[..., 3] * cover)
        if "unsure" in sums:
            image = _striped(image, (2 * sums["unsure"][times - 1][window].astype(np.int64) > n) & ~hatched)
        return image


class ConceptTiles(_Tiles):
    """Tiles of a data sprite: a halved cell has the concept that most of its tokens have.

    Parameters
    ----------
    key, blocks : as `ScoreTiles`
    concepts : callable
        Gives (n,) int concepts; -1 for a token without one.
    colours : list of "#rrggbb"
    excluded : collection of int
        Concepts that were excluded.
    """

    def __init__(
        self,
        key: Hashable,
        blocks: TokenBlocks,
        concepts: Callable[[], np.ndarray],
        colours: Sequence[str],
        excluded: Collection[int] = (),
    ) -> None:
        super().__init__(key, blocks)
        self._concepts, self._colours = concepts, tuple(colours)
        self._excluded = np.array([-1, *excluded])

    def _fine(self, row: int, column: int, view: View) -> np.ndarray:
        tokens, at, shape = self.blocks.fine(row, column)
        winner, n = np.full(shape, -2, np.int16), np.zeros(shape, np.uint8)
        winner[at], n[at] = self._concepts()[tokens], 1
        return self._paint(winner, n, 1, view, (winner == view.concept) if view.concept is not None else None)

    def _coarse(self, times: int, window: tuple[slice, slice], view: View) -> np.ndarray:
        won = self._kept("concepts", self._winners)
        winner, n = (won[name][times - 1][window] for name in ("winner", "n"))
        lit = None
        if view.concept is not None:
            lit = self._kept(("lit", view.concept), lambda: self._lit(view.concept))["lit"][times - 1][window]
        return self._paint(winner, n, 4**times, view, lit)

    def _paint(
        self, winner: np.ndarray, n: np.ndarray, of: int, view: View, lit: np.ndarray | None
    ) -> np.ndarray:
        grid = sprite_pixels(winner, self._colours)
        hatched = np.isin(winner, self._excluded)
        image = hatch(grid, hatched, 1)
        alpha = image[..., 3] * (n / of)
        if lit is not None:
            # The highlighted tokens of a cell in full, the others faded: the mean of what both would be.
            full, faded = lit / of, _FADED * (n - lit.astype(float)) / of * (image[..., 3] / 255)
            alpha = 255 * (full + faded)
            own = sprite_pixels(np.array(view.concept), self._colours)[:3]
            with np.errstate(invalid="ignore"):
                share = np.nan_to_num(full / (full + faded))[..., None]
            image[..., :3] = np.round(share * own + (1 - share) * image[..., :3])
        image[..., 3] = np.round(alpha)
        return image

    def _lit(self, concept: int) -> dict[str, list[np.ndarray]]:
        n = np.zeros(self.blocks.halved_shape(1), np.uint8)
        count_tokens(self.blocks.positions, self._concepts(), concept, n)
        return _levels(self.blocks, {"lit": n})

    def _winners(self) -> dict[str, list[np.ndarray]]:
        blocks, concepts = self.blocks, self._concepts()
        levels = {"winner": [], "own": [], "n": []}
        for times in range(1, blocks.top + 1):
            shape, kind = blocks.halved_shape(times), _count_type(times)
            for each, dtype in zip(levels.values(), (np.int16, kind, kind)):
                each.append(np.empty(shape, dtype))
            if times > 1:
                most_frequent(
                    *(each[-2] for each in levels.values()), *(each[-1] for each in levels.values())
                )
                continue
            # Band by band: the grid of all tokens would be the largest array of all, and is needed here
            # alone.
            for first, tokens in blocks.bands():
                at = blocks.positions[tokens]
                band = np.full((min(BLOCK, blocks.shape[0] - first), blocks.shape[1]), -2, np.int16)
                band[at[:, 0] - first, at[:, 1]] = concepts[tokens]
                there = (band > -2).view(np.uint8)
                rows = slice(first // 2, first // 2 + -(-len(band) // 2))
                most_frequent(band, there, there, *(each[0][rows] for each in levels.values()))
        return levels


class NumberTiles(_Tiles):
    """The numbers of a tile's tokens, at the last level only, as :mod:`viewers.tokens` writes them.

    Parameters
    ----------
    key, blocks : as `ScoreTiles`
    make : callable
        Gives bytes of token ids (m,) and their positions (m, 2).
    """

    suffix = "bin"

    def __init__(
        self, key: Hashable, blocks: TokenBlocks, make: Callable[[np.ndarray, np.ndarray], bytes]
    ) -> None:
        super().__init__(key, blocks)
        self._make = make

    def tile(self, level: int, row: int, column: int, view: View) -> bytes | None:
        """As bytes; None but at the last level."""
        if level != self.blocks.top or view != View() or not self.blocks.has(level, row, column):
            return None
        tokens = self.blocks.tokens(row, column)
        return self._make(tokens, self.blocks.positions[tokens])


def _striped(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Stripes of white and black across the hatch of excluded tokens.

    Over the whole grid, so that tiles join.
    """
    height, width = where.shape
    phase = (np.arange(height)[:, None] - np.arange(width)[None, :]) % 4
    image[where & (phase == 0)] = (255, 255, 255, 255)
    image[where & (phase == 1)] = (34, 34, 34, 255)
    return image


def above_table(scores: np.ndarray, limit: float) -> dict[str, list[int] | int]:
    """How many tokens a threshold leaves, for every hundredth of the limit.

    Parameters
    ----------
    scores : (n,) float
        NaN for excluded tokens.
    limit : float

    Returns
    -------
    dict
        ``n``; ``high`` and ``low``: 101 counts each, of scores at or above k / 100 of the limit, and at or
        below minus that.
    """
    known = np.asarray(scores, np.float32)
    known = known[~np.isnan(known)].astype(float)
    edges = np.arange(101) / 100 * limit
    count = lambda side: np.cumsum(np.bincount(np.searchsorted(edges, side, "right"), minlength=102)[::-1])[
        ::-1
    ][1:]
    high, low = count(known[known >= 0]), count(-known[known < 0])
    return {"n": len(scores), "high": high.tolist(), "low": low.tolist()}


def token_numbers(scores: Callable[[], np.ndarray], concepts: Callable[[], np.ndarray]) -> Callable:
    """For `NumberTiles`: positions, scores and concepts of some tokens."""
    return lambda tokens, positions: encode_tokens(positions, scores()[tokens], concepts()[tokens])


def doubt_numbers(
    error: Callable[[], np.ndarray], unsure: Callable[[], np.ndarray], limit: Callable[[], float]
) -> Callable:
    """For `NumberTiles`: how sure the scores of some tokens are."""
    return lambda tokens, positions: encode_doubt(error()[tokens], unsure()[tokens], limit())


def encode_summary(unsure: np.ndarray, limit: float) -> bytes:
    """How sure a map is as a whole.

    Returns the float32 limit of the uncertainty's colours, the number of uncertain tokens, and that of all
    tokens.
    """
    return np.array([limit, np.count_nonzero(unsure), len(unsure)], "<f4").tobytes()
