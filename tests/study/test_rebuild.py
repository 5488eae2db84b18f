"""Fits made again from the journal: the same bytes, a damaged one put right, a false one found."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from prospector_core import Study
from prospector_core.errors import BadInputError, StudyDamagedError
from prospector_core.study.rebuild import rebuild_fits
from tests.support.study_files import make_study


@pytest.fixture
def study(tmp_path):
    """Two quantisers, five fits, one edit of every kind; a datum that is kept out of fits."""
    study = make_study(tmp_path, splits=("",) * 7 + ("test",), fit={})
    c = study.curation
    c.merge([0, 1], into=0)
    c.split(2, into=2)
    c.exclude(4)
    c.undo()
    study.refit()
    c.reassign("s0.png", [1, 2, 3], 3)
    c.annotate("s1.png", [4, 5, 6, 7], "for")
    c.annotate("s2.png", [4, 5], "ignore")
    c.pin((0, 3), -1.5)
    study.refit()
    c.relabel("s6.png", 1)
    study.fit(concepts=4, quantizer="mini-batch k-means")
    c.exclude(1)
    study.refit()
    return study


@pytest.fixture
def small(tmp_path):
    """A fit and a refit."""
    study = make_study(tmp_path, fit={})
    study.curation.pin((0, 3), -1.5)
    study.refit()
    return study


def results(found):
    return [(each.fit, each.kind, each.result, each.damaged, each.repaired) for each in found]


SAME = [(1, "fit"), (2, "refit"), (3, "refit"), (4, "fit"), (5, "refit")]


def test_the_same_bytes(study, tmp_path):
    steps = []
    study.fit(concepts=4, kernel="linear")
    found = rebuild_fits(
        Study.open(study.path), tmp_path / "again", progress=lambda *step: steps.append(step[:2])
    )
    assert results(found) == [(*each, "same", False, False) for each in [*SAME, (6, "fit")]] and all(
        each.good for each in found
    )
    assert steps == [(n, 6) for n in range(7)]
    for id in range(1, 7):
        kept, made = (
            folder / str(id) / "head.safetensors" for folder in (study.path / "fits", tmp_path / "again")
        )
        assert kept.read_bytes() == made.read_bytes()
    with pytest.raises(BadInputError, match="exists already"):
        rebuild_fits(study, tmp_path / "again")


def test_a_damaged_fit_is_put_right(small):
    folder = small.path / "fits" / "1"
    before = (folder / "head.safetensors").read_bytes()
    scores = small.prospect("s0.png", 1)
    (folder / "head.safetensors").write_bytes(before[:-50])
    (small.path / "fits" / "2" / "head.json").unlink()
    small = Study.open(small.path)
    with pytest.raises(StudyDamagedError, match="prospector replay .* --repair"):
        small.prospect("s0.png")
    found = rebuild_fits(small)
    assert (
        [each.fit for each in found if each.damaged]
        == [1, 2]
        == [each.fit for each in found if not each.good]
    )
    assert (folder / "head.safetensors").read_bytes() == before[:-50]  # only asked
    found = rebuild_fits(small, repair=True)
    assert [each.fit for each in found if each.repaired] == [1, 2] and all(each.good for each in found)
    assert (folder / "head.safetensors").read_bytes() == before
    np.testing.assert_array_equal(small.prospect("s0.png", 1), scores)
    assert small.view.id == 2 and all(each.good for each in rebuild_fits(small))


def test_a_fit_that_is_not_what_was_written(small):
    """Readable, but with another weight.

    Known by its digest, and by what replay makes where there is none.
    """
    file = small.path / "fits" / "2" / "head.safetensors"
    tensors = load_file(file)
    tensors["coef"][0] += 0.25
    save_file(tensors, file)
    found = rebuild_fits(Study.open(small.path))
    assert [(each.fit, each.result, each.damaged) for each in found if not each.good] == [(2, "same", True)]
    with small.database.transaction() as connection:  # as a study made before digests were kept
        connection.execute("UPDATE fits SET digest = ''")
    found = rebuild_fits(Study.open(small.path))
    assert [(each.fit, each.result, each.damaged) for each in found if not each.good] == [
        (2, "differs", False)
    ]
    assert "weights (by 0.2" in found[1].says
    file.unlink()
    found = rebuild_fits(Study.open(small.path), repair=True)
    assert all(each.good for each in found) and found[1].repaired


def test_other_embeddings_make_other_fits_and_nothing_is_repaired_with_them(small):
    datum = small.datum("s0.png")
    vectors, positions = small.store.read(datum.uid).embeddings[:], small.grid(datum)["positions"]
    attrs = small.store.layout(datum.uid)[1]
    small.store.remove(datum.uid)
    small.store.write(datum.uid, vectors[::-1].copy() + np.float32(0.1), positions, attrs)
    broken = small.path / "fits" / "1" / "head.json"
    broken.write_text("{")
    found = rebuild_fits(Study.open(small.path), repair=True)
    assert not any(each.good for each in found) and found[1].result == "differs"
    assert found[0].damaged and not found[0].repaired and broken.read_text() == "{"


def test_embeddings_that_are_gone_are_said(small):
    import shutil

    shutil.rmtree(small.path / "embeddings.zarr" / small.datum("s3.png").uid)
    found = rebuild_fits(Study.open(small.path))
    assert {each.result for each in found} == {"failed"} and "embeddings of s3.png are gone" in found[0].says


def test_a_study_without_fits(tmp_path):
    assert rebuild_fits(make_study(tmp_path)) == []
