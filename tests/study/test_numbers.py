"""Opaque numbers of data: keyed by a secret of the study, which never leaves it.

Fits do not depend on them.
"""

import hashlib
import json

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.exporters import export
from prospector_core.study import FitSettings
from prospector_core.study.backup import back_up
from tests.support.study_files import SECRET, K, embed_by_hand, write_labels, write_slides
from tests.support.text_studies import WordEncoder, write_jsonl

NAMES = [f"s{index}.png" for index in range(6)]


@pytest.fixture
def make(tmp_path):
    """A function that makes a study of the same six slides, embedded and fitted."""
    write_slides(tmp_path / "slides", NAMES)
    table = write_labels(tmp_path / "labels.csv", [(name, "ab"[i % 2]) for i, name in enumerate(NAMES)])

    def one(name, **options):
        study = Study.create(
            tmp_path / name,
            slides=tmp_path / "slides",
            labels=table,
            encoder="colour-texture",
            tile=8,
            **options,
        )
        embed_by_hand(study)
        study.fit(FitSettings(), concepts=K)
        return study

    return one


def numbers(study):
    return [datum.uid for datum in study.data] + list(study.sources)


def test_a_list_of_names_does_not_undo_the_numbers(make):
    one, two = make("one"), make("two")
    assert not set(numbers(one)) & set(numbers(two)) and one.address.keyed
    said = set(NAMES) | {source.path.as_posix() for source in one.sources.values()}
    said |= {f"../slides/{name}" for name in NAMES}
    plain = {prefix + hashlib.sha256(text.encode()).hexdigest()[:14] for text in said for prefix in "ds"}
    assert not plain & set(numbers(one))
    assert numbers(make("three", secret=SECRET)) == numbers(make("four", secret=SECRET))


def test_fits_and_maps_are_the_same_whatever_the_numbers(make):
    one, two = make("one"), make("two")
    first, second = one.view, two.view
    for name in ("centroids", "coef", "fitted_coef"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    assert list(first.summary["predictions"].values()) == list(second.summary["predictions"].values())
    assert all(np.array_equal(one.prospect(name), two.prospect(name)) for name in NAMES)
    for study in (one, two):
        study.curation.exclude(1)
    assert one.refit().after.coef.tobytes() == two.refit().after.coef.tobytes()


def test_the_secret_leaves_with_no_file_that_is_handed_on(make, tmp_path):
    study = make("one")
    secret = study.database.read_meta("secret")
    assert isinstance(secret, str) and len(bytes.fromhex(secret)) == 32
    for format in ("geojson", "ome-tiff", "csv"):
        export(study, format, tmp_path / "out" / format)
    (tmp_path / "out" / "journal.json").write_text(
        json.dumps([e.record() for e in study.curation.chronicle()])
    )
    texts = Study.create(tmp_path / "texts", documents=write_jsonl(tmp_path / "texts.jsonl"), keep_text=False)
    texts.embed(encoder=WordEncoder())
    texts.fit(concepts=2)
    other = texts.database.read_meta("secret")
    for format in ("html", "jsonl", "annotations", "csv"):
        export(texts, format, tmp_path / "out" / format)
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    written += [
        p for s in (study, texts) for p in s.path.rglob("*") if p.is_file() and "study.sqlite" not in p.name
    ]
    for path in written:
        content = path.read_bytes()
        for one in (secret, other):
            assert one.encode() not in content and bytes.fromhex(one) not in content, path
    back_up(study, tmp_path / "backup")  # a whole study, it is told
    assert secret.encode() in (tmp_path / "backup" / "study.sqlite").read_bytes()
    assert secret not in (tmp_path / "backup" / "backup.json").read_text()


def test_nothing_else_removes():
    """Whatever takes something off a disk goes through `removal`, which looks at what it is."""
    from pathlib import Path

    root = Path(__file__).parents[2]
    for path in [
        p
        for part in ("prospector_core", "pages", "viewers", "sample_data")
        for p in (root / part).rglob("*.py")
    ]:
        text = path.read_text()
        if path.name != "removal.py":
            for word in (
                "rmtree(",
                ".unlink(",
                "os.remove(",
                "os.unlink(",
                "removedirs(",
                ".rm(",
                "recursive=True",
            ):
                assert word not in text, f"{path.relative_to(root)} has {word}"
