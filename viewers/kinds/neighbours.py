"""The tokens that a token's score comes from, each in the colour of what it adds."""

import numpy as np

from prospector_core.palette import hex_of
from prospector_core.study import Study
from viewers.token_pixels import diverging_colours

__all__ = ["coloured_neighbours"]

_MOST = 400  # drawn; of a larger receptive field those that add most


def coloured_neighbours(study: Study, datum, token: int | None, fit) -> list[tuple[int, str]]:
    """Tokens around a token under a fit, those that add most first: list of (token, "#rrggbb")."""
    if token is None:
        return []
    near = study.neighbours(datum, token, fit)
    added = near.contributions[1:]
    if not added.size:
        return []
    most = np.argsort(-np.abs(added), kind="stable")[:_MOST]
    colours = diverging_colours(added, float(np.abs(added).max()) or 1.0)
    return [(int(near.tokens[1:][at]), hex_of(colours[at])) for at in most]
