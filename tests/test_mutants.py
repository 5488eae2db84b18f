"""``make mutants``: where a module is mutated and how.

Samples repeat; the list of equivalents does not rot.
"""

import ast
import tomllib
from pathlib import Path

import pytest

from tests.mutants.places import places_of, sample
from tests.mutants.runner import ROOT
from tests.mutants.targets import TARGETS

SOURCE = '''"""Words are left alone: 1 < 2."""
LIMIT = 3


def chosen(values: list[int], least=0.5):
    """Also here: 1 < 2."""
    if values and not LIMIT < len(values):
        raise ValueError(f"at most {LIMIT + 1}")
    for value in values:
        if value in (7, 8):
            continue
        yield value + least
    values.sort()
    return min(values)
'''
EXPECTED = {
    "LIMIT = 4",
    "LIMIT = 2",
    "def chosen(values: list[int], least=1.0):",
    "def chosen(values: list[int], least=0.25):",
    "if (values or not LIMIT < len(values)):",
    "if values and (LIMIT < len(values)):",
    "if values and not (LIMIT <= len(values)):",
    "if (not (values and (not LIMIT < len(values)))):",
    "pass",
    "if (value not in (7, 8)):",
    "if value in (8, 8):",
    "if value in (6, 8):",
    "if value in (7, 9):",
    "if value in (7, 7):",
    "break",
    "yield (value - least)",
    "return (max)(values)",
    "return None",
}


def changed(source, place):
    """The line that a mutation makes of another."""
    (line,) = set(place.applied(source).splitlines()) - set(source.splitlines())
    return line.strip()


def test_a_place_is_one_small_change():
    found = places_of(SOURCE)
    assert {changed(SOURCE, place) for place in found} == EXPECTED
    assert [place.names for place in found if place.what == "constant" and not place.within] == [
        ("LIMIT",),
        ("LIMIT",),
        ("chosen",),
        ("chosen",),
    ]
    head = [place for place in found if place.what == "and, or"]
    assert [(place.within, place.lines) for place in head] == [("chosen", (7, 7))]


@pytest.mark.parametrize("module", TARGETS)
def test_every_mutant_of_the_core_is_python(module):
    source = (ROOT / module).read_text()
    found = places_of(source)
    assert len(found) >= 3
    for place in found[:: max(1, len(found) // 9)]:
        mutated = place.applied(source)
        ast.parse(mutated)
        assert mutated != source and mutated.count("\n") >= source.count("\n") - 40
    assert any((ROOT / f"tests/{name}.py").exists() for name in TARGETS[module])


def test_a_sample_repeats_and_leaves_no_function_out():
    found = places_of((ROOT / "prospector_core/method/kernels.py").read_text())
    some = sample(found, 30, (0, "kernels"))
    assert (
        some == sample(found, 30, (0, "kernels"))
        and some != sample(found, 30, (1, "kernels"))
        and len(some) == 30
    )
    assert {place.within for place in some} == {place.within for place in found}
    assert len({(place.start, place.end) for place in some}) == 30


def test_what_is_listed_as_equivalent_is_still_there_and_has_a_reason():
    listed = tomllib.loads(Path(ROOT / "tests/mutants/equivalent.toml").read_text())
    for entry in listed["mutant"]:
        source = (ROOT / entry["module"]).read_text()
        assert entry["line"] in source and entry["mutated"] not in source and len(entry["reason"]) > 20, entry
    for entry in listed["constant"]:
        source = (ROOT / entry["module"]).read_text()
        assert all(f"\n{name} = " in source for name in entry["names"]) and len(entry["reason"]) > 20, entry
