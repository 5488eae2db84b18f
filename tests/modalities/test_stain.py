"""Stain normalisation: the same tissue, stained twice, comes out alike.

Torchstain's own numbers; slides that have no stain.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torchstain
from PIL import Image

from prospector_core import Study
from prospector_core.errors import BadInputError, MissingExtraError, TissueError
from prospector_core.modalities.slides import stain
from prospector_core.modalities.slides.encoders import get_encoder
from prospector_core.modalities.slides.readers import open_slide
from prospector_core.modalities.slides.stain import (
    STAIN_METHODS,
    check_stain,
    estimate_stain,
    normalised,
    tissue_pixels,
)
from prospector_core.modalities.slides.tissue import TissueMask, tissue_mask
from tests.support.slide_files import write_image
from tests.support.study_files import write_labels

ROOT = Path(__file__).resolve().parents[2]
PALE = (
    np.array([[0.65, 0.70, 0.29], [0.27, 0.57, 0.78]]),
    (
        1.0,
        0.6,
    ),
)  # haematoxylin and eosin, of two laboratories
DARK = np.array([[0.55, 0.76, 0.35], [0.10, 0.90, 0.42]]), (1.7, 1.1)


def stained(stains, strengths, side=256):
    """(side, side, 3) uint8: the same tissue in any stain: nuclei, fibres, glass at the right."""
    random = np.random.default_rng(3)
    coarse = random.random((2, side // 8, side // 8)).astype(np.float32)
    amounts = np.stack(
        [np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC)) for one in coarse]
    )
    amounts = np.clip(amounts - 0.15, 0, 1) + 0.02 * random.random((2, side, side))
    amounts[:, :, -side // 4 :] = 0
    stains = stains / np.linalg.norm(stains, axis=1, keepdims=True)
    density = np.einsum("sc,shw->hwc", stains * np.array(strengths)[:, None], amounts)
    return np.clip(240 * np.exp(-1.6 * density), 0, 255).astype(np.uint8)


def of_tissue(picture):
    pixels = picture.reshape(-1, 3)
    return pixels[pixels.min(axis=1) < 200]


@pytest.mark.parametrize("method", STAIN_METHODS)
def test_the_same_tissue_in_two_stains_comes_out_alike(method):
    pale, dark = (stained(*one) for one in (PALE, DARK))
    of_pale, of_dark = (estimate_stain(method, of_tissue(each)) for each in (pale, dark))
    one, other = of_pale.apply(pale), of_dark.apply(dark)
    before, after = (np.abs(a.astype(int) - b)[:, :192].mean() for a, b in ((pale, dark), (one, other)))
    assert before > 25 and after < before / 4
    assert one.shape == pale.shape and one.dtype == np.uint8
    assert one[:, 200:].min() > 215  # glass stays light
    assert np.array_equal(of_pale.apply(pale[32:64, 96:128]), one[32:64, 96:128])  # a tile as its slide
    assert np.array_equal(of_pale.apply(pale[None])[0], one)
    assert json.loads(json.dumps(of_pale.record()))["library"].startswith("torchstain 1.")


@pytest.mark.parametrize("method", STAIN_METHODS)
def test_colours_are_those_of_torchstain(method):
    picture = stained(*DARK)[:, :192]
    if method == "macenko":
        expected = torchstain.normalizers.MacenkoNormalizer(backend="numpy").normalize(picture)[0]
    else:
        library = torchstain.normalizers.ReinhardNormalizer(backend="numpy")
        library.target_means, library.target_stds = (
            np.array(stain._REINHARD_MEANS),
            np.array(stain._REINHARD_STDS),
        )
        expected = library.normalize(picture)
    found = estimate_stain(method, picture.reshape(-1, 3)).apply(picture)
    assert np.abs(found.astype(int) - expected).max() <= (1 if method == "macenko" else 4)


def test_pixels_of_a_slide_are_of_tissue_and_always_the_same(tmp_path):
    with open_slide(write_image(tmp_path / "s.tif", stained(*PALE, side=512))) as slide:
        mask = tissue_mask(slide)
        pixels = tissue_pixels(slide, mask, 32, 0.5)
        assert pixels.min(axis=1).max() < 240 * np.exp(-0.15) and len(pixels) > 10_000
        assert np.array_equal(pixels, tissue_pixels(slide, mask, 32, 0.5))


@pytest.mark.parametrize("method", STAIN_METHODS)
@pytest.mark.parametrize(
    "pixels",
    [np.full((1000, 3), 150), np.tile([[150, 90, 140]], (1000, 1)), np.full((3, 3), 90), np.empty((0, 3))],
    ids=["grey", "one colour", "three pixels", "none"],
)
def test_what_has_no_stain(method, pixels):
    with pytest.raises(TissueError, match="stain cannot be estimated"):
        estimate_stain(method, pixels.astype(np.uint8))


def test_a_single_stain_is_not_taken_for_two():
    amounts = np.random.default_rng(0).uniform(0.3, 1.5, (5000, 1))
    pixels = 240 * np.exp(-amounts * PALE[0][:1] / np.linalg.norm(PALE[0][0]))
    with pytest.raises(TissueError, match="one colour|one stain"):
        estimate_stain("macenko", pixels.astype(np.uint8))


def test_names_and_a_library_that_is_missing(monkeypatch):
    with pytest.raises(BadInputError, match="choose one of macenko, reinhard"):
        check_stain("vahadane")
    monkeypatch.setitem(sys.modules, "torchstain.numpy", None)
    with pytest.raises(MissingExtraError, match=r'pip install "prospector-heads\[stain\]"'):
        check_stain("macenko")


def test_torch_is_not_loaded_for_it():
    code = (
        "import sys; from prospector_core.modalities.slides.stain import check_stain; check_stain('macenko');"
        " print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout.strip() == "False"


@pytest.fixture
def slides(tmp_path):
    """Two laboratories, and a slide of one colour."""
    flat = stained(*PALE)
    flat[:, :192] = (170, 90, 150)
    for name, picture in (("pale", stained(*PALE)), ("dark", stained(*DARK)), ("flat", flat)):
        write_image(tmp_path / "slides" / f"{name}.png", picture)
    return tmp_path / "slides"


@pytest.fixture(autouse=True)
def folder(tmp_path):
    (tmp_path / "slides").mkdir()


def make(tmp_path, slides, **options):
    labels = write_labels(tmp_path / "labels.csv", [("pale.png", 1), ("dark.png", 0), ("flat.png", 0)])
    return Study.create(
        tmp_path / "study", slides=slides, labels=labels, encoder="colour-texture", tile=32, **options
    )


def test_a_study_normalises_each_slide_and_says_which_it_could_not(tmp_path, slides):
    study = make(tmp_path, slides, stain="macenko")
    assert study.embedding["stain"] == "macenko" and study.embed() == {}
    kept = {datum.name: study.store.layout(datum.uid)[1] for datum in study.data}
    assert (
        kept["pale.png"]["stain"]["method"] == "macenko"
        and "Macenko" in kept["pale.png"]["stain"]["reference"]
    )
    assert np.shape(kept["pale.png"]["stain"]["estimate"]["stains"]) == (2, 3)
    assert "one colour" in kept["flat.png"]["stain"]["failed"] and "estimate" not in kept["flat.png"]["stain"]
    notes = {study.datum(uid).name: job["message"] for uid, job in study.jobs().items()}
    assert notes["pale.png"] == notes["dark.png"] == ""
    assert (
        notes["flat.png"].startswith("flat.png: its stain cannot be estimated")
        and "own colours" in notes["flat.png"]
    )

    (tmp_path / "other").mkdir()
    plain = make(tmp_path / "other", slides)
    plain.embed()
    raw = {
        name: plain.store.read(plain.datum(name).uid).embeddings
        for name in ("pale.png", "dark.png", "flat.png")
    }
    own = [study.store.read(study.datum(name).uid).embeddings for name in ("pale.png", "dark.png")]
    assert np.abs(own[0] - own[1]).mean() < np.abs(raw["pale.png"] - raw["dark.png"]).mean() / 2
    assert "stain" not in plain.store.layout(plain.datum("pale.png").uid)[1]
    assert np.array_equal(study.store.read(study.datum("flat.png").uid).embeddings, raw["flat.png"])


def test_a_datum_is_embedded_from_normalised_tiles(tmp_path, slides):
    study = make(tmp_path, slides, stain="reinhard")
    study.embed(data=["dark.png"])
    with study.open_source("dark.png") as slide:
        view = normalised(slide, tissue_mask(slide), "reinhard", 32, 0.5)
        assert view.width == slide.width and view.stain["method"] == "reinhard"
        x, y, width, height = study.token_rect("dark.png", 5)
        tile = view.read_scaled(x, y, width, height, 64, 64)
        assert not np.array_equal(tile, slide.read_scaled(x, y, width, height, 64, 64))
    expected = get_encoder("colour-texture").encode(tile[None])[0]
    assert study.store.read(study.datum("dark.png").uid).embeddings[5] == pytest.approx(
        expected.astype(np.float16), abs=1e-3
    )  # kept in half precision


def test_an_unknown_method_makes_no_study(tmp_path, slides):
    with pytest.raises(BadInputError, match="macenko, reinhard"):
        make(tmp_path, slides, stain="other")
    assert not (tmp_path / "study").exists()


# ---- the rules, one by one


def test_it_takes_256_pixels_of_tissue():
    pixels = of_tissue(stained(*PALE))
    pixels = pixels[pixels.max(axis=1) < 180][::9][:256]
    for method in STAIN_METHODS:
        assert estimate_stain(method, pixels).method == method
        with pytest.raises(TissueError, match="has 255 pixels of tissue, 256 are needed"):
            estimate_stain(method, pixels[:255])
    pixels[0] = (100, 220, 100)  # Macenko's are dark in every channel
    with pytest.raises(TissueError, match="one colour"):
        estimate_stain("macenko", pixels)


class Noted:
    """A white slide, or one of given colours, that notes what is read of it."""

    def __init__(self, width, height, colours=((255, 255, 255),)):
        self.width, self.height, self.mpp, self.read = width, height, 0.5, []
        self.path, self.colours = Path("noted.tif"), np.array(colours, np.uint8)

    def read_scaled(self, x, y, width, height, out_width, out_height):
        self.read.append((x, y, width, height, out_width, out_height))
        return np.resize(self.colours, (out_height, out_width, 3))


def everywhere(slide):
    return TissueMask(np.ones((slide.height // 10, slide.width // 10), bool), 10.0)


def test_64_tiles_spread_over_a_slide_are_looked_at():
    slide = Noted(20 * 32, 20 * 32, [(10, 20, 30)])
    pixels = tissue_pixels(slide, everywhere(slide), 32, 0.5)
    numbers = np.linspace(0, 399, 64).astype(int)
    assert slide.read == [(number % 20 * 32, number // 20 * 32, 32, 32, 32, 32) for number in numbers]
    assert pixels.shape == (64 * 32 * 32, 3) and pixels.dtype == np.uint8
    few = Noted(3 * 32, 32, [(10, 20, 30)])
    assert len(tissue_pixels(few, everywhere(few), 32, 0.5)) == 3 * 32 * 32  # each once


@pytest.mark.parametrize(
    ("tile", "every"), [(32, 1), (64, 1), (95, 1), (97, 2), (128, 2), (224, 4), (256, 4)]
)
def test_about_4096_pixels_of_a_tile_are_taken(tile, every):
    slide = Noted(tile, tile, [(10, 20, 30)])
    assert len(tissue_pixels(slide, everywhere(slide), tile, 0.5)) == (-(-tile // every)) ** 2


def test_pixels_of_tissue_are_those_with_a_channel_that_is_dark():
    """An optical density of 0.15 with 240 as white: below 206.6."""
    slide = Noted(32, 32, [(250, 206, 250), (207, 207, 207), (206, 255, 255), (255, 255, 250)])
    found = tissue_pixels(slide, everywhere(slide), 32, 0.5)
    assert sorted(set(map(tuple, found.tolist()))) == [(206, 255, 255), (250, 206, 250)] and len(found) == 512


def test_so_much_tissue_a_tile_as_the_study_asks_for():
    """A quarter of a tile where nothing is said.

    Here a fifth of the first is tissue, a good quarter of the second.
    """
    slide = Noted(150, 50, [(10, 20, 30)])
    mask = np.zeros((5, 15), bool)
    mask[:, 0] = mask[:, 5] = mask[:2, 6] = mask[:, 10:] = True
    mask = TissueMask(mask, 10.0)
    for share, tiles in (
        ({}, 2),
        ({"min_tissue": 0.25}, 2),
        ({"min_tissue": 0.2}, 3),
        ({"min_tissue": 0.3}, 1),
    ):
        for look in (tissue_pixels, normalised):
            slide.read.clear()
            look(slide, mask, *(() if look is tissue_pixels else ("reinhard",)), 50, 0.5, **share)
            assert len(slide.read) == tiles


def mixed(one, other, share, n=10_000):
    """N pixels of two colours, that share of them of the second."""
    pixels = np.tile(np.array([one], np.uint8), (n, 1))
    pixels[: round(share * n)] = other
    return pixels


@pytest.mark.parametrize(("least", "enough"), [(0.45, False), (0.55, True)])
def test_a_slide_of_one_colour_has_deviations_below_a_half(least, enough):
    """Of each CIELAB channel: here of the one that differs least between two colours."""
    one, other = (150, 90, 140), (170, 120, 175)
    lab = stain._library().numpy.utils.rgb2lab(np.array([[one, other]], np.float32) / 255)
    gap = np.abs(np.diff(np.asarray(lab).reshape(2, 3), axis=0)).min()
    share = (1 - np.sqrt(1 - 4 * (least / gap) ** 2)) / 2
    pixels = mixed(one, other, share)
    if enough:
        assert min(estimate_stain("reinhard", pixels).estimate["deviations"]) == pytest.approx(
            least, abs=0.02
        )
    else:
        with pytest.raises(TissueError, match="one colour"):
            estimate_stain("reinhard", pixels)


def tissue_of(first, second, noise=0.0, n=20_000):
    """Pixels with random amounts of two stains, given by their angle in degrees from (0.65, 0.70, 0.29)."""
    random = np.random.default_rng(0)
    axis, across = np.array([0.65, 0.70, 0.29]), np.array([0.70, -0.65, 0.0])
    axis, across = axis / np.linalg.norm(axis), across / np.linalg.norm(across)
    stains = [
        np.cos(np.radians(angle)) * axis + np.sin(np.radians(angle)) * across for angle in (first, second)
    ]
    amounts = np.where(random.random((n, 1)) < 0.5, [[1.0, 0]], [[0, 1.0]]) * random.uniform(0.6, 2.2, (n, 1))
    return np.clip(
        np.round(240 * np.exp(-amounts @ np.array(stains) + noise * random.normal(size=(n, 3)))), 0, 255
    ).astype(np.uint8)


def test_two_stains_are_five_degrees_apart():
    assert estimate_stain("macenko", tissue_of(0, 6.5)).method == "macenko"
    with pytest.raises(TissueError, match="one stain, not two"):
        estimate_stain("macenko", tissue_of(0, 4.2))


def test_estimates_and_what_is_kept_of_them():
    """Numbers of a made slide that torchstain gave.

    A study keeps four digits (three of CIELAB) and where they are from.
    """
    pixels = stained(*DARK)[:, :192].reshape(-1, 3)
    for method in STAIN_METHODS:
        library = torchstain.normalizers
        normaliser = (library.MacenkoNormalizer if method == "macenko" else library.ReinhardNormalizer)(
            backend="numpy"
        )
        kept = estimate_stain(method, pixels).record()
        if method == "macenko":
            normaliser.fit(pixels[:, None], Io=240, beta=0.15)
            expected = {
                "stains": np.round(normaliser.HERef.T, 4).tolist(),
                "percentiles": np.round(normaliser.maxCRef, 4).tolist(),
            }
        else:
            normaliser.fit(pixels[:, None])
            expected = {
                "means": np.round(np.asarray(normaliser.target_means, float), 3).tolist(),
                "deviations": np.round(np.asarray(normaliser.target_stds, float), 3).tolist(),
            }
        assert kept == {
            "method": method,
            "library": f"torchstain {torchstain_version()}",
            "reference": stain._REFERENCES[method],
            "estimate": expected,
        }


def torchstain_version():
    from importlib.metadata import version

    return version("torchstain")


def test_reinhards_tissue_gets_the_means_and_deviations_of_the_reference():
    """60.3, 26.3, -13.9 and 16.6, 4.9, 7.2, as HistomicsTK's reference is in CIELAB."""
    picture = stained(*PALE)[:, :192]
    moved = estimate_stain("reinhard", picture.reshape(-1, 3)).apply(picture)
    spaces = stain._library().numpy.utils
    lab = np.stack([np.ravel(each) for each in spaces.lab_split(spaces.rgb2lab(moved / np.float32(255)))])
    np.testing.assert_allclose(lab.mean(axis=1), [60.3, 26.3, -13.9], atol=1.2)
    np.testing.assert_allclose(lab.std(axis=1), [16.6, 4.9, 7.2], atol=0.8)


def test_a_table_has_the_middle_of_four_grey_levels():
    colours = stain._table_colours()
    assert colours.shape == (64**3, 3) and colours.dtype == np.float32
    assert colours[0].tolist() == [1.5] * 3 and colours[-1].tolist() == [253.5] * 3
    assert colours[1].tolist() == [1.5, 1.5, 5.5] and colours[64].tolist() == [1.5, 5.5, 1.5]
    table = np.arange(64**3, dtype=np.uint32)
    found = stain.StainNormaliser("reinhard", {}, table=table).apply(
        np.array([[[3, 4, 255], [255, 0, 8]]], np.uint8)
    )
    assert found.tolist() == [[[63 + 64 & 255, 0, 0], [2, 63 << 12 >> 8 & 255, 63 << 12 >> 16]]]


def test_optical_densities_are_multiplied_and_come_back():
    """With white at 240 and one added to each grey level, as torchstain has it; nothing beyond 255."""
    grey = np.array([[0, 100, 239], [255, 9, 254]], np.uint8)
    same = stain.StainNormaliser("macenko", {}, matrix=np.eye(3, dtype=np.float32)).apply(grey)
    assert np.abs(same.astype(int) - (np.minimum(grey.astype(int) + 1, 255))).max() <= 1
    half = stain.StainNormaliser("macenko", {}, matrix=np.eye(3, dtype=np.float32) / 2).apply(grey)
    expected = 240 * np.sqrt((grey.astype(float) + 1) / 240)
    assert np.abs(half - np.minimum(expected, 255)).max() <= 1 and half[1, 0] == 247
    other = stain.StainNormaliser("macenko", {}, matrix=-np.eye(3, dtype=np.float32)).apply(
        np.zeros((1, 3), np.uint8)
    )
    assert other.tolist() == [[255] * 3]


def test_tissue_of_one_colour_is_thinner_than_a_fiftieth_of_optical_density():
    """Deviation along the second axis.

    However much of the one stain there is, and however far the first axis goes.
    """
    with pytest.raises(TissueError, match="its tissue is of one colour"):
        estimate_stain("macenko", tissue_of(0, 0, noise=0.012))
    try:
        estimate_stain("macenko", tissue_of(0, 0, noise=0.028))
    except TissueError as error:
        assert "one stain, not two" in str(error)


def test_an_unknown_method_is_said_before_anything_else():
    slide = Noted(100, 50)
    nothing = TissueMask(np.zeros((5, 10), bool), 10.0)
    with pytest.raises(BadInputError, match="macenko, reinhard"):
        estimate_stain("other", np.zeros((9, 3), np.uint8))
    with pytest.raises(BadInputError, match="macenko, reinhard"):
        normalised(slide, nothing, "other", 50, 0.5)
    assert "no tile holds" in normalised(slide, nothing, "reinhard", 50, 0.5).stain["failed"]
