"""The app's colours as napari takes them."""

import numpy as np

from prospector_core.palette import EXCLUDED_COLOUR, rgb_of
from viewers.token_pixels import map_pixels, sequential_colours

__all__ = ["EVIDENCE", "error_colormap", "label_colormap", "score_colormap"]

_STEPS = 201  # odd: one is exactly zero, and transparent

# Of marked regions, as in the browser: what speaks for, what against, what is ignored.
EVIDENCE = {"for": "#b84300", "against": "#2171b5", "ignore": "#5c5c5c"}


def score_colormap():
    """Blue against, orange for, transparent at zero and where there is no score."""
    from napari.utils import Colormap

    colours = map_pixels(np.linspace(-1, 1, _STEPS), 1.0) / 255
    return Colormap(colours, name="prospector score", nan_color=(0, 0, 0, 0))


def error_colormap():
    """Pale where a score is sure, dark green where not, transparent where there is none."""
    from napari.utils import Colormap

    colours = np.ones((_STEPS, 4))
    colours[:, :3] = sequential_colours(np.linspace(0, 1, _STEPS), 1.0) / 255
    return Colormap(colours, name="prospector error", nan_color=(0, 0, 0, 0))


def label_colormap(colours, excluded=(), hidden=()):
    """Colours of a sprite's labels, concept + 1 each.

    ``colours``: "#rrggbb" by concept; excluded ones are pale grey.
    """
    from napari.utils import DirectLabelColormap

    table = {None: np.zeros(4), 0: np.zeros(4)}
    for concept, colour in enumerate(colours):
        out = concept in excluded
        rgb = np.array(rgb_of(EXCLUDED_COLOUR if out else colour)) / 255
        table[concept + 1] = np.array([*rgb, 0.0 if concept in hidden else 0.3 if out else 1.0])
    return DirectLabelColormap(color_dict=table)
