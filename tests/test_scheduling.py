"""The same bytes wherever the work is done, and nothing lost with a worker."""

import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import faults
from prospector_core import Study
from prospector_core.errors import BadInputError, FitError, SlideError, StudyError
from prospector_core.evaluation.choose import auto_candidates
from prospector_core.evaluation.studies import choose_for, problem_of
from prospector_core.exporters import export
from prospector_core.scheduling import InProcess, parse_memory, scheduler
from prospector_core.study import worker_context
from prospector_core.study.chance import masked_study, study_null
from prospector_core.study.rebuild import rebuild_fits
from tests.support.study_files import make_study, write_labels, write_slides

pytest.importorskip("distributed", reason="needs dask: pip install 'prospector-heads[cluster]'")

SLIDES = 6


def fresh(folder, side=24 * 8):
    names = [f"s{index}.png" for index in range(SLIDES)]
    write_slides(folder / "slides", names, side)
    (folder / "slides" / "s5.png").write_bytes(
        (folder / "slides" / "s5.png").read_bytes()[:200]
    )  # cut short later on
    write_slides(folder / "whole", names[5:], side)
    table = write_labels(
        folder / "labels.csv",
        [(name, "ab"[index % 2]) for index, name in enumerate(names)],
        ("slide", "label"),
    )
    (folder / "slides" / "s5.png").write_bytes((folder / "whole" / "s5.png").read_bytes())
    study = Study.create(
        folder / "study",
        slides=folder / "slides",
        labels=table,
        encoder="colour-texture",
        tile=8,
        secret=b"same",
    )
    (folder / "slides" / "s5.png").write_bytes((folder / "slides" / "s5.png").read_bytes()[:200])
    return study


def bytes_of(folder):
    """Every file under a folder that holds results, by its relative path."""
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()
    }


@pytest.fixture(scope="module")
def cluster():
    with scheduler(workers=2) as on:
        yield on


def fails(item):
    if item == 1:
        raise FitError("one is not a number of mine")
    if item == 2:
        raise ZeroDivisionError("nought")
    return item


def test_two_workers_and_this_process_embed_the_same_bytes(tmp_path, cluster):
    here, there = fresh(tmp_path / "here"), fresh(tmp_path / "there")
    assert cluster.n_workers == 2
    told, victims = [], list(cluster.client.run(os.getpid).values())

    def progress(datum, done, total):
        told.append((datum.name, done, total))
        if victims:  # one worker dies while it embeds; its datum is taken up by another
            os.kill(victims.pop(), signal.SIGKILL)
            victims.clear()

    failed_here, failed_there = here.embed(), there.embed(on=cluster, progress=progress)
    assert told and not victims
    assert bytes_of(here.store.path) == bytes_of(there.store.path) and len(here.embedded()) == SLIDES - 1
    (one,), (other,) = failed_here.values(), failed_there.values()
    assert one.replace("/here/", "/there/") == other and "s5.png" in one
    assert {job.state for job in there.queue.jobs()} == {"done", "failed"}
    there.source_path(there.data[5]).write_bytes((tmp_path / "there" / "whole" / "s5.png").read_bytes())
    again = there.store.uids()
    assert there.embed(on=cluster) == {} and set(there.store.uids()) - set(again) == {there.data[5].uid}


def test_a_datum_can_be_paused_while_a_worker_embeds_it(tmp_path, cluster):
    study = fresh(tmp_path, 24 * 14)
    asked = []

    def pause(datum, done, total):
        if not asked:
            asked.append(datum.uid)
            study.queue.pause([datum.uid])

    study.embed(data=study.data[:2], on=cluster, progress=pause)
    states = {job.uid: job.state for job in study.queue.jobs()}
    assert states.pop(asked[0]) == "paused" and set(states.values()) == {"done"}
    assert not list(study.path.glob(".stop-*")) and not list(study.path.glob(".workers-*"))
    assert study.embed(data=study.data[:2], on=cluster) == {} and study.is_embedded(asked[0])


def test_workers_leave_the_database_alone(tmp_path, cluster):
    """Sqlite's own files cannot be shared between machines: what workers read is a copy."""
    study = make_study(tmp_path, fit={"radius": 1})
    with worker_context.place_of(study, cluster) as place:
        opened = [done.get() for done in cluster.run(_database_of, [0, 1], place)]
        assert set(opened) == {str(study.path / place.database)} and "study.sqlite" not in place.database
        with pytest.raises(StudyError, match="open for looking only"):
            next(cluster.run(_writes, [0], place)).get()
    assert not list(study.path.glob(".workers-*"))


def _database_of(place, number):
    return str(worker_context.study_at(place).database.path)


def _writes(place, number):
    worker_context.study_at(place).database.write_meta("name", "other")


def test_making_a_study_looks_at_files_anywhere(tmp_path, cluster):
    names = [f"s{index}.png" for index in range(4)]
    write_slides(tmp_path / "slides", names, 64)
    table = write_labels(
        tmp_path / "labels.csv", [(n, "ab"[i % 2]) for i, n in enumerate(names)], ("slide", "label")
    )
    make = partial(
        Study.create,
        slides=tmp_path / "slides",
        labels=table,
        encoder="colour-texture",
        slide_mpp=0.5,
        secret=b"same",
    )
    here, there = make(tmp_path / "here"), make(tmp_path / "there", on=cluster)
    said = [[(s.uid, s.name, s.info) for s in study.sources.values()] for study in (here, there)]
    assert said[0] == said[1] and said[0][0][2]["mpp"] == 0.5
    for name in names[1:3]:
        (tmp_path / "slides" / name).write_bytes(b"nothing")
    with pytest.raises(SlideError, match=r"s1\.png .*2 of 4 cannot be used: also s2\.png"):
        make(tmp_path / "third", on=cluster)
    assert not (tmp_path / "third").exists()


def test_all_that_is_made_of_a_study_is_the_same(tmp_path, cluster):
    """Settings by labels, refits under edits, fits made again, exported files, the null.

    Here and on workers.
    """
    study = make_study(tmp_path, labels=(1, 0) * 6, fit={"radius": 1})
    candidates = auto_candidates(problem_of(study, None))[:3]
    one, other = (choose_for(study, candidates, on=on) for on in (None, cluster))
    assert one.scores == other.scores and one.best == other.best
    study.curation.exclude(1)
    study.curation.annotate(study.data[0], range(12), "for")
    one, other = study.refit().after, study.refit(on=cluster).after
    assert one.digest() == other.digest() and one.id != other.id
    assert {each.result for each in rebuild_fits(study, on=cluster)} == {"same"}
    assert not list(study.path.glob(".prospector-*"))
    here, there = (
        export(study, "geojson", tmp_path / name, on=on) for name, on in (("a", None), ("b", cluster))
    )
    assert list(here) == list(there) and bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    seen = masked_study(study, 0.2)[0]
    export(seen, "csv", tmp_path / "c"), export(seen, "csv", tmp_path / "d", on=cluster)
    assert bytes_of(tmp_path / "c") == bytes_of(tmp_path / "d")
    null, again = (study_null(study, 15, on=on) for on in (None, cluster))
    assert np.array_equal(null.shuffled, again.shuffled) and np.array_equal(
        null.p_values, again.p_values, equal_nan=True
    )


@pytest.mark.slow
def test_a_worker_killed_in_each_phase_changes_nothing(tmp_path, cluster):
    """Real tiles, one slide cut short, one worker killed while it embeds, samples, counts and maps."""
    try:
        here, there = (
            faults.make_mosaics(tmp_path / name, "colour-texture", images=8) for name in ("here", "there")
        )
    except BadInputError as error:
        pytest.skip(str(error))
    rows = faults.compare(here, there, faults.KilledOnce(cluster), {"concepts": 5})
    assert [(row["phase"], row["same_bytes"], row["killed"]) for row in rows] == [
        ("embed", True, 1),
        ("fit", True, 2),
        ("maps", True, 1),
    ]
    for reasons in rows[0]["failed"]:
        assert len(reasons) == 1 and "cut-short.jpg" in reasons[0]
    assert len(there.embedded()) == 8


@pytest.mark.slow
def test_a_scheduler_that_goes_leaves_what_was_finished(tmp_path, s3, monkeypatch):
    """Embeddings at an address; the scheduler and its workers are killed and started again."""
    monkeypatch.setattr("prospector_core.scheduling._PATIENCE", "2s")
    here = faults.make_vectors(tmp_path / "here", 6000, dimensions=8)
    assert here.embed() == {}
    make = partial(faults.make_vectors, tmp_path / "there", 6000, 8, tmp_path / "here", f"{s3}/faults")
    lost, again = faults.restart(make, faults.embeddings_digest(here))
    assert lost["said"] == "went on" or "repeat; what was finished is kept" in lost["said"]
    assert 1 <= lost["embedded"] and lost["embedded"] + again["embedded"] == len(here.data)
    assert again["same_bytes"] and not again["failed"]


def test_fits_and_maps_are_the_same_bytes(tmp_path, cluster):
    study = make_study(tmp_path)
    for settings in (
        {"concepts": 4, "radius": 2},
        {"concepts": 5, "sample": 200, "quantizer": "streamed k-means"},
    ):
        one, other = study.fit(**settings).after, study.fit(**settings, on=cluster).after
        assert one.digest() == other.digest() and one.id != other.id
    here = {uid: path.read_bytes() for uid, path in study.save_maps().items()}
    for path in study.path.glob("fits/*/maps/*"):
        path.unlink()
    there = study.save_maps(on=cluster)
    assert {uid: path.read_bytes() for uid, path in there.items()} == here and list(there) == list(here)
    assert np.load(next(iter(there.values()))).dtype == np.float64


def test_an_item_that_fails_ends_no_other(cluster):
    for on in (InProcess(), cluster):
        found = {done.item: done for done in on.run(fails, [0, 1, 3])}
        assert found[0].get() == 0 and found[3].get() == 3
        with pytest.raises(FitError, match="one is not a number"):
            found[1].get()
    (done,) = cluster.run(fails, [2])
    with pytest.raises(StudyError, match="unexpectedly .ZeroDivisionError: nought"):
        done.get()


def test_what_cannot_be_asked_for(monkeypatch):
    monkeypatch.setattr("prospector_core.scheduling._PATIENCE", "1s")
    for options, words in (
        ({"workers": 0}, "0 workers"),
        ({"workers": 2, "cluster": "tcp://x:1"}, "not both"),
    ):
        with pytest.raises(BadInputError, match=words), scheduler(**options):
            pass
    for memory in ("much", "1kb", ""):
        with pytest.raises(BadInputError, match="memory"):
            parse_memory(memory)
    assert parse_memory("4GB") == 4 * 10**9 and parse_memory("2 GiB") == 2**31
    with pytest.raises(BadInputError, match="--memory-limit"), scheduler(cluster="tcp://x:1", memory="4GB"):
        pass
    with pytest.raises(StudyError, match="no dask scheduler answers"), scheduler(cluster="tcp://127.0.0.1:9"):
        pass
