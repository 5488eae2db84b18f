"""Small pictures for pages: tiles side by side, thumbnails as text."""

import base64

import imagecodecs
import numpy as np

__all__ = ["data_uri", "mosaic", "png"]


def mosaic(pictures, columns=4, gap=3):
    """Pictures of one size in rows, left to right.

    (h, w, 4) uint8, transparent between and where none is left.
    """
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for index, picture in enumerate(pictures):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width, :3] = picture
        sheet[top : top + height, left : left + width, 3] = 255
    return sheet


def data_uri(picture):
    """A picture (h, w, 3) uint8 as text that an <img> takes."""
    return "data:image/jpeg;base64," + base64.b64encode(imagecodecs.jpeg_encode(picture, level=85)).decode()


def png(picture):
    """A picture (h, w, 3 or 4) uint8 as the bytes of a PNG."""
    return bytes(imagecodecs.png_encode(picture, level=4))
