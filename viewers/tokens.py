"""What the slide viewer knows of single tokens, as bytes that a browser reads without decoding.

Scores, concepts, errors.

Columns one after the other, little-endian, four bytes a number: a picture would round the scores, and
browsers that guard against fingerprinting change the pixels that a page reads back. The viewer's JavaScript
has the counterpart.
"""

from __future__ import annotations

import numpy as np

__all__ = ["encode_doubt", "encode_tokens"]


def encode_tokens(positions: np.ndarray, scores: np.ndarray, concepts: np.ndarray) -> bytes:
    """Where tokens are, their scores and their concepts.

    Parameters
    ----------
    positions : (n, 2) int
        Row and column.
    scores : (n,) float
        NaN for excluded tokens.
    concepts : (n,) int

    Returns
    -------
    bytes
        int32 row (n), int32 column (n), int32 concept (n), float32 score (n).

    Raises
    ------
    ValueError
        Arrays of different length.
    """
    positions = np.asarray(positions).reshape(-1, 2)
    if not len(positions) == len(scores) == len(concepts):
        raise ValueError("positions, scores and concepts must be of one length")
    columns = [positions[:, 0], positions[:, 1], concepts]
    return (
        b"".join(np.asarray(column, "<i4").tobytes() for column in columns)
        + np.asarray(scores, "<f4").tobytes()
    )


def encode_doubt(error: np.ndarray, unsure: np.ndarray, limit: float) -> bytes:
    """How sure tokens' scores are, in the order of `encode_tokens`.

    Parameters
    ----------
    error : (n,) float
        Standard errors; NaN for excluded tokens.
    unsure : (n,) bool
        Where the sign is not certain.
    limit : float
        Error of the strongest colour.

    Returns
    -------
    bytes
        float32 limit, float32 error (n), int32 unsure (n).
    """
    if len(error) != len(unsure):
        raise ValueError("error and unsure must be of one length")
    head = np.array([limit, *np.asarray(error, float)], "<f4")
    return head.tobytes() + np.asarray(unsure, "<i4").tobytes()
