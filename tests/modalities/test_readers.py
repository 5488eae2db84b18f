"""Slides of every kind give back the pixels that are in them, and only those of the slide."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tifffile
from PIL import Image

from prospector_core.errors import SlideError
from prospector_core.modalities.slides.readers import Level, Slide, list_slides, open_slide
from prospector_core.modalities.slides.readers.image import ImageSlide
from prospector_core.modalities.slides.readers.tiff import TiffSlide
from prospector_core.modalities.slides.readers.vendor import OpenSlideSlide
from prospector_core.store.cache import Cache
from tests.support.slide_files import SAMPLE, halves, picture, write_image, write_pyramid, write_svs


@pytest.fixture
def levels():
    return halves(picture(301, 203), 3)


def reference(image, x, y, width, height):
    """Return a region of a whole level the slow, obvious way."""
    out = np.full((height, width, 3), 255, np.uint8)
    for row in range(height):
        for col in range(width):
            if 0 <= y + row < image.shape[0] and 0 <= x + col < image.shape[1]:
                out[row, col] = image[y + row, x + col]
    return out


CASES = {
    "pyramid": {"compression": "deflate"},
    "lzw, predictor": {"compression": "lzw", "predictor": True},
    "uncompressed": {},
    "SubIFDs": {"subifds": True, "compression": "deflate"},
    "BigTIFF": {"bigtiff": True, "compression": "zstd"},
    "big-endian": {"byteorder": ">", "compression": "deflate"},
    "planar": {"planarconfig": "separate", "compression": "deflate"},
    "strips": {"tile": None, "rowsperstrip": 7, "compression": "deflate"},
}


@pytest.mark.parametrize("case", CASES)
def test_regions_equal_a_full_decode_at_every_level(tmp_path, levels, case):
    options = dict(CASES[case])
    path = tmp_path / "slide.tif"
    writer = {k: options.pop(k) for k in ("bigtiff", "byteorder") if k in options}
    planar = options.get("planarconfig") == "separate"
    with tifffile.TiffWriter(path, **writer) as tif:
        sub = options.pop("subifds", False)
        options = {"tile": (64, 48), "photometric": "rgb", "metadata": None, **options}
        for i, level in enumerate(levels):
            data = np.moveaxis(level, -1, 0) if planar else level
            tif.write(data, subifds=2 if sub and i == 0 else None, subfiletype=int(i > 0), **options)
    rng = np.random.default_rng(4)
    with open_slide(path) as slide:
        assert isinstance(slide, TiffSlide)
        assert (slide.width, slide.height, slide.mpp) == (301, 203, None)
        assert [level.downsample for level in slide.levels] == [1, 2, 4]
        for index, image in enumerate(levels):
            of = slide.levels[index]
            assert (of.height, of.width) == image.shape[:2]
            assert np.array_equal(slide.read_region(0, 0, of.width, of.height, index), image)
            for _ in range(12):
                x, y = rng.integers(-40, 80, 2) * 4
                width, height = rng.integers(1, 90, 2)
                expected = reference(image, x // 2**index, y // 2**index, width, height)
                assert np.array_equal(slide.read_region(x, y, width, height, index), expected)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_plain_images(tmp_path, suffix):
    path = tmp_path / f"tile.{suffix}"
    Image.fromarray(picture(700, 331)).save(path)
    with open_slide(path) as slide:
        assert isinstance(slide, ImageSlide) and slide.mpp is None
        whole = np.asarray(Image.open(path).convert("RGB"))
        assert np.array_equal(slide.read_region(0, 0, 700, 331), whole)
        assert np.array_equal(slide.read_region(600, 300, 150, 60), reference(whole, 600, 300, 150, 60))


def test_transparent_and_grey_images_become_rgb(tmp_path):
    Image.new("RGBA", (20, 10), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (open_slide(tmp_path / "clear.png").read_region(0, 0, 20, 10) == 255).all()
    tifffile.imwrite(tmp_path / "grey.tif", np.full((64, 64), 7 * 256, np.uint16), tile=(16, 16))
    assert (open_slide(tmp_path / "grey.tif").read_region(0, 0, 64, 64) == 7).all()


def test_the_sample_slide():
    openslide = pytest.importorskip("openslide")
    with open_slide(SAMPLE) as slide, openslide.OpenSlide(str(SAMPLE)) as other:
        assert (slide.width, slide.height, slide.mpp, slide.objective_power) == (2220, 2967, 0.499, 20)
        assert slide.format == "Aperio SVS" and slide.levels == (Level(2220, 2967, 1.0),)
        for x, y, width, height in [(0, 0, 500, 400), (2000, 2800, 220, 167), (713, 955, 241, 517)]:
            expected = np.asarray(other.read_region((x, y), 0, (width, height)).convert("RGB"))
            assert np.array_equal(slide.read_region(x, y, width, height), expected)


def test_through_openslide(tmp_path):
    # its own formats are proprietary; it reads this one too, so that both ways can be compared
    pytest.importorskip("openslide")
    path = write_svs(tmp_path / "a.svs", picture(512, 384))
    with TiffSlide(path) as slide, OpenSlideSlide(path) as other:
        assert other.levels == slide.levels and other.format == "aperio"
        assert (other.mpp, other.objective_power) == (slide.mpp, slide.objective_power)
        for level in (0, 1):
            for request in [(0, 0, 100, 90), (130, 66, 33, 77), (-20, -10, 60, 50), (450, 350, 90, 80)]:
                expected = slide.read_region(*request, level)
                assert np.array_equal(other.read_region(*request, level), expected)
    (tmp_path / "cut.svs").write_bytes(path.read_bytes()[:900])
    with pytest.raises(SlideError, match=r"cut\.svs"):
        OpenSlideSlide(tmp_path / "cut.svs")


def test_vendor_formats_go_to_openslide(tmp_path, monkeypatch):
    pytest.importorskip("openslide")
    path = write_svs(tmp_path / "a.svs", picture(256, 128), n_levels=1)
    monkeypatch.setattr("prospector_core.modalities.slides.readers.detect_vendor", lambda path: "hamamatsu")
    with open_slide(path) as slide:
        assert isinstance(slide, OpenSlideSlide)


def test_label_macro_and_thumbnail_are_never_levels(tmp_path):
    path = write_svs(tmp_path / "a.svs", picture(512, 384), n_levels=3)
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 6
    with open_slide(path) as slide:
        assert [(level.width, level.height) for level in slide.levels] == [(512, 384), (256, 192), (128, 96)]
        assert slide.mpp == 0.5 and slide.objective_power == 20
        # label and macro are black here, and of the slide's own shape
        assert min(slide.thumbnail(side).mean() for side in (512, 256, 128, 90)) > 50


def test_ome_tiff_with_subifds_and_a_macro(tmp_path, levels):
    path = tmp_path / "slide.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(
            np.zeros((150, 301, 3), np.uint8),
            photometric="rgb",
            tile=(64, 64),
            metadata={"Name": "macro image"},
        )
        tif.write(
            levels[0],
            subifds=2,
            photometric="rgb",
            tile=(64, 64),
            metadata={
                "Name": "scan",
                "PhysicalSizeX": 250.0,
                "PhysicalSizeXUnit": "nm",
                "PhysicalSizeY": 250.0,
            },
        )
        for level in levels[1:]:
            tif.write(level, subfiletype=1, photometric="rgb", tile=(64, 64))
    with open_slide(path) as slide:
        assert slide.format == "OME-TIFF" and slide.mpp == pytest.approx(0.25) and len(slide.levels) == 3
        for index, image in enumerate(levels):
            assert np.array_equal(slide.read_region(0, 0, image.shape[1], image.shape[0], index), image)


@pytest.mark.parametrize(
    ("resolution", "unit", "mpp"),
    [
        ((40000, 40000), "CENTIMETER", 0.25),
        ((50800, 50800), "INCH", 0.5),
        ((72, 72), "INCH", None),
        ((300, 300), "INCH", None),
        ((40000, 40000), "NONE", None),
    ],
)
def test_mpp_from_resolution_tags_only_when_believable(tmp_path, resolution, unit, mpp):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture(64, 64), tile=(16, 16), resolution=resolution, resolutionunit=unit)
    assert open_slide(path).mpp == (None if mpp is None else pytest.approx(mpp))


def test_jpeg_tiles_with_shared_tables(tmp_path):
    # the sample slide keeps its quantisation tables once for all tiles
    with tifffile.TiffFile(SAMPLE) as tif:
        assert tif.pages[0].jpegtables
        whole = tif.pages[0].asarray()
    assert np.array_equal(open_slide(SAMPLE).read_region(200, 300, 700, 650), whole[300:950, 200:900])


def test_tiles_that_were_never_scanned_are_white(tmp_path):
    path = tmp_path / "sparse.tif"

    def tiles():
        for index in range(16):
            yield None if index in (5, 6) else np.full((32, 32, 3), index, np.uint8)

    tifffile.imwrite(path, tiles(), shape=(128, 128, 3), dtype=np.uint8, tile=(32, 32), photometric="rgb")
    with open_slide(path) as slide:
        whole = slide.read_region(0, 0, 128, 128)
    assert (whole[32:64, 32:96] == 255).all() and (whole[32:64, :32] == 4).all()


def test_read_scaled_averages_and_does_not_alias(tmp_path):
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    with open_slide(write_image(tmp_path / "a.tif", stripes)) as slide:
        out = slide.read_scaled(0, 0, 256, 256, 32, 32)
        assert out.shape == (32, 32, 3) and np.abs(out.astype(int) - 127).max() <= 5


def test_read_scaled_is_the_same_in_pieces_and_from_fractions(tmp_path, monkeypatch):
    with open_slide(write_image(tmp_path / "a.tif", picture(600, 500))) as slide:
        whole = slide.read_scaled(0, 0, 600, 500, 200, 125)
        left = slide.read_scaled(0, 0, 300, 500, 100, 125)
        assert np.array_equal(left, whole[:, :100])  # tiles meet without a seam
        assert np.array_equal(slide.read_scaled(37, 41, 100, 90, 100, 90), slide.read_region(37, 41, 100, 90))
        shifted = slide.read_scaled(10.5, 0, 300, 300, 300, 300).astype(int)
        exact = slide.read_region(10, 0, 301, 300).astype(int)
        assert np.abs(shifted - (exact[:, :-1] + exact[:, 1:]) / 2).max() <= 1.5
        monkeypatch.setattr("prospector_core.modalities.slides.readers.slide._MAX_SOURCE_PIXELS", 20_000)
        assert np.abs(slide.read_scaled(0, 0, 600, 500, 200, 125).astype(int) - whole).max() <= 1


def test_read_scaled_uses_the_best_level(tmp_path):
    flat = [np.full((256 >> i, 256 >> i, 3), 50 * i, np.uint8) for i in range(3)]
    with open_slide(write_pyramid(tmp_path / "a.tif", flat, compression="deflate")) as slide:
        assert [slide.best_level(d) for d in (0.5, 1, 1.99, 2, 3.9, 4, 100)] == [0, 0, 0, 1, 1, 2, 2]
        assert (slide.read_scaled(0, 0, 256, 256, 64, 64) == 100).all()
        assert (slide.read_scaled(0, 0, 256, 256, 80, 80) == 50).all()
        assert (slide.read_scaled(-64, 0, 64, 64, 16, 16) == 255).all()


def test_many_threads_read_the_same(tmp_path, levels):
    path = write_pyramid(tmp_path / "a.tif", levels, compression="deflate")
    wrong = []
    with TiffSlide(path, cache_bytes=40_000) as slide:

        def work(seed):
            rng = np.random.default_rng(seed)
            for _ in range(60):
                x, y = (int(v) for v in rng.integers(0, 150, 2))
                if not np.array_equal(slide.read_region(x, y, 50, 40), levels[0][y : y + 40, x : x + 50]):
                    wrong.append((x, y))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert slide._cache.nbytes <= 40_000
    assert not wrong


def test_the_cache_stays_within_its_bytes():
    cache = Cache(100)
    for key in range(10):
        cache.put(key, np.zeros(30, np.uint8))
    assert cache.nbytes == 90 and cache.get(6) is None and cache.get(7) is not None
    cache.put("large", np.zeros(500, np.uint8))
    assert cache.nbytes == 500 and cache.get("large") is not None


class TestErrors:
    def check(self, path, *words):
        with pytest.raises(SlideError) as error:
            open_slide(path).close()
        message = str(error.value)
        assert path.name in message and "\n" not in message
        for word in words:
            assert word in message

    def test_missing(self, tmp_path):
        self.check(tmp_path / "none.svs", "does not exist")

    def test_folder(self, tmp_path):
        self.check(tmp_path, "folder")

    @pytest.mark.parametrize(
        "content", [b"", b"This is a text, although its name says otherwise.\n" * 9, b"II*\0\x08"]
    )
    def test_not_a_slide(self, tmp_path, content):
        (tmp_path / "text.svs").write_bytes(content)
        self.check(tmp_path / "text.svs")

    @pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.9, 0.999])
    def test_cut_short_sample(self, tmp_path, part):
        data = SAMPLE.read_bytes()
        (tmp_path / "cut.svs").write_bytes(data[: int(len(data) * part)])
        self.check(tmp_path / "cut.svs", "cut short")

    @pytest.mark.parametrize("part", [0.3, 0.7, 0.97])
    def test_cut_short_pyramid(self, tmp_path, levels, part):
        path = write_pyramid(tmp_path / "cut.tif", levels, compression="deflate")
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
        self.check(path)

    @pytest.mark.parametrize("suffix", ["png", "jpg"])
    def test_cut_short_image(self, tmp_path, suffix):
        path = tmp_path / f"cut.{suffix}"
        Image.fromarray(picture(200, 200)).save(path)
        path.write_bytes(path.read_bytes()[:-900])
        self.check(path)

    def test_damaged_tile(self, tmp_path, levels):
        path = write_pyramid(tmp_path / "bad.tif", levels, compression="deflate")
        with tifffile.TiffFile(path) as tif:
            offset, count = tif.pages[0].dataoffsets[0], tif.pages[0].databytecounts[0]
        data = bytearray(path.read_bytes())
        data[offset : offset + count] = b"\xff" * count
        path.write_bytes(bytes(data))
        with open_slide(path) as slide, pytest.raises(SlideError, match=r"bad\.tif: tile 0 of level 0"):
            slide.read_region(0, 0, 10, 10)

    def test_unsupported_tiff(self, tmp_path):
        path = tmp_path / "floats.tif"
        tifffile.imwrite(path, np.zeros((64, 64), np.float32), tile=(16, 16))
        self.check(path, "cannot be read", "float32")

    def test_fluorescence_channels_are_refused_rather_than_shown_in_part(self, tmp_path):
        path = tmp_path / "channels.ome.tif"
        tifffile.imwrite(path, np.zeros((4, 64, 64), np.uint8), tile=(16, 16), metadata={"axes": "CYX"})
        self.check(path, "cannot be read", "CYX")

    def test_image_too_large_for_memory(self, tmp_path, monkeypatch):
        Image.new("L", (2000, 1000)).save(tmp_path / "huge.png")
        monkeypatch.setenv("PROSPECTOR_MAX_MEMORY", "10MB")
        with pytest.raises(SlideError, match="pyramidal TIFF"):
            ImageSlide(tmp_path / "huge.png")

    def test_bad_requests(self, tmp_path, levels):
        with open_slide(write_pyramid(tmp_path / "a.tif", levels)) as slide:
            for request in [(0, 0, 0, 5), (0, 0, 10**6, 10**6), (0, 0, 5, 5, 9)]:
                with pytest.raises(SlideError, match=r"a\.tif"):
                    slide.read_region(*request)
            with pytest.raises(SlideError):
                slide.read_scaled(0, 0, 0, 5, 5, 5)
        with pytest.raises(SlideError, match="closed"):
            slide.read_region(0, 0, 5, 5)


def test_list_slides(tmp_path):
    for name in ("b.svs", "a.TIFF", ".hidden.svs", "notes.txt", "c.ome.tif"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.svs").mkdir()
    assert [path.name for path in list_slides(tmp_path)] == ["a.TIFF", "b.svs", "c.ome.tif"]
    with pytest.raises(SlideError):
        list_slides(tmp_path / "none")
    deep = tmp_path / "batch 1" / "scanner"
    deep.mkdir(parents=True)
    (deep / "d.svs").touch()
    (tmp_path / "e").mkdir()  # the data of e.mrxs, no folder of slides
    for name in ("e.mrxs", "e/f.png", ".hidden.svs"):
        (tmp_path / name).touch()
    names = [path.name for path in list_slides(tmp_path)]
    assert names == ["a.TIFF", "b.svs", "d.svs", "c.ome.tif", "e.mrxs"]


def test_third_party_readers_are_asked_first(tmp_path, monkeypatch):
    class Odd(Slide):
        def __init__(self, path):
            self.path, self.format, self.width, self.height = path, "odd", 8, 8
            self.levels = (Level(8, 8, 1.0),)

        def _read(self, level, x, y, width, height):
            return np.zeros((height, width, 3), np.uint8)

    def reader(path):
        return Odd(path) if path.suffix == ".odd" else None

    monkeypatch.setattr("prospector_core.modalities.slides.readers.load_all", lambda group: [("odd", reader)])
    (tmp_path / "a.odd").write_bytes(b"odd")
    assert open_slide(tmp_path / "a.odd").read_region(-1, 0, 3, 1).tolist() == [[[255] * 3, [0] * 3, [0] * 3]]
    (tmp_path / "b.svs").write_bytes(b"not odd")
    with pytest.raises(SlideError):
        open_slide(tmp_path / "b.svs")
