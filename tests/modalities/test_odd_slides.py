"""Slides that are odd or broken: each is answered in one line, in time, and what is beside it goes on."""

import json
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.support.slide_files import SAMPLE, halves, tissue, write_pyramid

ROOT = Path(__file__).parents[2]
CUTS = range(10)
COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "pink": (220, 120, 170)}
LOOPS = ("loop-to-itself", "loop-to-the-first", "loop-in-an-svs", "loop-in-a-bigtiff", "loop-in-an-ome-tiff")
SUB_LOOPS = ("level-that-is-its-own-next", "level-that-is-the-slide")

# Runs in a process of its own, so that a hang is a failed test and not one that never ends. For each file:
# open and read all of it; make a study of it and of a good slide and embed both; and embed when it has turned
# odd after that.
PROBE = """
import json, shutil, sys, traceback
from pathlib import Path
from prospector_core import Study
from prospector_core.errors import ProspectorError
from prospector_core.modalities.slides.readers import open_slide

folder, out = map(Path, sys.argv[1:])
good = folder / "good.png"


def answer(work):
    try:
        return work()
    except ProspectorError as error:
        return {"error": type(error).__name__, "line": str(error)}
    except BaseException:
        return {"traceback": traceback.format_exc()}


def read(path):
    with open_slide(path) as slide:
        slide.thumbnail(64)
        for number, level in enumerate(slide.levels):
            slide.read_region(0, 0, level.width, level.height, number)
        return {"levels": [[level.width, level.height] for level in slide.levels]}


def make(path):
    home = out / path.name
    home.mkdir()
    shutil.copy(good, home / path.name)
    (home / "labels.csv").write_text(f"slide,name,label\\ngood.png,good,no\\n{path.name},odd,yes\\n")
    options = {"labels": home / "labels.csv", "encoder": "colour-texture", "tile": 64, "slide_mpp": 0.5}
    try:
        study = Study.create(home / "study", slides=[good, path], **options)
        late = None
    except ProspectorError as error:
        assert not (home / "study").exists()
        late = str(error)
        study = Study.create(home / "study", slides=[good, home / path.name], **options)
        shutil.copy(path, home / path.name)  # sound when the study was made, and not any more
    failed = study.embed()
    good_one, odd = study.datum("good"), study.datum("odd")
    embedded = {"good": study.is_embedded(good_one), "odd": study.is_embedded(odd)}
    return embedded | {"failed": failed.get(odd.uid), "create": late}


for path in sorted(folder.iterdir()):
    print(json.dumps({"file": path.name, "begun": True}), flush=True)
    answers = {"read": answer(lambda: read(path)), "study": answer(lambda: make(path))}
    print(json.dumps({"file": path.name, **answers}), flush=True)
"""


def loop(path, content, back, big=False):
    """A TIFF whose last page names the page at index `back` as the next."""
    raw = bytearray(content)
    word, count, entry, width = ("<Q", "<Q", 20, 8) if big else ("<I", "<H", 12, 4)
    at, pages = (8 if big else 4), []
    while (offset := struct.unpack(word, raw[at : at + width])[0]) != 0:
        pages.append(offset)
        head = struct.calcsize(count)
        at = offset + head + entry * struct.unpack(count, raw[offset : offset + head])[0]
    raw[at : at + width] = struct.pack(word, pages[back])
    path.write_bytes(raw)


def write_all(folder):
    image = tissue(400, 300)
    Image.fromarray(image).save(folder / "good.png")
    for name, colour in COLOURS.items():
        Image.new("RGB", (300, 300), colour).save(folder / f"{name}.png")
        Image.new("RGB", (1, 1), colour).save(folder / f"pixel-{name}.png")
        flat = np.full((600, 600, 3), colour, np.uint8)
        tifffile.imwrite(folder / f"{name}.tif", flat, tile=(256, 256), photometric="rgb", compression="jpeg")
        tifffile.imwrite(folder / f"pixel-{name}.tif", flat[:1, :1], photometric="rgb")
    levels, scratch = halves(image, 3), folder / "scratch.ome.tif"
    write_pyramid(scratch, levels, subifds=True, compression="jpeg", metadata={"axes": "YXS"})
    ome = scratch.read_bytes()
    with tifffile.TiffFile(scratch) as tif:
        first, tag = tif.pages[0].offset, tif.pages[0].tags["SubIFDs"]
        child, place = tag.value[0], tag.valueoffset
    write_pyramid(scratch, levels, compression="jpeg")
    pages = scratch.read_bytes()
    with tifffile.TiffWriter(scratch, bigtiff=True) as tif:
        for level in levels:
            tif.write(level, tile=(64, 64), photometric="rgb")
    loop(folder / "loop-in-a-bigtiff.tif", scratch.read_bytes(), 1, big=True)
    scratch.unlink()
    loop(folder / "loop-to-itself.tif", pages, -1)
    loop(folder / "loop-to-the-first.tif", pages, 0)
    loop(folder / "loop-in-an-svs.tif", SAMPLE.read_bytes(), 0)
    loop(folder / "loop-in-an-ome-tiff.tif", ome, 0)
    raw = bytearray(ome)
    raw[place : place + 4] = struct.pack("<I", first)
    (folder / "level-that-is-the-slide.tif").write_bytes(raw)
    raw = bytearray(ome)
    at = child + 2 + 12 * struct.unpack("<H", raw[child : child + 2])[0]
    raw[at : at + 4] = struct.pack("<I", child)
    (folder / "level-that-is-its-own-next.tif").write_bytes(raw)
    for name, content in (("cut.svs", SAMPLE.read_bytes()), ("cut.ome.tif", ome)):
        for tenth in CUTS:
            (folder / f"{tenth}0-{name}").write_bytes(content[: len(content) * tenth // 10])


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """{file name: {"read": ..., "study": ...}}; a file that was never answered is missing."""
    home = tmp_path_factory.mktemp("odd")
    for part in ("slides", "out"):
        (home / part).mkdir()
    write_all(home / "slides")
    command = [sys.executable, "-c", PROBE, str(home / "slides"), str(home / "out")]
    log = home / "log"
    with open(log, "w") as file, open(home / "errors", "w") as errors, suppress(subprocess.TimeoutExpired):
        # a file at which it hangs has no answer
        subprocess.run(command, cwd=ROOT, stdout=file, stderr=errors, timeout=180)
    found = [json.loads(line) for line in log.read_text().splitlines()]
    return {each["file"]: each for each in found if "read" in each}, (home / "errors").read_text()


@pytest.fixture
def answer(answers):
    def of(name):
        assert name in answers[0], f"{name} hung, or ended the process: {answers[1][-500:]}"
        found = answers[0][name]
        assert "traceback" not in found["read"], found["read"]["traceback"]
        assert "traceback" not in found["study"], found["study"]["traceback"]
        assert found["study"]["good"], "the good slide beside it was not embedded"
        return found["read"], found["study"]

    return of


def one_line(text, name):
    assert text and "\n" not in text and len(text) < 300 and name in text, text


def test_nothing_is_printed(answers):
    """Libraries must not write past the one line."""
    assert answers[1] == ""


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_slide_of_one_colour(answer, colour, kind):
    name = f"{colour}.{kind}"
    read, study = answer(name)
    assert read["levels"]
    if colour == "white" or (colour, kind) == ("black", "tif"):  # glass, and what was not scanned
        one_line(study["failed"], name)
        assert "tissue" in study["failed"] and not study["odd"]
    else:
        assert study["odd"] and study["failed"] is None


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_slide_of_one_pixel(answer, colour, kind):
    name = f"pixel-{colour}.{kind}"
    read, study = answer(name)
    assert read["levels"] == [[1, 1]]
    one_line(study["failed"], name)


@pytest.mark.parametrize("name", LOOPS)
def test_pages_in_a_circle(answer, name):
    read, study = answer(f"{name}.tif")
    assert read["error"] == "SlideError" and "circle" in read["line"]
    one_line(read["line"], f"{name}.tif")
    one_line(study["create"], f"{name}.tif")
    one_line(study["failed"], f"{name}.tif")


@pytest.mark.parametrize("name", SUB_LOOPS)
def test_levels_in_a_circle(answer, name):
    """Read without the level that is none."""
    read, study = answer(f"{name}.tif")
    assert read["levels"][0] == [400, 300] and study["odd"]


@pytest.mark.parametrize("tenth", CUTS)
@pytest.mark.parametrize("kind", ["cut.svs", "cut.ome.tif"])
def test_a_file_cut_short(answer, kind, tenth):
    name = f"{tenth}0-{kind}"
    read, study = answer(name)
    assert read["error"] == "SlideError"
    for line in (read["line"], study["create"], study["failed"]):
        one_line(line, name)
        assert "again" in line
