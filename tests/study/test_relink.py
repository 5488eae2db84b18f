"""Files that moved are found again by what is in them.

Until then, and where another took their place, they are not read.
"""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from PIL import Image

from prospector_core.errors import BadInputError, ProspectorError, SlideError
from prospector_core.exporters import export
from prospector_core.store.fingerprints import fingerprint, size_of
from prospector_core.study import Study
from prospector_core.study.embed import embedder_of
from prospector_core.study.relink import relink
from tests.support.study_files import make_study


@pytest.fixture
def study(tmp_path):
    """A study with edits, its slides in ``slides``."""
    return edited(make_study(tmp_path, fit={}))


def edited(study):
    study.curation.rename(0, "ink")
    study.curation.exclude(1)
    study.refit()
    study.save_maps()
    return study


def results(done):
    return {link.source.name: link.result for link in done.links}


def content(study):
    """Bytes of all that edits and fits are."""
    files = {
        file: file.read_bytes()
        for folder in ("fits", "embeddings.zarr")
        for file in (study.path / folder).rglob("*")
        if file.is_file()
    }
    return (
        files,
        study.database.read("SELECT * FROM journal"),
        study.database.read("SELECT * FROM fits"),
        study.database.read("SELECT * FROM data"),
    )


def move(tmp_path, name="archive/2026"):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    return (tmp_path / "slides").rename(tmp_path / name)


def test_slides_that_moved_are_found_in_a_folder_below(tmp_path, study):
    before = content(study)
    move(tmp_path)
    with pytest.raises(SlideError, match=r"s0.png is no longer at .*prospector relink .*study FOLDER"):
        study.open_source(study.data[0])
    done = relink(study, [tmp_path / "archive"])
    assert str(done) == "8 of 8 found" and done.written
    with study.open_source(study.data[0]) as slide:
        assert slide.width == 72
    assert content(study) == before
    assert study.sources[study.data[0].source].path == (tmp_path / "archive" / "2026" / "s0.png").resolve()
    assert Study.open(study.path).at_hand("s0.png")


def test_study_and_slides_still_move_together_after_it(tmp_path, study):
    move(tmp_path)
    relink(study, [tmp_path])
    study.database.close()
    (tmp_path / "both").mkdir()
    for name in ("study", "archive"):
        (tmp_path / name).rename(tmp_path / "both" / name)
    assert Study.open(tmp_path / "both" / "study").at_hand("s3.png")


def test_a_renamed_slide_is_known_by_its_content(tmp_path, study):
    there = move(tmp_path)
    (there / "s0.png").rename(there / "0817.png")
    (there / "s1.png").rename(there / "s2 (old).png")
    done = relink(study, [there])
    assert str(done) == "8 of 8 found"
    assert {link.source.name: link.path.name for link in done.links if link.how.startswith("content")} == {
        "s0.png": "0817.png",
        "s1.png": "s2 (old).png",
    }
    assert [d.name for d in study.data][:2] == ["s0.png", "s1.png"]


def test_names_that_were_exchanged_do_not_exchange_the_slides(tmp_path, study):
    there = move(tmp_path)
    for old, new in (("s0.png", "x.png"), ("s1.png", "s0.png"), ("x.png", "s1.png")):
        (there / old).rename(there / new)
    relink(study, [there])
    assert {name: study.source_path(name).name for name in ("s0.png", "s1.png")} == {
        "s0.png": "s1.png",
        "s1.png": "s0.png",
    }


def test_what_is_not_found_is_named_and_the_rest_is_linked(tmp_path, study):
    there = move(tmp_path)
    (there / "s7.png").unlink()
    Image.new("RGB", (72, 72), (1, 2, 3)).save(there / "s6.png")  # another slide of that name
    done = relink(study, [there])
    assert str(done) == "6 of 8 found"
    assert {name: result for name, result in results(done).items() if result != "found"} == {
        "s6.png": "other",
        "s7.png": "missing",
    }
    (near,) = (link.near for link in done.links if link.result == "missing")
    assert "s6.png" in near
    assert not study.at_hand("s6.png") and study.at_hand("s5.png")
    again = relink(study, [there], anyway=True)
    assert str(again) == "7 of 8 found (6 where they were)" and study.at_hand("s6.png")
    assert study.source_path("s6.png") == (there / "s6.png").resolve()


def test_looking_only_writes_nothing(tmp_path, study):
    there, before = move(tmp_path), study.database.read("SELECT * FROM sources")
    done = relink(study, [there], dry_run=True)
    assert str(done) == "8 of 8 found" and not done.written
    assert study.database.read("SELECT * FROM sources") == before and not study.at_hand("s0.png")


def test_all_or_nothing_is_written(tmp_path, study, monkeypatch):
    there, before = move(tmp_path), study.database.read("SELECT * FROM sources")
    assert len(study.sources) == 8
    monkeypatch.setattr("prospector_core.study.sources._FRESH", float("inf"))
    monkeypatch.setattr(
        study.database, "read_meta", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )  # at the last step
    with pytest.raises(KeyboardInterrupt):
        relink(study, [there])
    monkeypatch.undo()
    study.database.close()
    assert study.database.read("SELECT * FROM sources") == before


def test_several_folders_links_and_circles(tmp_path, study):
    there = move(tmp_path)
    one, two, far = tmp_path / "one", tmp_path / "two", tmp_path / "far"
    for folder in (one, two, far):
        folder.mkdir()
    for number in range(4):
        (there / f"s{number}.png").rename(one / f"s{number}.png")
    for number in range(4, 8):
        (there / f"s{number}.png").rename(far / f"blob{number}")
        (two / f"s{number}.png").symlink_to(far / f"blob{number}")
    (two / "round").symlink_to(two)
    done = relink(study, [one, two, one])
    assert str(done) == "8 of 8 found" and study.source_path("s4.png") == (far / "blob4").resolve()


def test_a_study_of_before_keeps_a_fingerprint_when_a_file_is_first_seen(tmp_path, study):
    forget(study)
    study = Study.open(study.path)
    assert study.at_hand("s0.png")
    kept = {
        name: json.loads(info).get("fingerprint")
        for name, info in study.database.read("SELECT name, info FROM sources")
    }
    assert kept["s0.png"] == fingerprint(tmp_path / "slides" / "s0.png") and kept["s1.png"] is None


def test_of_a_study_of_before_files_are_known_by_name_and_size_and_it_is_said(tmp_path, study):
    forget(study)
    there = move(tmp_path)
    Image.new("RGB", (30, 30)).save(there / "s6.png")  # of another size
    (there / "below").mkdir()
    Image.new("RGB", (72, 72), (9, 9, 9)).save(there / "below" / "s7.png")  # of that size and name, too
    study = Study.open(study.path)
    done = relink(study, [there])
    assert [results(done)[name] for name in ("s0.png", "s6.png", "s7.png")] == ["found", "other", "several"]
    assert {link.how for link in done.of("found")} == {
        "name and size of the picture: the study kept no fingerprint"
    }


def test_a_slide_that_was_replaced_at_its_place_is_never_read_as_if_it_were_it(tmp_path, study):
    Image.new("RGB", (72, 72), (1, 2, 3)).save(tmp_path / "slides" / "s0.png")
    with pytest.raises(SlideError, match=r"another file is at .*s0.png now, in place of the slide s0.png"):
        study.open_source(study.data[0])
    assert not study.at_hand("s0.png") and study.at_hand("s1.png")
    with pytest.raises(SlideError, match="another file is at"):
        embedder_of(study).embed(study.data[0], lambda *_: None, lambda: False)


def test_a_link_made_by_another_program_is_seen(tmp_path, study, monkeypatch):
    monkeypatch.setattr("prospector_core.study.sources._FRESH", 0.0)
    there = move(tmp_path)
    assert not study.at_hand("s0.png")
    relink(Study.open(study.path), [there])
    assert study.at_hand("s0.png")


def test_without_its_slides_a_study_works_all_the_same(tmp_path, study):
    maps = [study.prospect(datum).tobytes() for datum in study.data]
    shutil.rmtree(tmp_path / "slides")
    opened = Study.open(study.path)
    assert [opened.prospect(datum).tobytes() for datum in opened.data] == maps
    opened.curation.rename(2, "fold")
    assert opened.refit().after.id == 3 and len(opened.atlas(60)) == 60 and opened.explain("s1.png", 0)
    for format in ("geojson", "ome-tiff", "csv", "parquet"):
        assert len(export(opened, format, tmp_path / "out" / format)) == 8


def test_a_folder_that_is_not_there_is_said(tmp_path, study):
    with pytest.raises(BadInputError, match=r"there is no folder .*nowhere"):
        relink(study, [tmp_path / "nowhere"])


def forget(study):
    """As if made before there were fingerprints."""
    study.database.close()
    with closing(sqlite3.connect(study.path / "study.sqlite")) as connection:
        connection.execute("UPDATE sources SET info = json_remove(info, '$.fingerprint')")
        connection.commit()


# ---- other kinds


def test_files_of_every_kind_have_fingerprints_and_are_found(tmp_path):
    from tests.support.text_studies import make_text_study

    study = make_text_study(tmp_path)
    (tmp_path / "docs.jsonl").rename(tmp_path / "notes.jsonl")
    with pytest.raises(ProspectorError, match=r"the file docs.jsonl is no longer at .*relink"):
        embedder_of(study).embed(study.data[0], lambda *_: None, lambda: False)
    assert str(relink(study, [tmp_path])) == "1 of 1 found" and study.at_hand(study.data[0])


def test_a_fingerprint_tells_files_apart_wherever_they_differ(tmp_path):
    big = tmp_path / "big.bin"
    data = bytearray(hashlib.sha256(b"seed").digest() * 2**15)  # a megabyte
    big.write_bytes(data)
    first = fingerprint(big)
    assert size_of(big) == first["size"] == len(data)
    for at in (0, 40, len(data) - 1):
        changed = bytearray(data)
        changed[at] ^= 1
        big.write_bytes(changed)
        assert fingerprint(big) != first
    big.write_bytes(data[:-1])
    assert fingerprint(big) != first
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"1")
    (tmp_path / "a" / "y").write_bytes(b"2")
    folder = fingerprint(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    assert fingerprint(tmp_path / "b") == folder
    (tmp_path / "b" / "y").write_bytes(b"3")
    assert fingerprint(tmp_path / "b") != folder


def test_the_folder_beside_a_mirax_slide_is_part_of_it(tmp_path):
    (tmp_path / "s.mrxs").write_bytes(b"slide")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "Data0000.dat").write_bytes(b"one")
    first = fingerprint(tmp_path / "s.mrxs")
    (tmp_path / "s" / "Data0000.dat").write_bytes(b"two")
    assert fingerprint(tmp_path / "s.mrxs") != first
