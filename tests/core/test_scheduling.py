"""The same bytes wherever the work is done, and nothing lost with a worker."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from study_files import make_study, write_labels, write_slides

from prospector_core import Study
from prospector_core.errors import BadInputError, FitError, StudyError
from prospector_core.scheduling import InProcess, scheduler

pytest.importorskip("distributed", reason="needs dask: pip install 'prospector-heads[cluster]'")

SLIDES = 6


def fresh(folder, side=24 * 8):
    names = [f"s{index}.png" for index in range(SLIDES)]
    write_slides(folder / "slides", names, side)
    (folder / "slides" / "s5.png").write_bytes((folder / "slides" / "s5.png").read_bytes()[:200])  # cut short later on
    write_slides(folder / "whole", names[5:], side)
    table = write_labels(
        folder / "labels.csv", [(name, "ab"[index % 2]) for index, name in enumerate(names)], ("slide", "label")
    )
    (folder / "slides" / "s5.png").write_bytes((folder / "whole" / "s5.png").read_bytes())
    study = Study.create(folder / "study", slides=folder / "slides", labels=table, encoder="colour-texture", tile=8)
    (folder / "slides" / "s5.png").write_bytes((folder / "slides" / "s5.png").read_bytes()[:200])
    return study


def bytes_of(folder):
    """Every file under a folder that holds results, by its relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def cluster():
    with scheduler(workers=2) as on:
        yield on


def fails(item):
    if item == 1:
        raise FitError("one is no number of mine")
    if item == 2:
        raise ZeroDivisionError("nought")
    return item


def test_two_workers_and_this_process_embed_the_same_bytes(tmp_path, cluster):
    here, there = fresh(tmp_path / "here"), fresh(tmp_path / "there")
    assert cluster.n_workers == 2
    told, victims = [], list(cluster._client.run(os.getpid).values())

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
    there.slide_path(there.data[5]).write_bytes((tmp_path / "there" / "whole" / "s5.png").read_bytes())
    again = there.store.uids()
    assert there.embed(on=cluster) == {} and set(there.store.uids()) - set(again) == {there.data[5].uid}


def test_fits_and_maps_are_the_same_bytes(tmp_path, cluster):
    study = make_study(tmp_path)
    for settings in ({"concepts": 4, "radius": 2}, {"concepts": 5, "sample": 200, "quantizer": "streamed k-means"}):
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
        with pytest.raises(FitError, match="one is no number"):
            found[1].get()
    (done,) = cluster.run(fails, [2])
    with pytest.raises(StudyError, match="unexpectedly .ZeroDivisionError: nought"):
        done.get()


def test_what_cannot_be_asked_for(monkeypatch):
    monkeypatch.setattr("prospector_core.scheduling._PATIENCE", "1s")
    for options, words in (({"workers": 0}, "0 workers"), ({"workers": 2, "cluster": "tcp://x:1"}, "not both")):
        with pytest.raises(BadInputError, match=words), scheduler(**options):
            pass
    with pytest.raises(StudyError, match="no dask scheduler answers"), scheduler(cluster="tcp://127.0.0.1:9"):
        pass
