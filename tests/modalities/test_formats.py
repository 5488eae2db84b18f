"""Every format that can be made here is read right, whatever the file is called.

Label and macro images stay unread.
"""

import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from prospector_core.errors import SlideError
from prospector_core.modalities.slides.readers import list_slides, open_slide
from prospector_core.modalities.slides.readers.image import ImageSlide
from prospector_core.modalities.slides.readers.tiff import TiffSlide
from prospector_core.modalities.slides.readers.vendor import OpenSlideSlide
from tests.support import vendor_files
from tests.support.slide_files import halves, picture, write_pyramid, write_svs

WIDTH, HEIGHT = 512, 384


@pytest.fixture(scope="module")
def image():
    return 64 + picture(WIDTH, HEIGHT) // 2  # nowhere as dark as the label and macro images, which are black


# name of the writer, of the file, format, microns per pixel, objective, place of the scan on the slide
VENDORS = [
    ("scn", "a.scn", "leica", 0.5, 20, (102, 153)),
    ("trestle", "a.tif", "trestle", 0.5, 20, (0, 0)),
    ("ndpi", "a.ndpi", "hamamatsu", 0.5, 20, (0, 0)),
    ("philips", "a.tiff", "philips", 0.25, None, (0, 0)),
    ("ventana", "a.bif", "ventana", 0.5, 20, (0, 0)),
    ("vms", "a.vms", "hamamatsu", 0.5, 20, (0, 0)),
    ("dicom", "a", "dicom", 0.5, 20, (0, 0)),
]


def check(path, image, corner=(0, 0)):
    """The slide at ``path`` holds the image at a place, in every level, and is nowhere black."""
    with open_slide(path) as slide:
        found = slide.read_region(*corner, WIDTH, HEIGHT).astype(int)
        assert np.abs(found - image).mean() < 2.5
        for level, each in enumerate(slide.levels):
            assert slide.read_region(0, 0, each.width, each.height, level).min() > 30
        half = slide.read_scaled(*corner, WIDTH, HEIGHT, WIDTH // 2, HEIGHT // 2).astype(int)
        assert np.abs(half - halves(image, 2)[1]).mean() < 5
        return type(slide), slide.format, slide.mpp, slide.objective_power, slide.bounds


@pytest.mark.parametrize(("writer", "name", "vendor", "mpp", "power", "corner"), VENDORS)
def test_scanners_formats(tmp_path, image, writer, name, vendor, mpp, power, corner):
    if writer == "dicom":
        pytest.importorskip("pydicom")
    path = getattr(vendor_files, f"write_{writer}")(tmp_path / name, image)
    reader, *rest, bounds = check(path, image, corner)
    assert reader is OpenSlideSlide and rest == [vendor, pytest.approx(mpp), power]
    assert bounds == ((*corner, WIDTH, HEIGHT) if corner != (0, 0) else None)
    if writer not in ("dicom", "vms"):
        for ending in ("svs", "ome.tif", "png", "unknown"):
            other = shutil.copy(path, tmp_path / f"renamed.{ending}")
            assert check(other, image, corner)[:2] == (reader, vendor)


OWN = {
    "svs": (lambda path, image: write_svs(path, image), TiffSlide, "Aperio SVS"),
    "tiled TIFF": (lambda path, image: write_pyramid(path, halves(image, 2)), TiffSlide, "TIFF"),
    "BigTIFF": (lambda path, image: big_tiff(path, image), TiffSlide, "TIFF"),
    "OME-TIFF": (lambda path, image: ome_tiff(path, image), TiffSlide, "OME-TIFF"),
    "PNG": (lambda path, image: save(path, image, "PNG"), ImageSlide, "PNG"),
    "JPEG": (lambda path, image: save(path, image, "JPEG", quality=95), ImageSlide, "JPEG"),
}


def save(path, image, format, **options):
    Image.fromarray(image).save(path, format, **options)
    return path


def big_tiff(path, image):
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        for i, level in enumerate(halves(image, 2)):
            tif.write(
                level,
                tile=(64, 64),
                photometric="rgb",
                subfiletype=int(i > 0),
                compression="jpeg",
                metadata=None,
            )
    return path


def ome_tiff(path, image):
    levels = halves(image, 3)
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as tif:
        scale = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        tif.write(
            levels[0], subifds=2, tile=(64, 64), photometric="rgb", compression="deflate", metadata=scale
        )
        for level in levels[1:]:
            tif.write(level, subfiletype=1, tile=(64, 64), photometric="rgb", compression="deflate")
        tif.write(image * 0, tile=(64, 64), photometric="rgb", metadata={"Name": "label image"})
    return path


@pytest.mark.parametrize("ending", ["svs", "tif", "ndpi", "ome.tiff", "scn", "png", "jpg", "dcm", "none"])
@pytest.mark.parametrize("kind", OWN)
def test_the_name_of_a_file_does_not_matter(tmp_path, image, kind, ending):
    write, reader, form = OWN[kind]
    path = write(tmp_path / "made", image).rename(tmp_path / f"slide.{ending}")
    assert check(path, image)[:2] == (reader, form)


def test_a_dicom_slide_is_its_folder_or_any_of_its_files(tmp_path, image):
    pytest.importorskip("pydicom")
    (tmp_path / "empty").mkdir()
    folder = vendor_files.write_dicom(tmp_path / "case 1", image)
    assert list_slides(tmp_path) == [folder]
    for file in list_slides(folder):  # also from the file of the label image, the slide is opened
        check(file, image)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:200])
    assert list_slides(tmp_path) == []
    with pytest.raises(SlideError, match="case 1 is a folder without"):
        open_slide(folder)
