"""The queue of embedding jobs: what any process may ask, and what is left when one dies."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prospector_core import Study, worker
from prospector_core.errors import EmbeddingError, StudyError
from prospector_core.study.embed import work_on_queue
from prospector_core.study.queue import Job, Rate, seconds_left
from tests.support.study_files import MeanColour, write_labels

NAMES = ("a.png", "b.png", "c.png")


def make(folder, tile):
    random = np.random.default_rng(0)
    (folder / "slides").mkdir()
    for name in NAMES:
        Image.fromarray(random.integers(60, 200, (152, 152, 3), np.uint8)).save(folder / "slides" / name)
    table = write_labels(folder / "labels.csv", [(name, index % 2) for index, name in enumerate(NAMES)])
    options = {"encoder": "colour-texture", "tile": tile, "min_tissue": 0.0}
    return Study.create(folder / "study", slides=folder / "slides", labels=table, **options)


@pytest.fixture
def study(tmp_path):
    return make(tmp_path, 8)


def states(study):
    return {study.datum(job.uid).name: job.state for job in study.queue.jobs()}


def uid(study, name):
    return study.datum(name).uid


def during(study, name, done, action):
    """A progress function that acts once, when a datum is so far; ``order`` is in which data were begun."""

    def progress(datum, n, total):
        if datum.name not in progress.order:
            progress.order.append(datum.name)
        if datum.name == name and n >= done and not progress.acted:
            progress.acted = True
            action()

    progress.order, progress.acted = [], False
    return progress


def test_pause_one_and_go_on(study):
    other = Study.open(study.path)  # as another process has it
    pause = during(study, "a.png", 300, lambda: other.queue.pause([uid(study, "a.png")]))
    assert study.embed(progress=pause, encoder=MeanColour()) == {}
    assert states(study) == {"a.png": "paused", "b.png": "done", "c.png": "done"}
    job = study.queue.jobs()[0]
    assert 256 <= job.done < job.total == 361 and job.done == study.store.progress(job.uid)[0]
    assert (
        not study.queue.at_work()
        and work_on_queue(study, encoder=MeanColour()) == {}
        and not study.is_embedded("a.png")
    )
    other.queue.go_on()
    begun = []
    assert work_on_queue(study, progress=lambda datum, n, total: begun.append(n), encoder=MeanColour()) == {}
    assert begun[0] == job.done and study.is_embedded("a.png") and set(states(study).values()) == {"done"}


def test_pause_all(study):
    pause = during(study, "a.png", 300, study.queue.pause)
    study.embed(progress=pause, encoder=MeanColour())
    assert states(study) == dict.fromkeys(NAMES, "paused") and pause.order == ["a.png"]


def test_cancel_removes_what_is_half_made_and_nothing_else(study):
    study.embed(data=["b.png"], encoder=MeanColour())
    cancel = during(study, "a.png", 300, lambda: [study.queue.cancel(uid(study, name)) for name in NAMES])
    study.embed(progress=cancel, encoder=MeanColour())
    assert states(study) == {"b.png": "done"} and study.is_embedded("b.png") and cancel.order == ["a.png"]
    assert study.store.progress(uid(study, "a.png")) == (0, 0)
    study.queue.add([uid(study, "c.png")])
    assert (
        work_on_queue(study, encoder=MeanColour()) == {}
        and study.is_embedded("c.png")
        and not study.is_embedded("a.png")
    )


def test_the_next_one_is_chosen_while_another_is_embedded(study):
    first = during(study, "a.png", 300, lambda: study.queue.first(uid(study, "c.png")))
    study.embed(progress=first, encoder=MeanColour())
    assert first.order == ["a.png", "c.png", "b.png"]


def test_added_while_another_is_embedded(study):
    add = during(study, "b.png", 300, lambda: study.queue.add([uid(study, "a.png"), uid(study, "b.png")]))
    study.embed(data=["b.png"], progress=add, encoder=MeanColour())
    assert add.order == ["b.png", "a.png"] and states(study) == {"a.png": "done", "b.png": "done"}


def test_ctrl_c_leaves_nothing_waiting(study):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.embed(progress=during(study, "a.png", 300, interrupt), encoder=MeanColour())
    assert states(study) == dict.fromkeys(NAMES, "paused") and not study.queue.at_work()
    asked = iter([False] * 3)
    study.embed(stop=lambda: next(asked, True), encoder=MeanColour())
    assert states(study) == dict.fromkeys(NAMES, "paused")


def test_an_encoder_that_cannot_be_had_says_so_and_nothing_waits(study):
    with study.database.transaction() as connection:
        wrong = json.dumps({**study.embedding, "encoder": "no-such-encoder"})
        connection.execute("UPDATE meta SET value = ? WHERE key = 'embedding'", (wrong,))
    study = Study.open(study.path)
    with pytest.raises(EmbeddingError):
        study.embed()
    state, message, _ = study.queue.worker()
    assert state == "failed" and "no-such-encoder" in message and set(states(study).values()) == {"paused"}


def test_a_mistake_of_an_encoder_is_a_failure_with_its_reason(study):
    class Wrong(MeanColour):
        def encode(self, tiles):
            raise ZeroDivisionError("by zero")

    with pytest.raises(ZeroDivisionError):
        study.embed(encoder=Wrong())
    assert states(study) == {"a.png": "failed", "b.png": "paused", "c.png": "paused"}
    assert (
        "ZeroDivisionError: by zero" in study.queue.jobs()[0].message and study.queue.worker()[0] == "failed"
    )


def test_one_process_at_a_time(study):
    seen = []

    def another():
        seen.append(study.queue.at_work())
        seen.append(study.queue.starting())
        with pytest.raises(StudyError, match="another program"):
            Study.open(study.path).embed(data=["c.png"])

    study.embed(data=["a.png"], progress=during(study, "a.png", 300, another), encoder=MeanColour())
    assert seen == [True, False] and not study.queue.at_work()
    assert study.queue.starting() and study.queue.at_work() and not study.queue.starting()


SCRIPT = """
import sys, time
from prospector_core import Study
from tests.support.study_files import MeanColour
study = Study.open(sys.argv[1])
study.embed(progress=lambda datum, done, total: time.sleep(0.05), encoder=MeanColour())
"""


def spawn(study, script=SCRIPT):
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    return subprocess.Popen([sys.executable, "-c", script, str(study.path)], env=environment)


def wait_for(condition, process=None):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline and (process is None or process.poll() is None)
        time.sleep(0.02)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_it_is_interrupted_and_goes_on(study):
    process = spawn(study)
    wait_for(lambda: study.store.progress(uid(study, "a.png"))[0] >= 256, process)
    assert states(study)["a.png"] == "running" and study.queue.at_work()
    process.kill()
    process.wait()
    assert states(study) == {"a.png": "interrupted", "b.png": "waiting", "c.png": "waiting"}
    assert not study.queue.at_work()
    study.queue.cancel(uid(study, "b.png"))  # nobody is there to ask: done at once
    study.queue.pause([uid(study, "c.png")])
    assert states(study) == {"a.png": "interrupted", "c.png": "paused"}
    done, _ = study.store.progress(uid(study, "a.png"))
    study.queue.go_on()
    begun = []
    assert work_on_queue(study, progress=lambda datum, n, total: begun.append(n), encoder=MeanColour()) == {}
    assert begun[0] == done and states(study) == {"a.png": "done", "c.png": "done"}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_what_a_dead_process_was_asked_is_settled_by_the_next(study):
    process = spawn(study)
    wait_for(lambda: study.store.progress(uid(study, "a.png"))[0] >= 256, process)
    os.kill(process.pid, signal.SIGSTOP)  # alive, but deaf
    study.queue.cancel(uid(study, "a.png"))
    process.kill()
    process.wait()
    study.embed(data=["b.png"], encoder=MeanColour())
    assert states(study) == {"b.png": "done", "c.png": "paused"}  # c was not asked for
    assert study.store.progress(uid(study, "a.png")) == (0, 0)


def test_the_background_process_embeds_what_is_queued_and_fits(tmp_path):
    study = make(tmp_path, 24)
    study.queue.add([uid(study, "b.png"), uid(study, "c.png")])
    worker.start(study.path)
    worker.start(study.path)  # a second click
    assert study.queue.at_work()
    wait_for(lambda: not study.queue.at_work())
    assert states(study) == {"b.png": "done", "c.png": "done"}
    assert study.queue.worker()[0] == "ended" and study.view is not None
    assert (study.path / "worker.log").read_text() == ""


def test_a_fit_that_cannot_be_made_is_said(tmp_path):
    study = make(tmp_path, 24)
    study.queue.add([uid(study, "a.png")])
    assert worker.main(study.path) == 0
    state, message, _ = study.queue.worker()
    assert state == "not fitted" and "both classes" in message


def test_a_study_of_before_the_queue(study):
    study.embed(data=["a.png"], encoder=MeanColour())
    study.database.close()
    with sqlite3.connect(study.path / "study.sqlite") as connection:
        for name in ("place", "request", "rate"):
            connection.execute(f"ALTER TABLE jobs DROP COLUMN {name}")
    connection.close()
    study = Study.open(study.path)
    assert (
        states(study) == {"a.png": "done"}
        and study.embed(encoder=MeanColour()) == {}
        and len(study.queue.jobs()) == 3
    )


def test_the_rate_is_of_late_and_says_nothing_at_the_start():
    now = [0.0]
    rate = Rate(window=60, least=4, clock=lambda: now[0])
    assert rate.add(5000) == 0  # of an earlier run
    now[0] = 1
    assert rate.add(5100) == 0
    now[0] = 10
    assert rate.add(6000) == pytest.approx(100)
    for second in range(11, 200):  # slower now
        now[0] = second
        slow = rate.add(6000 + 10 * (second - 10))
    assert slow == pytest.approx(10, rel=0.05)


def test_the_time_left_is_of_all_that_waits():
    running, waiting = Job("a", "running", 100, 300, "", 10.0, ""), Job("b", "waiting", 0, 0, "", 0.0, "")
    assert running.seconds_left == 20 and waiting.seconds_left is None
    assert seconds_left([running, waiting]) == 50
    assert seconds_left([waiting]) is None
    assert (
        seconds_left(
            [running, Job("c", "paused", 0, 900, "", 0.0, ""), Job("d", "done", 90, 90, "", 0.0, "")]
        )
        == 20
    )


def test_the_command_line_obeys(tmp_path, capsys):
    from prospector_core.cli import main

    study = make(tmp_path, 24)
    study.queue.add([uid(study, "c.png"), uid(study, "b.png")])
    study.queue.pause()
    main(["embed", str(study.path), "b.png", "--json"])
    assert json.loads(capsys.readouterr().out)["embedded"] == 1
    assert states(study) == {"b.png": "done", "c.png": "paused"}
    main(["embed", str(study.path), "--json"])
    out = json.loads(capsys.readouterr().out)
    assert out["embedded"] == 3 and out["new"] == 2 and out["paused"] == []
