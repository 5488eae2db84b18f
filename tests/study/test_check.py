"""Bit rot and loss are noticed.

Of a fit whenever it is read, of all of a study by `check_study`, which writes nothing.
"""

import itertools
import json
import shutil
import sqlite3

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.cli import main
from prospector_core.errors import ProspectorError, StudyDamagedError, StudyError
from prospector_core.store.embeddings import EmbeddingStore
from prospector_core.study.check import check_study
from prospector_core.study.kept_fit import load_kept
from prospector_core.study.rebuild import rebuild_fits
from prospector_core.study.views import newer_embeddings
from tests.support.study_files import make_study, write_labels, write_slides

FLIPS = 60
KINDS = {
    "two classes": ((1, 1, 1, 1, 0, 0, 0, 0), {}),
    "three classes": ((0, 0, 0, 1, 1, 1, 2, 2, 2), {"softness": 0.5, "pseudo": 0.1}),
    "tree": ((1, 1, 1, 1, 0, 0, 0, 0), {"quantizer": "tree", "kernel": "linear"}),
}


@pytest.fixture
def study(tmp_path):
    """Two fits that differ, their maps, an edit."""
    study = make_study(tmp_path, fit={})
    study.save_maps()
    study.curation.pin((0, 3), -1.5)
    study.refit()
    study.save_maps()
    return study


def flipped(file, n=FLIPS, seed=0):
    """The content of a file with one bit changed.

    N times, drawn with the seed; then cut short, empty, longer.
    """
    content = file.read_bytes()
    random = np.random.default_rng(seed)
    for at in random.choice(len(content) * 8, min(n, len(content) * 8), replace=False).tolist():
        changed = bytearray(content)
        changed[at // 8] ^= 1 << at % 8
        yield bytes(changed)
    yield from (content[: len(content) // 2], b"", content + b"\0")


def with_each(file, contents):
    """Put each content in place of the file; at the end it is as before."""
    kept = file.read_bytes()
    try:
        for content in contents:
            file.write_bytes(content)
            yield content
    finally:
        file.write_bytes(kept)


# ---- fits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["head.json", "head.safetensors"])
def test_no_flipped_bit_of_a_fit_is_accepted(tmp_path, kind, name):
    labels, settings = KINDS[kind]
    study = make_study(tmp_path, labels, fit=settings)
    file = study.path / "fits" / "1" / name
    accepted = 0
    for _ in with_each(file, flipped(file)):
        with pytest.raises(StudyDamagedError, match=r"prospector replay .*study --repair") as caught:
            load_kept(study.path, study.database, 1)
        assert "\n" not in str(caught.value)
        accepted += 1
    assert accepted == FLIPS + 3 and load_kept(study.path, study.database, 1).id == 1


def test_a_fit_of_another_is_not_taken_for_it(study):
    one, two = (study.path / "fits" / name for name in "12")
    for name in ("head.json", "head.safetensors"):
        for _ in with_each(one / name, [(two / name).read_bytes()]):
            with pytest.raises(StudyDamagedError):
                Study.open(study.path).load_fit(1)
    for name in ("head.json", "head.safetensors"):
        (one / name).rename(one / "aside")
        with pytest.raises(StudyDamagedError, match="--repair"):
            Study.open(study.path).prospect("s0.png", 1)
        (one / "aside").rename(one / name)
    shutil.rmtree(one)
    shutil.copytree(two, one)
    with pytest.raises(StudyDamagedError):
        Study.open(study.path).load_fit(1)
    assert all(each.good for each in rebuild_fits(Study.open(study.path), repair=True))
    assert Study.open(study.path).load_fit(1).id == 1


@pytest.mark.parametrize("changed", ["settings", "summary"])
def test_what_is_shown_of_a_fit_is_checked_too(study, changed):
    """As text that is sound in itself."""
    file = study.path / "fits" / "2" / "head.json"
    record = json.loads(file.read_text())
    if changed == "settings":
        record["settings"]["diffusive"] = True
    else:
        record["summary"]["held_out_auroc"] = 1.0
    file.write_text(json.dumps(record, indent=1, sort_keys=True))
    with pytest.raises(StudyDamagedError, match=f"{changed} differ"):
        Study.open(study.path).view  # noqa: B018


def test_fits_of_before_open(study):
    """Without the columns that came later.

    Nothing is known of digests and embeddings, and nothing is said of them.
    """
    study.database.close()
    connection = sqlite3.connect(study.path / "study.sqlite")
    for column in ("digest", "embeddings", "author"):
        connection.execute(f"ALTER TABLE fits DROP COLUMN {column}")
    connection.commit()
    connection.close()
    assert check_study(study.path) == []
    opened = Study.open(study.path)
    assert opened.view.id == 2 and newer_embeddings(opened) == []


def test_a_fit_that_was_repaired_but_for_rounding_is_what_was_written(study):
    """On another machine the last digits may differ: the study then knows the fit that it has."""
    with study.database.transaction() as connection:  # as if the digest were of another machine's last digit
        connection.execute("UPDATE fits SET digest = 'of another machine' WHERE id = 2")
    found = rebuild_fits(Study.open(study.path), repair=True)
    assert found[1].repaired and found[1].result == "close" and check_study(study.path) == []
    assert Study.open(study.path).view.digest() == study.view.digest()


# ---- embeddings


@pytest.mark.parametrize("shard", [64, 2])
def test_no_flipped_bit_of_embeddings_is_accepted(tmp_path, monkeypatch, shard):
    monkeypatch.setattr("prospector_core.store.embedding_writer._SHARD", shard)
    store, n = EmbeddingStore(tmp_path / "store"), 40
    random = np.random.default_rng(0)
    vectors, places = (
        random.normal(size=(n, 3)).astype(np.float32),
        np.zeros((n, 2), int),
    )  # zeros are written, too
    store.write("d1", vectors, places, {"pitch": 2.5, "text": "Ärger"}, np.array([[0, 1], [1, 2]]), block=8)
    store.verify("d1")
    files = sorted(file for file in (tmp_path / "store" / "d1").rglob("*") if file.is_file())
    assert len(files) >= 7
    for file in files:
        for _ in with_each(file, flipped(file, 25)):
            with pytest.raises(ProspectorError):
                EmbeddingStore(store.path).verify("d1")
        kept = file.read_bytes()
        file.unlink()
        with pytest.raises(ProspectorError):
            EmbeddingStore(store.path).verify("d1")
        file.write_bytes(kept)
    store.verify("d1")


def test_lost_places_and_edges_are_noticed_when_they_are_read(tmp_path):
    store = EmbeddingStore(tmp_path / "store")
    store.write("d1", np.ones((3, 2), np.float32), np.ones((3, 2), int), {}, np.array([[0, 1]]))
    for name, read in (("positions", store.layout), ("edges", store.edges)):
        shutil.rmtree(tmp_path / "store" / "d1" / name / "c")
        with pytest.raises(StudyDamagedError, match="missing"):
            read("d1")


# ---- all of a study


def faults(path):
    return [(each.what, each.name) for each in check_study(path)]


def state_of(folder):
    return {
        file: (file.stat().st_mtime_ns, file.read_bytes() if file.is_file() else b"")
        for file in folder.rglob("*")
    }


def test_a_sound_study_is_sound_and_nothing_is_written(study):
    before = state_of(study.path)
    steps = []
    assert (
        check_study(study.path, lambda *step: steps.append(step)) == []
    )  # the last edits are beside the database yet
    assert state_of(study.path) == before and steps[-1][0] == steps[-1][1] == len(study.data) + 2 + 2 * len(
        study.data
    )
    study.database.close()
    before = state_of(study.path)
    assert check_study(study.path) == [] and state_of(study.path) == before


def test_every_damaged_part_is_named_and_put_right_as_it_says(tmp_path, capsys):
    write_slides(tmp_path / "slides", [f"s {n}.png" for n in range(4)])
    labels = write_labels(
        tmp_path / "labels.csv", [(f"s {n}.png", ("normal", "tumour")[n % 2]) for n in range(4)]
    )
    study = Study.create(
        tmp_path / "study",
        slides=tmp_path / "slides",
        labels=labels,
        encoder="colour-texture",
        tile=8,
        min_tissue=0.0,
    )
    study.embed()
    study.fit(concepts=2, quantizer="k-means")
    maps, path = study.save_maps(), study.path
    scores, damaged = study.prospect("s 1.png"), study.datum("s 1.png").uid
    study.database.close()
    assert faults(path) == []
    for file in (
        next((path / "embeddings.zarr" / damaged / "embeddings").glob("c/*/*")),
        path / "fits" / "1" / "head.json",
        maps[study.datum("s 0.png").uid],
    ):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    shutil.rmtree(path / "embeddings.zarr" / study.datum("s 2.png").uid)
    shutil.copytree(path / "embeddings.zarr" / study.datum("s 3.png").uid, path / "embeddings.zarr" / "stray")
    assert faults(path) == [
        ("embeddings", "s 1.png"),
        ("embeddings", "s 2.png"),
        ("embeddings", "stray"),
        ("fit", "1"),
        ("map", f"fits/1/maps/{study.datum('s 0.png').uid}.npy"),
    ]
    with pytest.raises(SystemExit) as ended:
        main(["check", str(path)])
    said = capsys.readouterr()
    assert ended.value.code == 1 and len(said.out.splitlines()) == 5 and "5 things are damaged" in said.err
    for remedy in ("prospector embed", "--anew", "prospector replay", "--repair", "prospector prospect"):
        assert remedy in said.out
    main(["embed", str(path), "s 1.png", "s 2.png", "--anew"])
    shutil.rmtree(path / "embeddings.zarr" / "stray")
    main(["replay", str(path), "--repair"])
    main(["prospect", str(path)])
    capsys.readouterr()
    main(["check", str(path), "--json"])
    assert json.loads(capsys.readouterr().out) == {"study": str(path), "sound": True, "faults": []}
    np.testing.assert_array_equal(Study.open(path).prospect("s 1.png"), scores)


def test_damage_of_the_database(study, capsys):
    file = study.path / "study.sqlite"
    connection = study.database._connection()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    study.database.close()
    content = file.read_bytes()
    for at in (200, len(content) // 2, len(content) - 500):  # a header, and pages of tables
        file.write_bytes(content[:at] + bytes(400) + content[at + 400 :])
        found = faults(study.path)
        assert not found or found[0] == ("database", "study.sqlite"), found
    for broken in (content[:5000], b"", b"no database at all" * 100):
        file.write_bytes(broken)
        assert faults(study.path)[0] == ("database", "study.sqlite")
    with pytest.raises(SystemExit) as ended:
        main(["check", str(study.path)])
    assert ended.value.code == 1 and "restore it from a backup" in capsys.readouterr().out
    file.write_bytes(content)
    assert faults(study.path) == []


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO journal (at, action, payload) VALUES ('', 'sing', '{}')",
        "INSERT INTO journal (at, action, payload) VALUES ('', 'rename', '{\"concept\": 1}')",
        "INSERT INTO journal (at, action, payload) VALUES ('', 'rename', '{')",
        "INSERT INTO journal (id, at, action, payload) VALUES (40, '', 'undo', '{}')",
        "UPDATE fits SET journal = 99 WHERE id = 2",
        "UPDATE fits SET summary = '{' WHERE id = 2",
        "UPDATE sources SET info = 'no'",
        "UPDATE data SET source = 'gone'",
    ],
)
def test_rows_that_no_program_of_ours_wrote(study, change):
    study.database.close()
    connection = sqlite3.connect(study.path / "study.sqlite")
    connection.execute(change)
    connection.commit()
    connection.close()
    assert ("database", "study.sqlite") in faults(study.path)


def test_a_lost_root_of_the_embeddings(study):
    root = study.path / "embeddings.zarr" / "zarr.json"
    study.database.close()
    for content in (b"{", b"[]", b'{"zarr_format": 2}'):
        root.write_bytes(content)
        assert faults(study.path) == [("embeddings", "embeddings.zarr")]
    root.unlink()
    assert faults(study.path) == [("embeddings", "embeddings.zarr")] and not root.exists()
    EmbeddingStore(root.parent)
    assert faults(study.path) == []
    shutil.rmtree(root.parent)
    assert faults(study.path) == [("embeddings", "embeddings.zarr")] and not root.parent.exists()


def test_no_flipped_bit_of_a_saved_map_is_accepted(study):
    path = study.path / "fits" / "2" / "maps" / f"{study.data[0].uid}.npy"
    scores = study.prospect("s0.png")
    for file in (path, path.with_suffix(".json")):
        for _ in itertools.islice(with_each(file, flipped(file, 20)), 20):
            assert ("map", str(path.relative_to(study.path))) in faults_of_maps(study)
            np.testing.assert_array_equal(Study.open(study.path).prospect("s0.png"), scores)


def faults_of_maps(study):
    from prospector_core.study.check import _map_steps

    return [(each.what, each.name) for _, look in _map_steps(study) for each in look()]


def test_what_a_killed_program_leaves_is_no_damage(tmp_path):
    """Half made embeddings, a map without its label, a folder of a fit that was never committed."""
    study = make_study(tmp_path, fit={})
    study.save_maps()
    study.store.open_writer("d-new", 8, 3, np.zeros((8, 2), int), {}, 4).write_block(
        0, np.ones((4, 3), np.float32)
    )
    next(study.path.glob("fits/1/maps/*.json")).unlink()
    (study.path / "fits" / "2").mkdir()
    assert check_study(study.path) == []


def test_no_study_is_bad_input(tmp_path, capsys):
    with pytest.raises(StudyError, match="is not a study"):
        check_study(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["check", str(tmp_path / "nothing")])
    assert ended.value.code == 2
    assert "prospector new" in capsys.readouterr().err
