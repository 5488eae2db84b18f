"""A study on disk: made whole or not at all, opened wherever it is, damage named and survived."""

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prospector_core import Study
from prospector_core.errors import (
    BadInputError,
    EmbeddingError,
    FitError,
    LabelsError,
    SlideError,
    StorageFullError,
    StudyDamagedError,
    StudyError,
    StudyVersionError,
)
from prospector_core.modalities.slides.tiling import Rect
from prospector_core.study.maps import some_spread
from tests.support.study_files import K, embed_by_hand, make_study, write_labels, write_slides

HERE = Path(__file__).parent


@pytest.fixture
def study(tmp_path):
    """A fitted study of eight slides."""
    return make_study(tmp_path, fit={"radius": 1})


@pytest.fixture
def slides(tmp_path):
    write_slides(tmp_path / "slides", ["a.png", "b.png"])
    return tmp_path / "slides"


def create(folder, slides, rows=(("a.png", "1"), ("b.png", "0")), columns=("slide", "label"), **options):
    table = write_labels(folder / "labels.csv", rows, columns)
    return Study.create(folder / "study", slides=slides, labels=table, **options)


def one_line(caught):
    assert "\n" not in str(caught.value) and len(str(caught.value)) > 20
    return str(caught.value)


# ---- create


def test_create_and_open_say_the_same(tmp_path, slides):
    columns = ("slide", "name", "x", "y", "width", "height", "label", "split")
    rows = [
        ("a", "left", 0, 0, 32, 64, "tumour", "train"),
        ("a", "right", 32, 0, 32, 64, "normal", "test"),
        ("b", "b", "", "", "", "", "", ""),
    ]
    made = create(tmp_path, slides, rows, columns, name="Skin", mpp=0.25, tile=32, slide_mpp=0.5)
    opened = Study.open(tmp_path / "study")
    assert made.data == opened.data
    assert [datum.name for datum in opened.data] == ["left", "right", "b"]
    assert [datum.field for datum in opened.data] == [Rect(0, 0, 32, 64), Rect(32, 0, 32, 64), None]
    assert [datum.label for datum in opened.data] == [1, 0, None]
    assert [datum.split for datum in opened.data] == ["train", "test", None]
    assert opened.classes == ("normal", "tumour")
    assert opened.name == "Skin"
    assert opened.embedding == {
        "encoder": "efficientnet-lite0",
        "mpp": 0.25,
        "tile": 32,
        "min_tissue": 0.25,
        "dtype": "float16",
    }
    assert {source.name: source.info["mpp"] for source in opened.sources.values()} == {
        "a.png": 0.5,
        "b.png": 0.5,
    }
    assert opened.embedded() == [] and opened.view is None
    assert sorted(each.name for each in tmp_path.iterdir()) == ["labels.csv", "slides", "study"]


def test_ids_name_no_file(tmp_path, slides):
    study = create(tmp_path, slides)
    for uid in [datum.uid for datum in study.data] + list(study.sources):
        assert "a.png" not in uid and "b.png" not in uid and uid.isalnum()


def test_an_empty_folder_may_become_a_study(tmp_path, slides, monkeypatch):
    (tmp_path / "study").mkdir()
    monkeypatch.chdir(tmp_path / "study")
    table = write_labels(tmp_path / "labels.csv", [("a", 1), ("b", 0)])
    Study.create(".", slides=slides, labels=table)
    assert os.path.samefile(".", tmp_path / "study")  # the folder that we stand in is still the one
    assert Study.open(".").name == "study"


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"encoder": "resnet"}, EmbeddingError, "no encoder named resnet"),
        ({"mpp": 0}, BadInputError, "not possible"),
        ({"mpp": float("nan")}, BadInputError, "not possible"),
        ({"mpp": float("inf")}, BadInputError, "not possible"),
        ({"tile": 0}, BadInputError, "not possible"),
        ({"tile": 10**9}, BadInputError, "not possible"),
        ({"min_tissue": 2}, BadInputError, "not possible"),
        ({"slide_mpp": 0}, SlideError, "a.png: 0 microns per pixel is not plausible"),
        ({"slide_mpp": float("nan")}, SlideError, "not plausible"),
        ({"rows": [("a", 1), ("x", 0)]}, LabelsError, "labels.csv names x"),
        ({"rows": [("a", 1), ("b", 1)]}, LabelsError, "one class only"),
        (
            {
                "rows": [("a", 1, 0, 0, 9, 9), ("b", 0, 60, 0, 99, 9)],
                "columns": ("slide", "label", "x", "y", "width", "height"),
            },
            LabelsError,
            "the field of 'b' reaches beyond b.png (72 x 72 pixels)",
        ),
        ({"slides": "nowhere"}, SlideError, "there is no folder nowhere"),
    ],
)
def test_refused_and_nothing_left_behind(tmp_path, slides, change, error, says):
    with pytest.raises(error) as caught:
        create(tmp_path, **{"slides": slides, **change})
    assert says in one_line(caught)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["labels.csv", "slides"]


def test_a_folder_without_slides(tmp_path):
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "notes.txt").write_text("none")
    with pytest.raises(SlideError, match="holds no slide"):
        create(tmp_path, tmp_path / "slides")


def test_a_broken_slide_is_named(tmp_path, slides):
    (slides / "b.png").write_text("this is not a picture")
    with pytest.raises(SlideError, match=r"b\.png"):
        create(tmp_path, slides)
    assert not (tmp_path / "study").exists()


def test_what_is_there_is_never_overwritten(tmp_path, slides):
    create(tmp_path, slides)
    with pytest.raises(StudyError, match="exists already"):
        create(tmp_path, slides)
    (tmp_path / "file").write_text("precious")
    table = tmp_path / "labels.csv"
    with pytest.raises(StudyError, match="exists already"):
        Study.create(tmp_path / "file", slides=slides, labels=table)
    with pytest.raises(StudyError, match="cannot be written"):
        Study.create(tmp_path / "file" / "study", slides=slides, labels=table)
    assert (tmp_path / "file").read_text() == "precious"


# ---- open


def test_no_study_there(tmp_path):
    with pytest.raises(StudyError, match="there is no study"):
        Study.open(tmp_path / "none")
    with pytest.raises(StudyError, match=r"is not a study \(no study.sqlite in it\)"):
        Study.open(tmp_path)


def test_a_newer_format_is_refused(study):
    with study.database.transaction() as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'format_version'")
    with pytest.raises(StudyVersionError) as caught:
        Study.open(study.path)
    assert "study format 99" in one_line(caught) and "update Prospector" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE meta SET value = 'x' WHERE key = 'format_version'",
        "DELETE FROM meta",
        "DROP TABLE meta",
        "DELETE FROM meta WHERE key = 'classes'",
        "UPDATE meta SET value = '7' WHERE key = 'embedding'",
    ],
)
def test_a_database_without_its_facts(study, change):
    with study.database.transaction() as connection:
        connection.execute(change)
    with pytest.raises(StudyDamagedError) as caught:
        Study.open(study.path)
    assert "study.sqlite" in one_line(caught)


@pytest.mark.parametrize("damage", ["start", "all", "empty", "middle"])
def test_a_damaged_database(study, damage):
    study.database.close()
    path = study.path / "study.sqlite"
    for other in ("study.sqlite-wal", "study.sqlite-shm"):
        (study.path / other).unlink(missing_ok=True)
    content = bytearray(path.read_bytes())
    if damage == "start":
        content[:100] = b"\xaa" * 100
    elif damage == "middle":
        content[100:] = b"\xaa" * (len(content) - 100)
    path.write_bytes({"all": b"\xaa" * 5000, "empty": b""}.get(damage, bytes(content)))
    with pytest.raises(StudyDamagedError) as caught:
        Study.open(study.path).curation.history()
    assert "study.sqlite" in one_line(caught)


def test_a_missing_slide(study, tmp_path):
    (tmp_path / "slides" / "s2.png").unlink()
    opened = Study.open(study.path)
    with opened.open_source("s0.png"):
        pass
    with pytest.raises(SlideError) as caught:
        opened.open_source("s2.png")
    assert "s2.png" in one_line(caught)
    assert np.isfinite(opened.prospect("s2.png")).all()  # its map does not need it


def test_a_moved_tree_finds_its_slides(study, tmp_path):
    study.database.close()
    (tmp_path / "elsewhere").mkdir()
    for name in ("slides", "study"):
        shutil.move(tmp_path / name, tmp_path / "elsewhere" / name)
    opened = Study.open(tmp_path / "elsewhere" / "study")
    with opened.open_source("s0.png") as slide:
        assert slide.path == (tmp_path / "elsewhere" / "slides" / "s0.png").resolve()


def test_a_moved_study_finds_slides_that_stayed(tmp_path, slides):
    create(tmp_path, slides).database.close()
    (tmp_path / "far" / "away").mkdir(parents=True)
    shutil.move(tmp_path / "study", tmp_path / "far" / "away" / "study")
    with Study.open(tmp_path / "far" / "away" / "study").open_source("a.png") as slide:
        assert slide.path == (tmp_path / "slides" / "a.png").resolve()


def test_slides_keep_the_microns_given_to_the_study(tmp_path, slides):
    study = create(tmp_path, slides, slide_mpp=lambda name: {"a.png": 0.3, "b.png": 0.4}[name])
    with study.open_source("a.png") as slide:
        assert slide.mpp == 0.3


def test_an_unknown_datum(study):
    with pytest.raises(
        BadInputError, match=r"no datum 'x': its data are s0.png, s1.png, s2.png, s3.png and 4 more"
    ):
        study.prospect("x")


def test_tokens_by_place(study):
    datum = study.data[0]
    positions, pitch = study.grid(datum)["positions"], study.grid(datum)["pitch"]
    for token in range(0, len(positions), 7):
        x, y, width, height = study.token_rect(datum, token)
        assert (x, y, width, height) == (
            positions[token, 1] * pitch,
            positions[token, 0] * pitch,
            pitch,
            pitch,
        )
        assert study.token_at(datum, x, y) == token
        assert study.token_at(datum, x + width - 0.01, y + height - 0.01) == token
    holes = {(row, col) for row in range(9) for col in range(9)} - set(map(tuple, positions))
    row, col = sorted(holes)[0]
    assert study.token_at(datum, (col + 0.5) * pitch, (row + 0.5) * pitch) is None
    assert study.token_at(datum, -1, 5) is None
    assert study.token_at(datum, 10**6, 5) is None


# ---- damage past the embeddings


@pytest.mark.parametrize("name", ["head.safetensors", "head.json"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "noise"])
def test_a_damaged_fit_is_named_and_can_be_fitted_again(study, name, damage):
    path = study.path / "fits" / "1" / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {"cut": content[: len(content) // 2], "empty": b"", "noise": b"\xff" * len(content)}[damage]
        )
    opened = Study.open(study.path)
    with pytest.raises(StudyDamagedError) as caught:
        opened.view  # noqa: B018
    assert "prospector fit" in one_line(caught) and str(path.parent) in str(caught.value)
    assert opened.fit(concepts=K).after.id == 2
    assert Study.open(study.path).view.id == 2


def test_a_fit_that_contradicts_itself(study):
    path = study.path / "fits" / "1" / "head.json"
    record = json.loads(path.read_text())
    record["settings"]["radius"] = 0
    path.write_text(json.dumps(record))
    with pytest.raises(StudyDamagedError, match="contradicts itself"):
        Study.open(study.path).view  # noqa: B018


def what_it_says(study):
    return (
        [study.prospect(datum) for datum in study.data],
        [study.sprite(datum) for datum in study.data],
        study.refit().after.coef,
    )


def test_derived_files_may_be_deleted_or_damaged(tmp_path):
    study = make_study(tmp_path, (1, 0, 0), fit={})
    study.curation.exclude(2)
    study.refit()
    maps, sprites, coef = what_it_says(Study.open(study.path))
    derived = sorted((study.path / "derived").rglob("*.npy"))
    assert derived

    def same():
        found = what_it_says(Study.open(study.path))
        for old, new in zip((maps, sprites), found[:2]):
            assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(old, new))
        assert np.array_equal(coef, found[2])

    for damage in (
        lambda content: content[:-8] + bytes([content[-8] ^ 1]) + content[-7:],  # one bit of the numbers
        lambda content: b"\x93NUMPY",
        lambda content: content[:-3],
        lambda content: b"not numpy at all" * 20,
        lambda content: b"",
    ):
        for path in derived:
            path.write_bytes(damage(path.read_bytes()))
        same()
    shutil.rmtree(study.path / "derived")
    same()


def test_kept_maps_are_read_and_damaged_ones_made_again(study):
    written = study.save_maps()
    assert set(written) == {datum.uid for datum in study.data}
    for datum in study.data:
        kept = np.load(written[datum.uid], allow_pickle=False)
        assert np.array_equal(kept, study.prospect(datum))
    for damage in (b"", b"noise" * 50, written[study.data[1].uid].read_bytes()):
        written[study.data[0].uid].write_bytes(damage)
        assert np.array_equal(Study.open(study.path).prospect(study.data[0]), study.prospect(study.data[0]))


def test_maps_may_be_kept_before_looking(study, tmp_path):
    assert study.save_maps([study.data[2]]).keys() == {study.data[2].uid}


# ---- embeddings


def test_data_that_are_not_embedded(tmp_path, slides):
    study = create(tmp_path, slides)
    with pytest.raises(FitError, match="run `prospector embed` first"):
        study.fit()
    embed_by_hand(study, only={"a.png"})
    with pytest.raises(FitError, match="all 1 embedded data are labelled '1'"):
        study.fit(concepts=K)
    with pytest.raises(EmbeddingError, match="b.png is not embedded yet"):
        study.graph("b.png")
    embed_by_hand(study, only={"b.png"})
    for call in (study.refit, study.concepts, lambda: study.prospect("a.png")):
        with pytest.raises(FitError, match="not been fitted yet"):
            call()
    with pytest.raises(FitError, match="cannot make 999 concepts"):
        study.fit(concepts=999)


def test_embeddings_that_are_not_finite(tmp_path):
    import zarr

    study = make_study(tmp_path)
    uid = study.data[3].uid
    array = zarr.open_group(study.path / "embeddings.zarr" / uid, mode="r+")["embeddings"]
    array[4, 2] = np.nan
    with pytest.raises(EmbeddingError) as caught:
        study.fit(concepts=K)
    assert "not finite" in one_line(caught)
    assert study.view is None and not study.curation.history()


def test_the_embedding_job_reports_and_resumes(tmp_path):
    random = np.random.default_rng(0)
    folder = tmp_path / "slides"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(random.integers(60, 200, (96, 96, 3), np.uint8)).save(folder / name)
    Image.new("RGB", (96, 96), (250, 250, 250)).save(folder / "empty.png")
    rows = [("empty.png", 0), ("a.png", 1), ("b.png", 0)]
    study = create(tmp_path, folder, rows, encoder="colour-texture", tile=16)
    seen = []
    failed = study.embed(progress=lambda datum, done, total: seen.append((datum.name, done, total)))
    assert list(failed) == [study.data[0].uid]
    assert "empty.png" in failed[study.data[0].uid] and "tissue" in failed[study.data[0].uid]
    assert [datum.name for datum in study.embedded()] == ["a.png", "b.png"]
    assert seen[-1] == ("b.png", 36, 36)
    jobs = study.jobs()
    assert [jobs[datum.uid]["state"] for datum in study.data] == ["failed", "done", "done"]
    assert "tissue" in jobs[study.data[0].uid]["message"]
    assert study.embed(data=["a.png"], progress=lambda *_: pytest.fail("done twice")) == {}

    def interrupted(*_):
        raise KeyboardInterrupt

    study.store.remove(study.data[1].uid)
    with pytest.raises(KeyboardInterrupt):
        study.embed(data=["a.png"], progress=interrupted)
    assert study.jobs()[study.data[1].uid]["state"] == "paused"
    assert study.embed(data=["a.png"], stop=lambda: True) == {}
    assert not study.is_embedded("a.png")
    assert study.embed(data=["a.png"]) == {} and study.is_embedded("a.png")


def test_a_slide_that_is_gone_fails_alone(tmp_path):
    study = make_study(tmp_path)
    study.store.remove(study.data[0].uid)
    study.store.remove(study.data[1].uid)
    (tmp_path / "slides" / "s0.png").unlink()
    failed = Study.open(study.path).embed()
    assert list(failed) == [study.data[0].uid]
    assert "s0.png" in failed[study.data[0].uid]
    assert study.is_embedded("s1.png")


# ---- a full disk


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def contents(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if "study.sqlite-" not in path.name}


def test_no_space_while_writing(study, monkeypatch):
    study.curation.exclude(2)
    coef, before = study.view.coef, contents(study.path)
    with monkeypatch.context() as patched:
        patched.setattr("prospector_core.store.files.os.fsync", no_space)
        for call in (study.refit, lambda: study.fit(concepts=3), study.save_maps):
            with pytest.raises(StorageFullError) as caught:
                call()
            assert "the disk is full" in one_line(caught) and ".partial" not in str(caught.value)
    for opened in (study, Study.open(study.path)):
        assert opened.view.id == 1
        assert np.array_equal(opened.view.coef, coef)
        assert [entry.action for entry in opened.curation.history()] == ["fit", "exclude"]
        assert opened.curation.pending()
    # derived arrays carry a checksum and are not flushed: no disk is asked for them
    new = {path for path in contents(study.path) - before if path.suffix and path.parts[0] != "derived"}
    assert new == set()
    assert study.refit().after.id == 2


def test_no_space_for_a_new_study(tmp_path, slides, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("prospector_core.study.create.Database.create", no_space)
        with pytest.raises(StorageFullError, match="the disk is full"):
            create(tmp_path, slides)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["labels.csv", "slides"]
    create(tmp_path, slides)


def test_a_disk_that_is_really_full(tmp_path, small_disk):
    disk, fill = small_disk
    made = make_study(tmp_path, fit={})
    made.curation.rename(0, "before")
    made.database.close()
    study_path = Path(shutil.copytree(made.path, disk / "study"))
    study = Study.open(study_path)
    fill()
    calls = (
        lambda: study.curation.rename(0, "while full"),
        lambda: study.fit(concepts=K),
        study.refit,
        study.save_maps,
        study.embed,
        lambda: Study.create(disk / "new", slides=tmp_path / "slides", labels=tmp_path / "labels.csv"),
    )
    study.store.remove(study.data[0].uid)  # something to embed; what it gives back is filled too
    fill()
    full = 0
    for call in calls:
        try:
            call()
        except StorageFullError as error:
            assert "the disk is full" in str(error)
            full += 1
    assert full >= 4
    assert sorted(each.name for each in disk.iterdir()) == ["filler", "study"]
    (disk / "filler").unlink()
    again = Study.open(study_path)
    assert [entry.action for entry in again.curation.history()][:2] == ["fit", "rename"]
    assert again.curation.state.names[0] in ("before", "while full")
    again.curation.rename(0, "after")
    assert again.refit().after.id >= 2
    assert again.concept_name(0) == "after"


# ---- kill -9


@pytest.mark.slow
@pytest.mark.parametrize("where", ["half a head", "before the commit"])
def test_killed_in_the_middle_of_a_fit(study, where):
    study.curation.exclude(2)
    study.database.close()
    script = f"""
        import os, signal
        from prospector_core import Study
        from prospector_core.study import fits, fitting
        def die(*_, **__):
            os.kill(os.getpid(), signal.SIGKILL)
        where = {where!r}
        if where == "half a head":
            fits.json.dumps = die
        else:
            save = fits.Fit.save
            fits.Fit.save = lambda self, folder: (save(self, folder), die())
        opened = Study.open({str(study.path)!r})
        opened.refit()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=HERE.parents[1], capture_output=True, text=True
    )
    assert done.returncode == -9, done.stderr
    opened = Study.open(study.path)
    assert opened.view.id == 1 and opened.view.n_concepts == K
    assert [entry.action for entry in opened.curation.history()] == ["fit", "exclude"]
    assert opened.curation.pending()
    after = opened.refit().after
    assert after.id == 2 and list(after.state.excluded) == [2]
    assert np.array_equal(Study.open(study.path).view.coef, after.coef)


def test_a_save_that_fails_changes_nothing(study, monkeypatch):
    def fails(*_):
        raise RuntimeError("no")

    study.curation.exclude(2)
    monkeypatch.setattr("prospector_core.study.fits.Fit.save", fails)
    for call in (study.refit, lambda: study.fit(concepts=3)):
        with pytest.raises(RuntimeError):
            call()
        assert study.view.id == 1
        assert [entry.action for entry in study.curation.history()] == ["fit", "exclude"]
    assert sqlite3.connect(study.path / "study.sqlite").execute("PRAGMA integrity_check").fetchone() == (
        "ok",
    )


def test_the_limit_of_colours_is_of_few_data_where_they_are_large(tmp_path, monkeypatch):
    from prospector_core.colour_limits import map_limit
    from prospector_core.study import maps as module

    study = make_study(tmp_path, fit={})
    everything = [np.abs(study.prospect(datum)) for datum in study.data]
    assert study.score_limit() == map_limit(everything)
    monkeypatch.setattr(module, "_LIMIT_TOKENS", 2 * study.n_tokens(study.data[0]))
    again = Study.open(study.path)
    some = some_spread(again, again.embedded())
    assert 2 <= len(some) <= 3 and {datum.label for datum in some} == {0, 1}
    limit = again.score_limit()
    assert limit == map_limit([again.prospect(datum) for datum in some])
    made = [again.memory.get(("map", again.view.key, d.uid, again.stamp(d))) for d in again.data]
    assert sum(scores is not None for scores in made) == len(some)  # no other map was made
    assert some_spread(study, []) == []
