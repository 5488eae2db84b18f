"""The provisional map of a datum in work: the whole coarsely, then its final scores, row by row."""

import numpy as np
import pytest
from PIL import Image

from prospector_core import Study, TokenGraph, prospect
from prospector_core.modalities.slides.embedding import coarse_tokens
from prospector_core.study.maps import provisional_map, provisional_version
from prospector_core.study.settings import FitSettings
from tests.support.study_files import MeanColour, write_labels


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two small slides, embedded and fitted, and a large one of 40 x 40 tiles with a hole, not embedded."""
    folder, random = tmp_path_factory.mktemp("coarse"), np.random.default_rng(0)
    (folder / "slides").mkdir()
    for name, side in (("small-0.png", 96), ("small-1.png", 96), ("large.png", 320)):
        pixels = random.integers(60, 200, (side // 8, side // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        pixels[side // 3 : side // 2, side // 4 : side // 2] = 255
        Image.fromarray(pixels).save(folder / "slides" / name)
    table = write_labels(folder / "labels.csv", [("small-0.png", 0), ("small-1.png", 1), ("large.png", 1)])
    study = Study.create(
        folder / "study",
        slides=folder / "slides",
        labels=table,
        encoder="colour-texture",
        tile=8,
        min_tissue=0.1,
    )
    study.embed(data=["small-0.png", "small-1.png"], encoder=MeanColour())
    study.fit(FitSettings(), concepts=5, radius=2)
    study.curation.exclude(1)
    study.refit()
    return study


def test_first_coarse_then_final_and_at_last_the_map(made):
    large, seen, versions = made.datum("large.png"), [], []
    assert provisional_map(made, large) is None and provisional_version(made, large) is None

    def look(datum, done, total):
        version = provisional_version(made, large)
        if version is not None and version not in versions:
            versions.append(version)
            seen.append((done, total, provisional_map(made, large)))
            assert provisional_map(made, large) is seen[-1][2]  # kept

    made.embed(data=[large], progress=look, encoder=MeanColour())
    assert provisional_map(made, large) is None
    fit, grid, scores = made.view, made.grid(large), made.prospect(large)
    positions, concepts = grid["positions"], made.concepts_of(large)
    assert len(positions) > 1200 and len(seen) > 4
    tokens = coarse_tokens(positions)
    squares = positions[tokens] // 4
    done, total, first = seen[0]
    assert done == len(tokens) < 0.09 * total and first.known.all() and not first.final.any()
    curated = np.where(concepts[tokens] == 1, -1, concepts[tokens])
    coarse = prospect(TokenGraph.from_grid(squares), curated, fit.coef, fit.n_concepts, fit.radius)
    for square, score, concept in zip(squares, coarse, concepts[tokens]):
        inside = (positions // 4 == square).all(1)
        np.testing.assert_array_equal(first.scores[inside], score)
        assert (first.concepts[inside] == concept).all()
    shares = []
    for _, _, found in seen:
        np.testing.assert_array_equal(found.positions, positions)
        assert (found.shape, found.origin, found.pitch) == (grid["shape"], grid["origin"], grid["pitch"])
        np.testing.assert_array_equal(found.scores[found.final], scores[found.final])  # to the last digit
        np.testing.assert_array_equal(found.concepts[found.final], concepts[found.final])
        shares.append(found.final.mean())
    assert shares == sorted(shares) and shares[-1] > 0.5


def test_cancelled_there_is_no_map(made):
    large = made.datum("large.png")
    made.store.remove(large.uid)
    asked = [False] * 9 + [True]
    made.embed(data=[large], stop=lambda: asked.pop(0) if asked else True, encoder=MeanColour())
    assert provisional_map(made, large) is not None
    made.queue.cancel(large.uid)
    assert provisional_map(made, large) is None and provisional_version(made, large) is None
