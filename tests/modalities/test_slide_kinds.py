"""Slides as other programs export them: which page is the slide, its scale, its transparency, its strips."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from prospector_core.errors import SlideError
from prospector_core.modalities.slides.readers import open_slide
from prospector_core.modalities.slides.readers.tiff import TiffSlide
from tests.support.slide_files import tissue

TILED = {"tile": (64, 64), "photometric": "rgb", "metadata": None}
IMAGE = tissue(400, 320)


def half(image):
    return np.asarray(Image.fromarray(image).reduce(2))


def write_pages(path, *pages):
    with tifffile.TiffWriter(path) as tif:
        for image, more in pages:
            tif.write(image, **{**TILED, **more})
    return path


def sizes(path):
    with open_slide(path) as slide:
        return [(level.width, level.height) for level in slide.levels]


BLACK = np.zeros((380, 500, 3), np.uint8)
ORDERS = {
    "thumbnail first": [(half(half(IMAGE)), {}), (IMAGE, {}), (half(IMAGE), {})],
    "smallest first": [(half(half(IMAGE)), {}), (half(IMAGE), {}), (IMAGE, {})],
    "a larger macro": [(BLACK, {}), (IMAGE, {}), (half(IMAGE), {}), (half(half(IMAGE)), {})],
    "a marked label first": [
        (BLACK, {"description": "label 500x380"}),
        (IMAGE, {"description": "Macrophages, label-free"}),
        (half(IMAGE), {"description": "macro lens, x20"}),
        (half(half(IMAGE)), {}),
    ],
    "levels marked as reduced": [
        (half(IMAGE), {"subfiletype": 1}),
        (half(half(IMAGE)), {"subfiletype": 1}),
        (IMAGE, {}),
    ],
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_slide_is_the_largest_page_whose_pyramid_fits(tmp_path, order):
    path = write_pages(tmp_path / "slide.tif", *ORDERS[order])
    assert sizes(path) == [(400, 320), (200, 160), (100, 80)]
    with open_slide(path) as slide:
        assert np.array_equal(slide.read_region(0, 0, 400, 320), IMAGE)


@pytest.mark.parametrize("name", ["CD68 macrophages case 1", "label-free", "macro", "Overview"])
def test_what_an_ome_image_is_called_does_not_matter(tmp_path, name):
    path = tmp_path / "slide.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        metadata = {"axes": "YXS", "Name": name, "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
        tif.write(IMAGE, subifds=1, tile=(64, 64), photometric="rgb", metadata=metadata)
        tif.write(half(IMAGE), subfiletype=1, tile=(64, 64), photometric="rgb")
        tif.write(BLACK, photometric="rgb", metadata={"axes": "YXS", "Name": "Image 2"})
    assert sizes(path) == [(400, 320), (200, 160)]


PER_CM = 10_000


@pytest.mark.parametrize(
    ("down", "right"), [(0.5, True), (0.509, True), (0.512, False), (0.25, False), (100.0, False)]
)
def test_pixels_that_are_not_square_are_refused(tmp_path, down, right):
    path = tmp_path / "slide.tif"
    resolution = {"resolution": (PER_CM / 0.5, PER_CM / down), "resolutionunit": "CENTIMETER"}
    write_pages(path, (IMAGE, resolution))
    ome = tmp_path / "slide.ome.tif"
    sides = {"PhysicalSizeX": 500, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 1000 * down}
    tifffile.imwrite(ome, IMAGE, photometric="rgb", metadata={"axes": "YXS", **sides}, ome=True)
    image = tmp_path / "slide.png"
    Image.fromarray(IMAGE).save(image, dpi=(25400 / 0.5, 25400 / down))
    for each in (path, ome, image):
        if right:
            with open_slide(each) as slide:
                assert slide.mpp == pytest.approx(0.5, rel=1e-3)
        else:
            with pytest.raises(SlideError, match="not square"):
                open_slide(each)


def test_the_resolution_of_a_fax_says_nothing(tmp_path):
    resolution = {"resolution": (204, 98), "resolutionunit": "INCH"}
    with open_slide(write_pages(tmp_path / "slide.tif", (IMAGE, resolution))) as slide:
        assert slide.mpp is None


@pytest.mark.parametrize(
    ("stated", "mpp"),
    [
        ("4.99e-1", 0.499),
        ("0.4990", 0.499),
        ("0,4990", 0.499),
        (".499", 0.499),
        ("+4.99E-01", 0.499),
        ("0", None),
    ],
)
def test_numbers_of_an_svs_are_read_as_python_does(tmp_path, stated, mpp):
    description = f"Aperio Image Library v11\r\n400x320 [0,0 400x320]|AppMag = 2e1|MPP = {stated}|Title = 7"
    path = write_pages(tmp_path / "slide.svs", (IMAGE, {"description": description}))
    with open_slide(path) as slide:
        assert slide.mpp == (None if mpp is None else pytest.approx(mpp))
        assert slide.objective_power == 20


@pytest.mark.parametrize(
    ("unit", "per_unit", "mpp"),
    [("um", 2, 0.5), ("micron", 2, 0.5), ("\\u00B5m", 4, 0.25), ("nm", 0.002, 0.5), ("mm", 2000, 0.5)]
    + [("cm", 20_000, 0.5), ("inch", 50_800, 0.5), ("pixel", 2, None)],
)
def test_imagej_states_its_own_unit(tmp_path, unit, per_unit, mpp):
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, IMAGE, imagej=True, resolution=(per_unit, per_unit), metadata={"unit": unit})
    with open_slide(path) as slide:
        assert slide.mpp == (None if mpp is None else pytest.approx(mpp, rel=1e-3))
        assert np.array_equal(slide.read_region(0, 0, 400, 320), IMAGE)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("kind", "alpha", "shown"),
    [
        ("unspecified", 0, (100, 50, 20)),
        ("unspecified", 128, (100, 50, 20)),
        ("unassalpha", 255, (100, 50, 20)),
        ("unassalpha", 0, (255, 255, 255)),
        ("unassalpha", 51, (224, 214, 208)),
        ("assocalpha", 155, (200, 150, 120)),  # its colours are multiplied already
    ],
)
def test_a_fourth_channel_is_transparency_where_the_file_says_so(tmp_path, dtype, kind, alpha, shown):
    image = np.full((128, 128, 4), (100, 50, 20, alpha), dtype)
    if dtype == np.uint16:
        image *= 257
    path = write_pages(tmp_path / "slide.tif", (image, {"extrasamples": [kind]}))
    with open_slide(path) as slide:
        assert slide.read_region(5, 5, 1, 1)[0, 0].tolist() == list(shown)


@pytest.mark.parametrize("rows", [1000, 64, 7])
def test_an_image_in_strips_is_decoded_once(tmp_path, rows, monkeypatch):
    image = tissue(1200, 1000)
    path = tmp_path / "strips.tif"
    tifffile.imwrite(path, image, rowsperstrip=rows, compression="zlib", photometric="rgb", metadata=None)
    decoded = []
    read = TiffSlide._decoded
    monkeypatch.setattr(TiffSlide, "_decoded", lambda *of: decoded.append(of[-1]) or read(*of))
    with TiffSlide(path, cache_bytes=100_000) as slide:  # far less than the image
        for _ in range(2):
            for x, y in ((0, 0), (976, 776), (500, 3), (0, 776)):
                found = slide.read_region(x, y, 224, 224)
                assert np.array_equal(found, image[y : y + 224, x : x + 224])
    assert sorted(decoded) == list(range(-(-1000 // rows)))


def test_damage_in_a_strip_is_named(tmp_path):
    path = tmp_path / "strips.tif"
    tifffile.imwrite(
        path, tissue(600, 500), rowsperstrip=50, compression="zlib", photometric="rgb", metadata=None
    )
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[0].dataoffsets[4]
    data = bytearray(path.read_bytes())
    data[at : at + 200] = bytes(200)
    path.write_bytes(data)
    with (
        TiffSlide(path, cache_bytes=1000) as slide,
        pytest.raises(SlideError, match="tile 4 of level 0 is damaged"),
    ):
        slide.read_region(0, 0, 100, 100)


def test_without_room_on_the_disk_strips_are_read_as_they_come(tmp_path, monkeypatch):
    from prospector_core.modalities.slides.readers import strips

    image = tissue(600, 500)
    path = tmp_path / "strips.tif"
    tifffile.imwrite(path, image, rowsperstrip=50, photometric="rgb", metadata=None)
    monkeypatch.setattr(strips.StripImage, "_spooled", lambda *_: None)
    with TiffSlide(path, cache_bytes=1000) as slide:
        assert np.array_equal(slide.read_region(100, 100, 300, 300), image[100:400, 100:400])
