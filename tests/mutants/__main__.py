"""``python -m tests.mutants``: change the core in a few hundred places, one at a time.

Print what no test noticed.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

from .places import Place, places_of, sample
from .runner import ROOT, Known, preload, start, survey, wait
from .targets import TARGETS

_LIST = Path(__file__).with_name("equivalent.toml")


def main(arguments: list[str] | None = None) -> int:
    """Run mutants as the options say. Returns 1 where fewer are killed than asked for."""
    options = _options(arguments)
    modules = [
        module for module in TARGETS if not options.module or any(part in module for part in options.module)
    ]
    if not modules:
        print(f"no module has one of {', '.join(options.module)} in its name", file=sys.stderr)
        return 2
    sources = {module: (ROOT / module).read_text() for module in TARGETS}
    places = {module: places_of(source) for module, source in sources.items()}
    # a module's mutants are the same whether it is tried alone or with all
    share = options.n / sum(math.sqrt(len(each)) for each in places.values())
    sizes = {module: max(3, round(share * math.sqrt(len(each)))) for module, each in places.items()}
    chosen = {
        module: (
            places[module] if options.all else sample(places[module], sizes[module], (options.seed, module))
        )
        for module in modules
    }
    of = sum(len(places[module]) for module in modules)
    print(f"{sum(map(len, chosen.values()))} of {of} places, seed {options.seed}", flush=True)
    equivalent = _Equivalent()
    preload()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for module in modules:
            found[module] = _try_module(
                module, sources[module], chosen[module], equivalent, options, Path(folder)
            )
    return _say(found, options)


def _options(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("module", nargs="*", help="only modules with this in their path, such as kernels")
    parser.add_argument("-n", type=int, default=300, help="places in all (default 300)")
    parser.add_argument("--all", action="store_true", help="every place")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="mutants side by side (default 2)")
    parser.add_argument("--seconds", type=float, default=30, help="of tests a mutant at most (default 30)")
    parser.add_argument("--least", type=float, default=90, help="percent that must be killed (default 90)")
    parser.add_argument("--json", type=Path, help="also write the figures into this file")
    return parser.parse_args(arguments)


class _Equivalent:
    """Mutants that change nothing that a test could see; ``equivalent.toml`` says why of each."""

    def __init__(self) -> None:
        found = tomllib.loads(_LIST.read_text())
        self.lines = {
            (each["module"], each["line"].strip(), each["mutated"].strip()) for each in found["mutant"]
        }
        self.names = {(each["module"], name) for each in found["constant"] for name in each["names"]}

    def has(self, module: str, place: Place, source: str, mutated: str) -> bool:
        """Return whether a mutant is on the list: by its line, or as the value of a constant."""
        constant = any((module, name) in self.names for name in place.names)
        return constant or (module, *_changed(source, mutated)) in self.lines


def _try_module(module, source, places, equivalent, options, folder):
    """What became of each place of a module: list of (Place, mutated source, outcome)."""
    files = [path for name in TARGETS[module] if (ROOT / (path := f"tests/{name}.py")).exists()]
    try:
        known = survey(module, files, folder)
    except RuntimeError as error:
        sys.exit(str(error))
    for test in known.bad:
        print(f"  left out, as it fails without any mutation: {test}", flush=True)
    waiting, running, results = [], {}, []
    for place in places:
        mutated = place.applied(source)
        tests = _tests_of(place, source, known, options.seconds)
        if equivalent.has(module, place, source, mutated):
            results.append((place, mutated, "equivalent"))
        elif not tests:
            results.append((place, mutated, "never run"))
        else:
            waiting.append((place, mutated, tests))
    while waiting or running:
        while waiting and len(running) < options.jobs:
            place, mutated, tests = waiting.pop(0)
            seconds = sum(known.tests[test] for test in tests)
            mutant = start(module, mutated, tests, seconds, folder / f"{len(waiting)}.log")
            running[mutant.pid] = mutant, place, mutated
        mutant, outcome = wait([mutant for mutant, *_ in running.values()])
        _, place, mutated = running.pop(mutant.pid)
        mutant.out.unlink(missing_ok=True)
        results.append((place, mutated, outcome))
    results.sort(key=lambda each: (each[0].start, each[0].end, each[0].text))
    counts = Counter(outcome for *_, outcome in results)
    print(f"{module}: " + ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items())), flush=True)
    for place, mutated, outcome in results:
        if outcome in ("survived", "never run"):
            print(_told(module, source, place, mutated, outcome), flush=True)
    return results


def _tests_of(place: Place, source: str, known: Known, seconds: float) -> list[str]:
    """Tests that run a place, file by file, the quickest first.

    As many as the time allows but one at least.
    """
    lines = set(range(place.lines[0], place.lines[1] + 1))
    if place.names and place.names != ("",):
        lines = {
            at for at, text in enumerate(source.splitlines(), 1) if any(name in text for name in place.names)
        }
    tests = {test for line in lines for test in known.lines.get(line, ())}
    if place.names and not tests:
        tests = set(known.tests)  # it is computed at import, and who depends on it cannot be told from lines
    files = {}
    for test in known.tests:
        if test in tests:
            files.setdefault(test.split("::")[0], []).append(test)
    chosen, left = [], seconds
    for group in files.values():
        for test in sorted(group, key=lambda test: known.tests[test]):
            if not chosen or known.tests[test] <= left:
                chosen.append(test)
                left -= known.tests[test]
    return chosen


def _changed(source: str, mutated: str) -> tuple[str, str]:
    """The first lines that differ, without what stands around them."""
    pairs = zip(source.splitlines(), mutated.splitlines())
    return next(((old.strip(), new.strip()) for old, new in pairs if old != new), ("", ""))


def _told(module, source, place, mutated, outcome):
    old, new = _changed(source, mutated)
    note = " (no test runs this line)" if outcome == "never run" else ""
    return f"  {module}:{place.start[0]} {place.what}{note}\n    - {old}\n    + {new}"


def _say(found, options):
    every = [outcome for results in found.values() for *_, outcome in results]
    counts = Counter(every)
    tried = len(every) - counts["equivalent"]
    killed = counts["killed"] + counts["timeout"]
    print(f"\n{'module':48}{'killed':>8}{'of':>6}{'percent':>9}")
    for module, results in found.items():
        outcomes = Counter(outcome for *_, outcome in results)
        its, of = outcomes["killed"] + outcomes["timeout"], len(results) - outcomes["equivalent"]
        print(f"{module:48}{its:8}{of:6}{100 * its / max(of, 1):9.0f}")
    percent = 100 * killed / max(tried, 1)
    print(
        f"{'all':48}{killed:8}{tried:6}{percent:9.1f}   ({counts['timeout']} by a time limit;"
        f" {counts['equivalent']} left out as equivalent; seed {options.seed})"
    )
    if options.json:
        rows = {module: Counter(outcome for *_, outcome in results) for module, results in found.items()}
        options.json.write_text(
            json.dumps({"seed": options.seed, "percent": percent, "modules": rows}, indent=1)
        )
    return int(percent < options.least)


if __name__ == "__main__":
    sys.exit(main())
