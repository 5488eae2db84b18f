"""Grids of millions of tokens halved, in compiled loops.

They leave Python free to answer other requests meanwhile.
"""

import numpy as np
from numba import njit

__all__ = ["count_tokens", "halve_sums", "most_frequent", "sum_scores"]


@njit(nogil=True, cache=True)
def sum_scores(positions, scores, least, unsure, n, excluded, total, n_unsure):
    """Add tokens to the halved cells they are in.

    Scores of ``least`` or more to ``n`` and ``total``, NaN to ``excluded``.

    Parameters: positions (m, 2) int; scores (m,) float64; least; unsure (m,) bool, or empty; then grids of
    the halved shape that are added to: uint8, uint8, float32, uint8 (not touched where ``unsure`` is empty).
    """
    for token in range(scores.size):
        row, column, score = positions[token, 0] // 2, positions[token, 1] // 2, scores[token]
        if np.isnan(score):
            excluded[row, column] += 1
        elif not abs(np.float64(np.float32(score))) < least:  # as the viewer compares: four bytes with eight
            n[row, column] += 1
            total[row, column] += score
            if unsure.size and unsure[token]:
                n_unsure[row, column] += 1


@njit(nogil=True, cache=True)
def count_tokens(positions, concepts, concept, n):
    """Add tokens of one concept to the halved cells they are in: ``n``, a grid of the halved shape, uint8."""
    for token in range(concepts.size):
        if concepts[token] == concept:
            n[positions[token, 0] // 2, positions[token, 1] // 2] += 1


@njit(nogil=True, cache=True)
def halve_sums(array, out):
    """Sum four cells each: ``out`` (zeros, half of the shape, rounded up) gains ``array`` (rows, columns)."""
    for row in range(array.shape[0]):
        for column in range(array.shape[1]):
            out[row // 2, column // 2] += array[row, column]


@njit(nogil=True, cache=True)
def most_frequent(winner, own, n, out_winner, out_own, out_n):
    """The most frequent concept of four cells each; ties go to the first cell, read row by row.

    Parameters: winner (rows, columns) int16, -2 where there is no token; own, how many tokens of that concept
    a cell has; n, how many in all; then the same of half the shape, rounded up, which are written.
    """
    ids, votes = np.empty(4, np.int64), np.empty(4, np.int64)
    for row in range(out_winner.shape[0]):
        for column in range(out_winner.shape[1]):
            found, all_ = 0, 0
            for i in range(2 * row, min(2 * row + 2, winner.shape[0])):
                for j in range(2 * column, min(2 * column + 2, winner.shape[1])):
                    if winner[i, j] == -2:
                        continue
                    all_ += n[i, j]
                    at = 0
                    while at < found and ids[at] != winner[i, j]:
                        at += 1
                    if at == found:
                        ids[at], votes[at] = winner[i, j], 0
                        found += 1
                    votes[at] += own[i, j]
            best = 0
            for at in range(1, found):
                if votes[at] > votes[best]:
                    best = at
            out_winner[row, column] = ids[best] if found else -2
            out_own[row, column] = votes[best] if found else 0
            out_n[row, column] = all_
