"""kill -9 at any moment: what a call returned for is kept, and nothing is left half written."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from study_files import make_study

from prospector_core import Study
from prospector_core.study.derived import DerivedArrays

HERE = Path(__file__).parent
KILLS = 100

# One process imports all once and forks; each fork edits and refits, says what was done when the call has returned, and
# is killed after a random time.
PROGRAM = """
import os, random, signal, sys, time
from prospector_core import Study
from prospector_core.errors import CurationError

path, kills = sys.argv[1], int(sys.argv[2])
chance = random.Random(7)


def edit(turn, ready):
    study = Study.open(path)
    c = study.curation
    steps = [
        lambda: c.pin(0, float(turn)), lambda: c.pin((0, 3), float(turn), note="why"),
        lambda: c.rename(turn % 5, f"name {turn}"), c.undo, c.redo, lambda: c.annotate("s0.png", [turn % 40], "for"),
        lambda: c.reassign("s1.png", [turn % 40], turn % 5), c.undo,
    ]
    if turn % 8 == 0:
        steps = [study.refit, steps[turn // 8 % len(steps)]]
        # now the compiled loops are loaded: the kill hits what is written, not this
        os.write(1, f"fit {study.refit().after.id}\\n".encode())
    os.write(ready, b".")
    for step in steps[turn % len(steps):] + steps * 100:
        try:
            done = step()
        except CurationError:  # nothing to undo or redo
            continue
        except Exception as error:
            os.write(1, f"error {error!r}\\n".encode())
            os._exit(1)
        what = f"fit {done.after.id}" if step == study.refit else f"entry {c.seen}"
        os.write(1, f"{what}\\n".encode())


for turn in range(kills):
    opened, ready = os.pipe()
    child = os.fork()
    if not child:
        edit(turn, ready)
    os.close(ready)
    os.read(opened, 1)
    os.close(opened)
    time.sleep(chance.uniform(0, 0.08))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.write(1, b"killed\\n")
    sys.stdin.readline()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_hundred_kills_lose_nothing_that_was_said(tmp_path):
    study = make_study(tmp_path, fit={})
    study.refit()
    path = study.path
    study.database.close()
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), str(KILLS)], cwd=HERE.parents[1], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )  # fmt: skip
    said, fits, looked_at, whole = [], [], set(), 0
    for turn in range(KILLS):
        while (line := program.stdout.readline().split()) != ["killed"]:
            assert line and line[0] in ("entry", "fit"), line
            (said if line[0] == "entry" else fits).append(int(line[1]))
        connection = sqlite3.connect(path / "study.sqlite")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), turn
        connection.close()
        again = Study.open(path)
        entries = again.curation.history()
        assert [entry.id for entry in entries] == list(range(1, len(entries) + 1)), turn
        assert set(said) <= {entry.id for entry in entries}, turn
        kept = [id for id, *_ in again.fits()]
        assert set(fits) <= set(kept), turn
        digests = dict(again.database.read("SELECT id, digest FROM fits"))
        for id in set(kept) - looked_at:
            assert again.load_fit(id).digest() == digests[id], turn
            looked_at.add(id)
        arrays = [file for file in path.glob("derived/*/*.npy") if not file.name.startswith(".")]
        for file in arrays:
            if file not in looked_at:
                assert DerivedArrays(file.parent)._load(file) is not None, file
                looked_at.add(file)
                whole += 1
        again.database.close()
        program.stdin.write("\n")
        program.stdin.flush()
    assert program.wait() == 0
    program.stdin.close()
    program.stdout.close()
    assert len(said) == len(set(said)) > 10 and fits and whole, (said, fits)  # killed while it did all of this
    again = Study.open(path)
    again.curation.pin(0, 1.0)
    assert again.refit().after.journal == again.curation.seen
