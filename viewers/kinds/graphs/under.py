"""What lies under the points of a study of cells, for the graph viewer.

Addresses of tiles, made when they are looked at.
"""

import logging

from prospector_core.errors import ProspectorError
from viewers import tile_server
from viewers.graph_viewer import middle_of
from viewers.study_key import study_key
from viewers.under_tiles import CONTRASTS, SIDE, BorderTiles, ChannelTiles, OutlineTiles

__all__ = ["under_of"]

_WORDS = {"usual": "1 to 99.8 %", "strong": "10 to 99 %", "whole": "0 to 100 %"}

log = logging.getLogger(__name__)


def under_of(study, datum):
    """What the graph viewer's ``under`` takes, None where there is nothing (or it cannot be read)."""
    try:
        under = study.under(datum)
    except ProspectorError as error:  # cells are seen without their image
        log.warning("%s", error)
        return None
    positions = study.positions(datum)
    if not under or positions.shape[1] != 2:
        return None
    middle, key = middle_of(positions), (study_key(study), datum.uid)
    images = [_image(key, at, image, middle) for at, image in enumerate(under.images)]
    if under.labels is not None:
        version = ("borders", id(under))
        url = tile_server.register_tiles(
            (*key, "borders"), BorderTiles(under.labels), version=version, kind="image"
        )
        images.append(
            {
                **_frame(under.labels, middle),
                "id": "borders",
                "borders": True,
                "urls": {"usual": url},
                "channels": [],
            }
        )
    outlines = None
    if under.outlines is not None:
        tiles = OutlineTiles(under.outlines, positions, middle)
        url = tile_server.register_tiles(
            (*key, "outlines"), tiles, version=("outlines", id(under)), kind="points"
        )
        outlines = {"url": url, "side": tiles.side, "origin": (tiles.origin - middle).tolist()}
    return {"images": images, "outlines": outlines, "contrasts": _WORDS}


def _image(key, at, image, middle):
    urls = {
        name: tile_server.register_tiles(
            (*key, "channels", at),
            ChannelTiles(image, name),
            version=("channels", id(image), name),
            kind="image",
        )
        for name in CONTRASTS
    }
    return {
        **_frame(image, middle),
        "id": f"image-{at}",
        "rgb": image.is_rgb,
        "urls": urls,
        "channels": image.channels,
    }


def _frame(image, middle):
    """Size and place, in coordinates less the middle of the points.

    The place is a, b, c, d, e, f of x' = a x + c y + e, y' = b x + d y + f.
    """
    (a, c, e), (b, d, f) = image.matrix.tolist()
    return {
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "top": image.n_levels - 1,
        "tile": SIDE,
        "matrix": [a, b, c, d, e - float(middle[0]), f - float(middle[1])],
    }
