"""Stain normalisation: the same tissue, stained twice, comes out alike; torchstain's own numbers; slides that have no stain."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torchstain
from PIL import Image
from slide_files import write_image
from study_files import write_labels

from prospector_core import Study, stain
from prospector_core.encoders import get_encoder
from prospector_core.errors import BadInputError, MissingExtraError, TissueError
from prospector_core.readers import open_slide
from prospector_core.stain import STAIN_METHODS, check_stain, estimate_stain, normalised, tissue_pixels
from prospector_core.tissue import tissue_mask

ROOT = Path(__file__).resolve().parents[2]
PALE = np.array([[0.65, 0.70, 0.29], [0.27, 0.57, 0.78]]), (1.0, 0.6)  # haematoxylin and eosin, of two laboratories
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
        library.target_means, library.target_stds = np.array(stain._REINHARD_MEANS), np.array(stain._REINHARD_STDS)
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
@pytest.mark.parametrize("pixels", [np.full((1000, 3), 150), np.tile([[150, 90, 140]], (1000, 1)), np.full((3, 3), 90),
                                    np.empty((0, 3))], ids=["grey", "one colour", "three pixels", "none"])  # fmt: skip
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
    code = "import sys; from prospector_core.stain import check_stain; check_stain('macenko'); print('torch' in sys.modules)"
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
    return Study.create(tmp_path / "study", slides=slides, labels=labels, encoder="colour-texture", tile=32, **options)


def test_a_study_normalises_each_slide_and_says_which_it_could_not(tmp_path, slides):
    study = make(tmp_path, slides, stain="macenko")
    assert study.embedding["stain"] == "macenko" and study.embed() == {}
    kept = {datum.name: study.store.layout(datum.uid)[1] for datum in study.data}
    assert kept["pale.png"]["stain"]["method"] == "macenko" and "Macenko" in kept["pale.png"]["stain"]["reference"]
    assert np.shape(kept["pale.png"]["stain"]["estimate"]["stains"]) == (2, 3)
    assert "one colour" in kept["flat.png"]["stain"]["failed"] and "estimate" not in kept["flat.png"]["stain"]
    notes = {study.datum(uid).name: job["message"] for uid, job in study.jobs().items()}
    assert notes["pale.png"] == notes["dark.png"] == ""
    assert (
        notes["flat.png"].startswith("flat.png: its stain cannot be estimated") and "own colours" in notes["flat.png"]
    )

    (tmp_path / "other").mkdir()
    plain = make(tmp_path / "other", slides)
    plain.embed()
    raw = {name: plain.store.read(plain.datum(name).uid).embeddings for name in ("pale.png", "dark.png", "flat.png")}
    own = [study.store.read(study.datum(name).uid).embeddings for name in ("pale.png", "dark.png")]
    assert np.abs(own[0] - own[1]).mean() < np.abs(raw["pale.png"] - raw["dark.png"]).mean() / 2
    assert "stain" not in plain.store.layout(plain.datum("pale.png").uid)[1]
    assert np.array_equal(study.store.read(study.datum("flat.png").uid).embeddings, raw["flat.png"])


def test_a_datum_is_embedded_from_normalised_tiles(tmp_path, slides):
    study = make(tmp_path, slides, stain="reinhard")
    study.embed(data=["dark.png"])
    with study.open_slide("dark.png") as slide:
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
