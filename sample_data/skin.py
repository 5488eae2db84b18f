"""Building the sample study: cut into fields, labelled from the polygon, embedded, and fitted.

It is fitted with the shipped defaults.
"""

import csv
import shutil
import tempfile
from pathlib import Path

from prospector_core import Study
from prospector_core.store.files import storage_errors

from .completion import complete
from .fields import MPP, SLIDE, TILE, sample_fields
from .folders import clear, sample_folder

__all__ = ["build"]


def build(folder=None, progress=None, anew=False):
    """Make, embed and fit the sample study, or only what is missing of it.

    Parameters: folder; progress, function(text, done, total); anew: throw away what is there.
    Returns Study.
    """
    folder = Path(folder) if folder else sample_folder()
    say = progress or (lambda text, done, total: None)
    if anew:
        clear(folder)
    if not (folder / "study.sqlite").exists():
        say("cutting the slide into fields", 0, None)
        slide = SLIDE
        if not (Path(__file__).resolve().parents[1] / "Makefile").exists():
            # An installed package may be replaced or removed: the study keeps its own copy of the slide.
            with storage_errors(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
                slide = shutil.copy(SLIDE, folder.parent / SLIDE.name)
        with tempfile.TemporaryDirectory() as scratch:
            Study.create(
                folder,
                slides=[slide],
                labels=_write_labels(Path(scratch) / "fields.csv"),
                name="Skin: where is epidermis?",
                tile=TILE,
                mpp=MPP,
                positive="epidermis",
            )
    return complete(folder, say)


def _write_labels(path):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["slide", "name", "x", "y", "width", "height", "label"])
        for field in sample_fields():
            rect = field.rect
            label = "epidermis" if field.label else "no epidermis"
            writer.writerow([SLIDE.name, field.name, rect.x, rect.y, rect.width, rect.height, label])
    return path
