"""kill -9 at any moment of every kind of work.

What was acknowledged is there afterwards, and nothing is damaged.

Each kind of work runs again and again in a process that says what is done and is killed after a random time;
then what it said is looked for, and all of the study is checked.
"""

import argparse
import csv
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from prospector_core.errors import BadInputError, CurationError, ProspectorError
from prospector_core.store.derived import DerivedArrays
from prospector_core.store.removal import remove_made
from prospector_core.study import FitSettings, Study
from prospector_core.study.check import check_study

__all__ = ["WORKS", "format_kills", "measure_kills"]

_SLIDES, _SIDE, _TILE = 6, 72, 8
_SETTINGS = FitSettings(concepts=4)
_LONGEST = 1.0  # seconds until the kill, at most


def _new(folder, turn):
    for number in itertools.count():
        path = folder / f"new-{turn}-{number}"
        Study.create(
            path,
            slides=folder / "slides",
            labels=folder / "labels.csv",
            encoder="colour-texture",
            tile=_TILE,
            min_tissue=0.0,
        ).database.close()
        yield path.name


def _embed(folder, turn):
    study = Study.open(folder / "study")
    for datum in itertools.cycle(study.data[turn % _SLIDES :] + study.data[: turn % _SLIDES]):
        study.embed(data=[datum], anew=True)
        yield f"{datum.uid} {study.stamp(datum)}"


def _fit(folder, turn):
    study = Study.open(folder / "study")
    for seed in itertools.count(100 * turn):
        yield f"fit {study.fit(_SETTINGS, seed=seed).after.id}"


def _refit(folder, turn):
    study = Study.open(folder / "study")
    for number in itertools.count():
        study.curation.pin(0, turn + number / 8)
        yield f"entry {study.curation.seen}"
        yield f"fit {study.refit().after.id}"


def _edit(folder, turn):
    study = Study.open(folder / "study")
    c, name = study.curation, study.data[0].name
    steps = [
        lambda: c.pin(0, float(turn)),
        lambda: c.pin((0, 3), float(turn), note="why"),
        lambda: c.rename(turn % 4, f"name {turn}"),
        c.undo,
        c.redo,
        lambda: c.annotate(name, [turn % 40], "for"),
        lambda: c.reassign(name, [turn % 40], turn % 4),
        c.undo,
    ]
    for step in itertools.cycle(steps[turn % len(steps) :] + steps[: turn % len(steps)]):
        try:
            step()
        except CurationError:  # nothing to undo or redo
            continue
        yield f"entry {c.seen}"


def _export(folder, turn):
    from prospector_core.exporters import export

    study = Study.open(folder / "study")
    for number in itertools.count():
        out = folder / f"export-{turn}-{number}"
        for path in export(study, "csv", out).values():
            yield f"{out.name}/{path.name}"


def _maps(folder, turn):
    study = Study.open(folder / "study")
    for _ in itertools.count():
        for path in study.save_maps().values():
            yield str(path.relative_to(folder))


def _replay(folder, turn):
    from prospector_core.study.rebuild import rebuild_fits

    while True:
        head = folder / "study" / "fits" / "1" / "head.json"
        head.write_bytes(b"{")
        rebuild_fits(Study.open(folder / "study"), repair=True)
        yield "repaired"


def _job(folder, turn):
    from prospector_core.worker import main

    for number in itertools.count():
        path = folder / f"job-{turn}-{number}"
        shutil.copytree(folder / "bare", path.with_suffix(".partial"))
        os.rename(path.with_suffix(".partial"), path)
        study = Study.open(path)
        study.queue.add([datum.uid for datum in study.data])
        study.database.close()
        main(path)
        yield path.name


WORKS = {
    "new": _new,
    "embed": _embed,
    "fit": _fit,
    "refit": _refit,
    "edit": _edit,
    "export": _export,
    "prospect": _maps,
    "replay": _replay,
    "job": _job,
}
"""What is killed: {name: generator function(folder, turn) that works for ever and yields what is done}."""


def measure_kills(kills=50, works=None, folder=None, seed=0, progress=None):
    """Kill each kind of work so many times: list of dicts, one a kind.

    Parameters
    ----------
    kills : of each kind of work
    works : names of ``WORKS`` (default: all)
    folder : where the studies are made (default: a temporary one); they are removed in the end
    seed : of the moments
    progress : function(done, total, text)

    Each dict has work, kills, acknowledged (how many things were said to be done), lost (those that are not
    there), faults (what a check of the study finds, or what is half written): texts. Raises BadInputError
    where processes cannot be forked.
    """
    if not hasattr(os, "fork"):
        raise BadInputError("kills need a system on which processes are forked: Linux or macOS")
    works, rows = list(works or WORKS), []
    for number, work in enumerate(works):
        with tempfile.TemporaryDirectory(dir=folder, prefix="prospector-kills-") as scratch:
            tell = lambda done, work=work, number=number: (
                progress and progress(number * kills + done, len(works) * kills, f"killing {work}")
            )
            rows.append(_killed(work, kills, Path(scratch).resolve(), seed, tell))
    return rows


def _killed(work, kills, folder, seed, tell):
    expected = _prepare(folder)
    command = [sys.executable, "-m", "benchmarks.kills", work, str(folder), str(kills), str(seed)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    found = {"work": work, "kills": kills, "acknowledged": 0, "lost": [], "faults": []}
    said, seen = [], set()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone
    ) as program:
        for turn in range(kills):
            tell(turn)
            new = []
            while (line := program.stdout.readline().strip()) != "killed":
                if not line or line.startswith("error"):
                    found["faults"].append(f"turn {turn}: {line or 'the program ended'}")
                    program.kill()
                    return found
                new.append(line)
            said += new
            found["lost"] += [f"turn {turn}: {each}" for each in _lost(work, folder, new, said, expected)]
            found["faults"] += [
                f"turn {turn}: {each}" for each in _faults(work, folder, turn, expected, seen)
            ]
            program.stdin.write("\n")
            program.stdin.flush()
    found["acknowledged"] = len(said)
    return found


def _prepare(folder):
    """A study as each kind of work needs it; what an undisturbed one holds: {"stamps", "maps", "exports"}."""
    from PIL import Image

    from prospector_core.exporters import export

    slides = folder / "slides"
    slides.mkdir()
    for number in range(_SLIDES):
        colours = (
            np.random.default_rng(number)
            .integers(60, 200, (_SIDE // _TILE, _SIDE // _TILE, 3))
            .astype(np.uint8)
        )
        Image.fromarray(colours.repeat(_TILE, axis=0).repeat(_TILE, axis=1)).save(slides / f"s{number}.png")
    with open(folder / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(
            [("slide", "label"), *((f"s{n}.png", ("normal", "tumour")[n % 2]) for n in range(_SLIDES))]
        )
    study = Study.create(
        folder / "study",
        slides=slides,
        labels=folder / "labels.csv",
        encoder="colour-texture",
        tile=_TILE,
        min_tissue=0.0,
    )
    study.database.close()
    shutil.copytree(folder / "study", folder / "bare")
    study.embed()
    study.fit(_SETTINGS)
    maps = {str(path.relative_to(folder)): path.read_bytes() for path in study.save_maps().values()}
    exports = {path.name: path.read_bytes() for path in export(study, "csv", folder / "as-it-is").values()}
    stamps = study.store.stamps()
    study.database.close()
    return {"stamps": stamps, "maps": maps, "exports": exports}


def _lost(work, folder, new, said, expected):
    """What of things that were acknowledged is not there.

    ``new`` ones of this turn, or entries and fits ever ``said``.
    """
    if work == "new":
        return [
            name
            for name in new
            if not (folder / name / "study.sqlite").exists() or check_study(folder / name)
        ]
    if work == "embed":
        stamps = Study.open(folder / "study").store.stamps()
        return [line for line in new if stamps.get(line.split()[0]) != line.split()[1]]
    if work == "export":
        return [name for name in new if (folder / name).read_bytes() != expected["exports"][Path(name).name]]
    if work == "prospect":
        return [name for name in new if (folder / name).read_bytes() != expected["maps"][name]]
    if work == "job":
        opened = [(name, Study.open(folder / name)) for name in new]
        return [
            name for name, study in opened if study.store.stamps() != expected["stamps"] or not study.fits()
        ]
    study = Study.open(folder / "study")
    there = {f"entry {entry.id}" for entry in study.curation.history()} | {
        f"fit {row[0]}" for row in study.fits()
    }
    study.database.close()
    return [] if work == "replay" else [line for line in said if line not in there]


def _faults(work, folder, turn, expected, seen):
    """What is damaged or half written after a kill; ``seen``: derived arrays that were looked at before."""
    studies = [folder / "study"] + [
        path for path in folder.glob(f"*-{turn}-*") if (path / "study.sqlite").exists()
    ]
    if work == "replay":  # a fit that was damaged on purpose may still be so: a repair puts it right
        from prospector_core.study.rebuild import rebuild_fits

        if [fault for fault in check_study(studies[0]) if fault.what != "fit"]:
            yield "more than the fit is damaged"
        if not all(each.good for each in rebuild_fits(Study.open(studies[0]), repair=True)):
            yield "the fit cannot be repaired"
    for path in studies:
        yield from (f"{path.name}: {each.what} {each.name}: {each.says}" for each in check_study(path))
    for path in folder.glob(f"export-{turn}-*/[!.]*"):
        if path.read_bytes() != expected["exports"][path.name]:
            yield f"{path.parent.name}/{path.name} is half written"
    for file in folder.glob("study/derived/*/[!.]*.npy"):
        if file not in seen and DerivedArrays(file.parent).peek(file.stem) is None:
            yield f"{file.name} is half written"
        seen.add(file)
    if work == "job":
        yield from _unfinished(studies[1:], expected)
    for path in studies[1:]:
        remove_made(path)


def _unfinished(studies, expected):
    """Whether jobs that were killed are finished by the next worker, as if nothing had been."""
    from prospector_core.worker import main

    for path in studies:
        study = Study.open(path)
        done = {uid for uid, job in study.jobs().items() if job["state"] == "done"}
        if not done <= set(study.store.uids()):
            yield f"{path.name}: embeddings that are said to be done are not there"
        study.queue.go_on()
        study.queue.add([datum.uid for datum in study.data if not study.is_embedded(datum)])
        study.database.close()
        if main(path) or Study.open(path).store.stamps() != expected["stamps"] or not Study.open(path).fits():
            yield f"{path.name}: the job that was killed cannot be finished"


def format_kills(rows):
    """A table of what ``measure_kills`` returns."""
    lines = [f"{'work':10}{'kills':>7}{'acknowledged':>14}{'lost':>6}{'damaged':>9}"]
    for row in rows:
        lines.append(
            f"{row['work']:10}{row['kills']:7}{row['acknowledged']:14}{len(row['lost']):6}{len(row['faults']):9}"
        )
        lines += [f"  {each}" for each in (*row["lost"], *row["faults"])]
    return "\n".join(lines)


def _run(arguments=None):
    """The program that is forked and killed: once a turn, then it waits for a line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("kills", type=int)
    parser.add_argument("seed", type=int)
    asked = parser.parse_args(arguments)
    chance = random.Random(asked.seed)
    for turn in range(asked.kills):
        opened, ready = os.pipe()
        child = os.fork()
        if not child:
            _until_killed(asked.work, asked.folder, turn, ready)
        os.close(ready)
        took = os.read(opened, 64)
        os.close(opened)
        time.sleep(chance.uniform(0, min(_LONGEST, 2 * float(took or 0) + 0.02)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.write(1, b"killed\n")
        sys.stdin.readline()


def _until_killed(work, folder, turn, ready):
    """Do a thing once, so that all that it needs is loaded.

    Say how long the second took; go on until the kill.
    """
    try:
        began = 0.0
        for number, done in enumerate(WORKS[work](folder, turn)):
            os.write(1, f"{done}\n".encode())
            if number == 1:
                os.write(ready, f"{time.perf_counter() - began:.4f}".encode())
            began = time.perf_counter()
    except ProspectorError as error:
        os.write(1, f"error {error}\n".encode())
    except BaseException as error:
        os.write(1, f"error {error!r}\n".encode())
    os._exit(1)


if __name__ == "__main__":
    _run()
