"""Studies as no program of ours wrote them: each ends in one line, and nothing outside the folder is read."""

import base64
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from prospector_core import Study
from prospector_core.errors import ProspectorError, StudyDamagedError
from prospector_core.store.embeddings import EmbeddingStore
from prospector_core.study.journal import Entry, replay
from tests.support.structure_files import study_of_chains
from tests.support.study_files import make_study

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.fuzz.walk import walk  # noqa: E402
from tests.support.hostile import seal  # noqa: E402


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A fitted study of slides with an edit."""
    study = make_study(tmp_path_factory.mktemp("sound"), fit={})
    study.curation.rename(0, "a name")
    study.database.close()
    return study.path


@pytest.fixture
def path(sound, tmp_path):
    """A copy to do harm to."""
    return shutil.copytree(sound, tmp_path / "study")


def change(path, *statements):
    """Write into a study's database past the study: statements, or (statement, parameters)."""
    with contextlib.closing(sqlite3.connect(path / "study.sqlite")) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("PRAGMA ignore_check_constraints=ON")
        for each in statements:
            connection.execute(*(each if isinstance(each, tuple) else (each,)))
        connection.commit()


def entry(action, payload):
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return (
        (
            "INSERT INTO journal (at, action, payload, author, note) VALUES ('2026-01-01T00:00:00+00:00', ?,"
            " ?, 'x', '')"
        ),
        (action, text),
    )


def refused(path, kind=StudyDamagedError, look=None):
    """What it says, in one line, when all of a study is looked at (or one thing)."""
    with pytest.raises(kind) as caught:
        walk(path, refit=False) if look is None else look(Study.open(path))
    said = str(caught.value)
    assert said and "\n" not in said and len(said) < 600 and "root:" not in said
    return said


DEEP = "[" * 10_000 + "]" * 10_000
CENTROIDS = base64.b64encode(np.zeros((2, 6), np.float32).tobytes()).decode()
SPLIT = {"concept": 0, "ids": [0, 5], "centroids": CENTROIDS}
JOURNALS = {
    "an action of nobody": [("frobnicate", {})],
    "no text as action": [("", {})],
    "deep": [("rename", DEEP)],
    "no JSON": [("rename", "{")],
    "a list": [("rename", [1, 2])],
    "a key is missing": [("rename", {"concept": 1})],
    "a key too many": [("rename", {"concept": 1, "name": "x", "then": 1})],
    "a concept in words": [("rename", {"concept": "x", "name": {"a": 1}})],
    "true is no number": [("exclude", {"concept": True})],
    "a concept that is not there": [("exclude", {"concept": 30_000})],
    "a huge concept": [("exclude", {"concept": 10**30})],
    "a circle of two": [("merge", {"concepts": [1], "into": 2}), ("merge", {"concepts": [2], "into": 1})],
    "a circle of three": [("merge", {"concepts": [a], "into": b}) for a, b in ((0, 1), (1, 2), (2, 0))],
    "a weight that is none": [("pin", {"concepts": [1], "weight": float("nan")})],
    "a pin of three": [("pin", {"concepts": [1, 2, 3], "weight": 1.0})],
    "negative tokens": [("reassign", {"datum": "d", "tokens": [-1], "concept": 1})],
    "tokens of nowhere": [("reassign", {"concept": 1})],
    "evidence of nobody": [
        ("annotate", {"datum": "d", "tokens": [1], "polygon": None, "evidence": "maybe", "weight": 1.0})
    ],
    "an outline of NaN": [
        (
            "annotate",
            {
                "datum": "d",
                "tokens": [1],
                "polygon": [[float("nan"), 0]] * 3,
                "evidence": "for",
                "weight": 1.0,
            },
        )
    ],
    "a split into nothing": [("split", {**SPLIT, "ids": [0]})],
    "a split with gaps": [("split", {**SPLIT, "ids": [0, 9]})],
    "a split of millions": [("split", {**SPLIT, "ids": [0, 10**9]})],
    "centroids that are none": [("split", {**SPLIT, "centroids": "***"})],
    "centroids cut short": [("split", {**SPLIT, "centroids": CENTROIDS[:8]})],
    "centroids of infinity": [
        (
            "split",
            {**SPLIT, "centroids": base64.b64encode(np.full((2, 6), np.inf, np.float32).tobytes()).decode()},
        )
    ],
    "a family of words": [("family", {"composition": {"x": 1.0}, "name": "y"})],
    "a label of 9": [("relabel", {"datum": "d", "label": 2**40})],
}


@pytest.mark.parametrize("case", JOURNALS)
def test_a_journal_that_no_program_of_ours_wrote_is_refused_in_one_line(path, case):
    change(path, *(entry(*each) for each in JOURNALS[case]))
    assert "journal" in refused(path)
    assert "journal" in refused(path, look=lambda study: study.curation.chronicle() and study.curation.state)


def test_data_and_classes_that_an_edit_names_must_be_there(path):
    study = Study.open(path)
    uid = study.data[0].uid
    study.database.close()
    for case, payload in (
        ("relabel", {"datum": "nobody", "label": 1}),
        ("relabel", {"datum": uid, "label": 7}),
        ("reassign", {"datum": "nobody", "tokens": [0], "concept": 1}),
        ("pin", {"concepts": [1], "weight": 1.0, "target": 5}),
    ):
        other = shutil.copytree(path, path.parent / f"{case} {len(str(payload))}")
        change(other, entry(case, payload))
        with pytest.raises(ProspectorError):
            study = Study.open(other)
            study.curation.state  # noqa: B018
            study.refit()


def test_tokens_that_an_edit_names_and_that_are_not_there_are_passed_over(path):
    """A datum that was embedded again may have fewer than an edit once named: that is no damage."""
    study = Study.open(path)
    uid, before = study.data[0].uid, study.view.coef
    change(path, entry("reassign", {"datum": uid, "tokens": [10**6], "concept": 1}))
    change(
        path,
        entry(
            "annotate",
            {"datum": uid, "tokens": [10**6], "polygon": None, "evidence": "ignore", "weight": 1.0},
        ),
    )
    study = Study.open(path)
    study.refit()
    assert np.array_equal(study.view.coef, before) and np.isfinite(study.prospect(uid)).all()


def test_a_long_chain_of_merges_is_followed_at_once():
    pairs = [(k, k + 1) for k in range(20_000)]
    entries = [Entry(i, "", "merge", {"concepts": [a], "into": b}) for i, (a, b) in enumerate(pairs, 1)]
    state = replay(entries)
    assert set(state.homes(20_001)) == {20_000}


def test_journals_of_ours_are_told_as_before(path):
    study = Study.open(path)
    assert [event.text for event in study.curation.chronicle()][1:] == ["rename concept 0 to “a name”"]
    with pytest.raises(sqlite3.IntegrityError):
        change(path, "UPDATE journal SET action = 'x'")  # the triggers of the database are as they were


BASES = {
    "a trigger that edits": (
        "CREATE TRIGGER t AFTER INSERT ON journal BEGIN UPDATE data SET label = 1 - label; END"
    ),
    "a view": "CREATE VIEW v AS SELECT 1",
    "a table": "CREATE TABLE other (a)",
    "an index over a function": "CREATE INDEX i ON data (abs(label))",
    "a virtual table": "CREATE VIRTUAL TABLE f USING fts5(x)",
    "deep JSON": ("UPDATE meta SET value = ? WHERE key = 'embedding'", (DEEP,)),
    "no classes": "UPDATE meta SET value = '[1, 2]' WHERE key = 'classes'",
    "one class twice": """UPDATE meta SET value = '["a", "a"]' WHERE key = 'classes'""",
    "a name that is a list": "UPDATE meta SET value = '[]' WHERE key = 'name'",
    "an encoder that is a number": """UPDATE meta SET value = '{"encoder": 3}' WHERE key = 'embedding'""",
    "a tile of nothing": """UPDATE meta SET value = '{"encoder": "x", "tile": 0}' WHERE key = 'embedding'""",
    "a version in words": """UPDATE meta SET value = '"1"' WHERE key = 'format_version'""",
    "a version that is true": "UPDATE meta SET value = 'true' WHERE key = 'format_version'",
    "a file without a path": "UPDATE sources SET path = x'05'",
    "a file that says nothing": "UPDATE sources SET info = ''",
    "a width in words": """UPDATE sources SET info = '{"width": "x"}'""",
    "microns of infinity": """UPDATE sources SET info = '{"mpp": Infinity}'""",
    "a path that ends early": "UPDATE sources SET path = 'a' || char(0) || 'b'",
    "a field of three": "UPDATE data SET field = '[1, 2, 3]'",
    "a field of letters": """UPDATE data SET field = '["a", 1, 2, 3]'""",
    "a class that is not there": "UPDATE data SET label = 9",
    "a class in words": "UPDATE data SET label = 'x'",
    "a uid that is a path": "UPDATE data SET uid = '../../x' WHERE position = 0",
    "a name that is bytes": "UPDATE data SET name = x'ff00' WHERE position = 0",
    "a fit of other settings": """UPDATE fits SET settings = '{"concepts": "x"}'""",
    "a fit without settings": "UPDATE fits SET settings = '[]'",
    "a summary that is none": "UPDATE fits SET summary = ''",
    "a fit of a time that is none": "UPDATE fits SET at = x'00'",
}


@pytest.mark.parametrize("case", BASES)
def test_a_database_that_no_program_of_ours_wrote_is_refused_in_one_line(path, case):
    change(path, BASES[case])
    refused(path)


def test_a_view_does_not_answer_for_a_table(path):
    change(path, "ALTER TABLE data RENAME TO real", "CREATE VIEW data AS SELECT * FROM real")
    refused(path, look=lambda study: study)


def test_an_empty_database_and_an_empty_store(path):
    shutil.rmtree(path / "embeddings.zarr")
    refused(path, ProspectorError)
    with open(path / "study.sqlite", "wb"):
        pass
    for beside in path.glob("study.sqlite-*"):
        beside.unlink()
    refused(path, look=lambda study: study)


def tensors(path, **changed):
    """Write a head again with other arrays."""
    file = path / "fits" / "1" / "head.safetensors"
    found = {**load_file(file), **changed}
    save_file({name: array for name, array in found.items() if array is not None}, file)


def head(path, update):
    file = path / "fits" / "1" / "head.json"
    record = json.loads(file.read_text())
    update(record)
    file.write_text(json.dumps(record))


HEADS = {
    "no centroids": lambda path: tensors(path, centroids=None),
    "centroids of one side": lambda path: tensors(path, centroids=np.zeros(30, np.float32)),
    "centroids of words": lambda path: tensors(path, centroids=np.zeros((5, 6), np.int64)),
    "other dimensions": lambda path: tensors(path, centroids=np.zeros((5, 3), np.float32)),
    "more concepts than weights": lambda path: tensors(path, centroids=np.zeros((9, 6), np.float32)),
    "weights of NaN": lambda path: tensors(path, coef=np.full(20, np.nan)),
    "weights of another length": lambda path: tensors(path, fitted_coef=np.zeros(3)),
    "weights of classes": lambda path: tensors(path, coef=np.zeros((3, 20)), fitted_coef=np.zeros((3, 20))),
    "centroids of infinity": lambda path: tensors(path, centroids=np.full((5, 6), np.inf, np.float32)),
    "a tree that is none": lambda path: tensors(path, tree_fine=np.zeros((3, 6), np.float32)),
    "settings of nobody": lambda path: head(path, lambda record: record["settings"].update(radius=10**9)),
    "a kernel of nobody": lambda path: head(path, lambda record: record["settings"].update(kernel="x")),
    "a curve of words": lambda path: head(
        path, lambda record: record.update(calibration={"slope": "x", "offset": 0})
    ),
    "predictions of words": lambda path: head(
        path, lambda record: record["summary"].update(predictions={"d": "x"})
    ),
    "no predictions": lambda path: head(path, lambda record: record["summary"].pop("predictions")),
    "predictions of 9": lambda path: head(
        path, lambda record: record["summary"].update(predictions={"d": 9.0})
    ),
    "no accuracy": lambda path: head(path, lambda record: record["summary"].pop("held_out_accuracy")),
    "a list": lambda path: (path / "fits" / "1" / "head.json").write_text("[]"),
    "deep": lambda path: (path / "fits" / "1" / "head.json").write_text(DEEP),
    "a header that is": (
        lambda path: (path / "fits" / "1" / "head.safetensors").write_bytes(b"\xff" * 8 + b"{}")
    ),
}


@pytest.mark.parametrize("case", HEADS)
def test_a_head_whose_parts_contradict_each_other_is_refused_in_one_line(path, case):
    HEADS[case](path)
    refused(path, ProspectorError if case == "other dimensions" else StudyDamagedError)


def zarr_json(path, array, update):
    """Change the records of all arrays of a name; "" is the group."""
    for file in (path / "embeddings.zarr").glob(f"d*/{array}/zarr.json" if array else "d*/zarr.json"):
        record = json.loads(file.read_text())
        update(record)
        file.write_text(json.dumps(record))
        if record.get("attributes", True):  # with none of ours it is refused for that alone
            seal(file.parent.parent if array else file.parent)


def chunk(path, size):
    """Chunks of a few bytes that say they unpack to ``size``, and whose checksum is right."""
    import google_crc32c
    from numcodecs import Blosc

    for file in (path / "embeddings.zarr").glob("d*/positions/c/0/0"):
        body = bytearray(Blosc(cname="zstd").encode(np.zeros(1000)))
        body[4:8] = size.to_bytes(4, "little")
        file.write_bytes(body + google_crc32c.value(bytes(body)).to_bytes(4, "little"))


QUEUES = (
    "state = 'frobnicate'",
    "state = 'ended'",
    "state = x'00'",
    "done = 'x'",
    "total = -1",
    "rate = 'x'",
    "rate = -1.0",
    "rate = 9e999",
    "updated = 'x'",
    "request = 'x'",
    "message = x'ff'",
)


@pytest.mark.parametrize("change_of", QUEUES)
def test_a_queue_that_no_program_of_ours_wrote_is_refused_in_one_line(path, change_of):
    uid, add = Study.open(path).data[0].uid, "INSERT INTO jobs VALUES (?, ?, ?, 0, 0, '', 0, 0, '', 0)"
    for kind, of, state in (("embed", uid, "waiting"), ("worker", "", "ended")):
        change(path, "DELETE FROM jobs", (add, (kind, of, state)))
        assert Study.open(path).queue.jobs() or Study.open(path).queue.worker()[0] == "ended"
        if kind == "embed" or "'ended'" not in change_of:
            change(path, f"UPDATE jobs SET {change_of}")
            for look in (
                lambda study: study.queue.jobs() + [study.queue.worker()],
                lambda study, kind=kind: study.jobs(kind),
            ):
                assert "queue" in refused(path, look=look)


STORES = {
    "a shape of all the world": lambda path: zarr_json(
        path, "embeddings", lambda r: r["shape"].__setitem__(0, 10**12)
    ),
    "places of all the world": lambda path: zarr_json(
        path, "positions", lambda r: r["shape"].__setitem__(0, 10**11)
    ),
    "a shape below 0": lambda path: zarr_json(path, "embeddings", lambda r: r["shape"].__setitem__(0, -1)),
    "a shape in words": lambda path: zarr_json(path, "embeddings", lambda r: r.update(shape="x")),
    "chunks of all the world": lambda path: zarr_json(
        path, "positions", lambda r: r["chunk_grid"]["configuration"].update(chunk_shape=[10**10, 2])
    ),
    "chunks of nothing": lambda path: zarr_json(
        path, "embeddings", lambda r: r["chunk_grid"]["configuration"].update(chunk_shape=[0, 6])
    ),
    "a codec of nobody": lambda path: zarr_json(
        path, "embeddings", lambda r: r.update(codecs=[{"name": "pickle"}])
    ),
    "objects": lambda path: zarr_json(path, "embeddings", lambda r: r.update(data_type="object")),
    "text": lambda path: zarr_json(path, "embeddings", lambda r: r.update(data_type="string")),
    "deep": lambda path: zarr_json(
        path, "", lambda r: r.update(attributes=json.loads("[" * 200 + "]" * 200))
    ),
    "no attributes": lambda path: zarr_json(path, "", lambda r: r.pop("attributes")),
    "a block of nothing": lambda path: zarr_json(path, "", lambda r: r["attributes"].update(block=0)),
    "a block in words": lambda path: zarr_json(path, "", lambda r: r["attributes"].update(block="x")),
    "a pitch of 0": lambda path: zarr_json(path, "", lambda r: r["attributes"].update(pitch=0)),
    "an origin of one": lambda path: zarr_json(path, "", lambda r: r["attributes"].update(origin=[1])),
    "a grid of all the world": lambda path: zarr_json(
        path, "", lambda r: r["attributes"].update(shape=[10**9, 10**9])
    ),
    "a grid too small": lambda path: zarr_json(path, "", lambda r: r["attributes"].update(shape=[1, 1])),
    "a chunk that is a bomb": lambda path: chunk(path, 2**31 - 1),
}


@pytest.mark.parametrize("case", STORES)
def test_embeddings_that_no_program_of_ours_wrote_are_refused_in_one_line(path, case):
    STORES[case](path)
    refused(path)


@pytest.mark.parametrize(
    "place",
    ["fits/1/head.json", "fits/1/head.safetensors", "fits/1", "fits", "derived", "study.sqlite"],
)
def test_a_link_that_leads_out_is_not_followed(path, tmp_path, place):
    link, outside = path / place, tmp_path / "outside"
    shutil.move(link, outside) if link.exists() else outside.mkdir()
    link.symlink_to(outside)
    refused(path)


def test_a_chunk_that_is_a_link_is_not_followed(path, tmp_path):
    for number, file in enumerate(sorted((path / "embeddings.zarr").glob("d*/positions/c/0/0"))):
        shutil.move(file, tmp_path / f"chunk{number}")
        file.symlink_to(tmp_path / f"chunk{number}")
    refused(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("place", ["fits/1/head.json", "embeddings.zarr/zarr.json"])
def test_a_pipe_does_not_keep_us_waiting(path, place):
    if place.startswith("embeddings"):
        place = next((path / "embeddings.zarr").glob("d*/zarr.json")).relative_to(path)
    (path / place).unlink()
    os.mkfifo(path / place)
    look = (
        "import sys; sys.path[:0] = sys.argv[2:]; from tests.fuzz.walk import walk; walk(sys.argv[1], False)"
    )
    done = subprocess.run(
        [sys.executable, "-c", look, str(path), str(ROOT)], capture_output=True, text=True, timeout=120
    )
    assert "StudyDamagedError" in done.stderr.splitlines()[-1]


def test_files_of_others_are_not_shown(tmp_path):
    """A study whose structure is a table of passwords: what stands in that is in no message."""
    study = study_of_chains(tmp_path / "chains")
    study.database.close()
    secret = tmp_path / "shadow"
    secret.write_text("root:x9secret9x:0\nATOM  x9secret9x x9secret9x x9secret9x x9secret9x x9secret9x\n")
    change(
        study.path,
        ("UPDATE sources SET path = '../shadow', info = json_set(info, '$.absolute', ?)", (str(secret),)),
    )
    study = Study.open(study.path)
    failed = study.embed()
    said = json.dumps(
        [str(each) for each in (failed.values() if isinstance(failed, dict) else failed)]
    ) + json.dumps(study.jobs())
    assert failed and "x9secret9x" not in said


# ---- embeddings of many blocks per file


@pytest.fixture
def many(tmp_path):
    """A store with a datum of which 64 blocks are a file."""
    store = EmbeddingStore(tmp_path / "embeddings.zarr")
    writer = store.open_writer("d1", 300, 6, np.zeros((300, 2), int), {}, 4)
    for index in range(writer.n_blocks):
        writer.write_block(
            index, np.ones((writer.rows(index).stop - writer.rows(index).start, 6), np.float32)
        )
    writer.finish()
    assert store.read("d1").embeddings[290:].sum() == 60
    return store


def sharded(store, update):
    file = store.path / "d1" / "embeddings" / "zarr.json"
    record = json.loads(file.read_text())
    update(record["chunk_grid"]["configuration"], record["codecs"][0]["configuration"], record)
    file.write_text(json.dumps(record))
    seal(store.path / "d1")


SHARDS = {
    "a shard of all the world": lambda grid, inner, _: grid.update(chunk_shape=[4 * 10**9, 6]),
    "chunks of all the world": lambda grid, inner, _: (
        grid.update(chunk_shape=[10**9, 6]),
        inner.update(chunk_shape=[10**9, 6]),
    ),
    "a width of all the world": lambda grid, inner, record: record.update(shape=[300, 2**38]),
    "a chunk wider than the array": lambda grid, inner, _: (
        grid.update(chunk_shape=[256, 2**30]),
        inner.update(chunk_shape=[4, 2**30]),
    ),
    "a codec of nobody": lambda grid, inner, _: inner.update(codecs=[{"name": "pickle"}]),
}


@pytest.mark.parametrize("case", SHARDS)
def test_files_of_many_blocks_that_say_too_much(many, case):
    sharded(many, SHARDS[case])
    with pytest.raises(StudyDamagedError) as caught:
        EmbeddingStore(many.path).read("d1").embeddings[:]
    assert "\n" not in str(caught.value)


def test_a_block_among_many_that_is_a_bomb(many):
    """Blocks whose heads say that they unpack to 2 GB, with checksums that are right."""
    import google_crc32c

    file = many.path / "d1" / "embeddings" / "c" / "0" / "0"
    content = bytearray(file.read_bytes())
    at, length = np.frombuffer(bytes(content[-16 * 64 - 4 :][:16]), "<u8").tolist()
    content[at + 4 : at + 8] = (2**31 - 1).to_bytes(4, "little")
    content[at + length - 4 : at + length] = google_crc32c.value(
        bytes(content[at : at + length - 4])
    ).to_bytes(4, "little")
    file.write_bytes(content)
    with pytest.raises(StudyDamagedError, match="is not of 96 bytes"):
        EmbeddingStore(many.path).read("d1").embeddings[:]
