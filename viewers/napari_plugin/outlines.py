"""Outlines: boxes around points that are selected, and polygons of shapes that were drawn."""

import numpy as np

from viewers.point_pictures import spacing_of

__all__ = ["box_around", "polygon_of", "same_outline"]


def box_around(places, tokens=None):
    """(x, y, width, height) around some points (default: all), with room for the points themselves.

    ``places``: (n, 2 or 3).
    """
    room = spacing_of(places)
    xy = np.asarray(places)[:, :2]
    xy = xy if tokens is None else xy[tokens]
    low, high = xy.min(axis=0) - room / 2, xy.max(axis=0) + room / 2
    return (*low.tolist(), *(high - low).tolist())


def polygon_of(vertices, shape_type):
    """Outline of a shape as napari has it: (m, 2), an ellipse as many corners.

    ValueError for what encloses nothing.
    """
    vertices = np.asarray(vertices, float)
    if shape_type == "ellipse":
        middle, a, b = vertices.mean(axis=0), (vertices[1] - vertices[0]) / 2, (vertices[3] - vertices[0]) / 2
        turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)[:, None]
        return middle + np.cos(turn) * a + np.sin(turn) * b
    if shape_type in ("line", "path"):
        raise ValueError("a line encloses no token: draw a rectangle, an ellipse or a polygon")
    return vertices


def same_outline(one, other):
    """Whether two outlines are the same but for rounding."""
    return np.shape(one) == np.shape(other) and np.allclose(one, other, atol=1e-3)
