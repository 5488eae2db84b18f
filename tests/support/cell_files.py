"""Made multiplexed images: the cells of a made sample as discs in channels, with their label image.

Nothing in them is measured.
"""

import numpy as np
import tifffile

from sample_data.cells import CHANNELS, make_sample

__all__ = ["CHANNELS", "write_cell_images", "write_sample_image"]


def write_sample_image(folder, name, inflamed, seed, cells=150, pixel=2.0, channels=CHANNELS):
    """One sample as NAME.ome.tif and NAME_mask.tif.

    Tiled, a pyramid where it is large, ``pixel`` µm a pixel. Returns (n, 2) places.
    """
    sample, _ = make_sample(inflamed, seed, cells)
    places, values = sample["positions"], sample["features"][:, : len(channels)]
    side = int(np.ceil(900 / pixel))
    reach = int(0.33 * 900 / np.sqrt(cells) / pixel)
    labels, image = np.zeros((side, side), np.uint16), np.zeros((len(channels), side, side), np.uint16)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = rows**2 + columns**2 <= reach**2
    for number, (x, y) in enumerate(places / pixel, start=1):
        r, c = rows[disc] + int(y), columns[disc] + int(x)
        inside = (r >= 0) & (c >= 0) & (r < side) & (c < side)
        r, c = r[inside], c[inside]
        free = labels[r, c] == 0
        labels[r[free], c[free]] = number
        image[:, r[free], c[free]] = np.minimum(60 * values[number - 1], 60_000).astype(np.uint16)[:, None]
    image += np.random.default_rng(seed).integers(20, 60, image.shape, dtype=np.uint16)
    halves = [image]
    while halves[-1].shape[-1] > 600:
        last = halves[-1][:, : halves[-1].shape[1] // 2 * 2, : halves[-1].shape[2] // 2 * 2]
        halves.append(
            last.reshape(len(last), last.shape[1] // 2, 2, last.shape[2] // 2, 2)
            .mean(axis=(2, 4))
            .astype(np.uint16)
        )
    told = {
        "axes": "CYX",
        "Channel": {"Name": list(channels)},
        "PhysicalSizeX": pixel,
        "PhysicalSizeY": pixel,
        "PhysicalSizeXUnit": "µm",
    }
    with tifffile.TiffWriter(folder / f"{name}.ome.tif", ome=True) as file:
        options = {"tile": (256, 256), "compression": "deflate", "photometric": "minisblack"}
        file.write(image, subifds=len(halves) - 1, metadata=told, **options)
        for half in halves[1:]:
            file.write(half, subfiletype=1, metadata=None, **options)
    tifffile.imwrite(folder / f"{name}_mask.tif", labels, compression="deflate", tile=(256, 256))
    return places


def write_cell_images(folder, n=6, prefix="s", **options):
    """N samples, in turn of the one kind and the other, and labels.csv. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(n):
        write_sample_image(folder, f"{prefix}{number}", number % 2 == 1, number, **options)
    rows = "".join(f"{prefix}{number},{('out', 'in')[number % 2]}\n" for number in range(n))
    (folder.parent / "labels.csv").write_text("sample,label\n" + rows)
    return folder
