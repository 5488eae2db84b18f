"""Columns of PDB files as programs of simulation write them: chains without names, names of four letters."""

from __future__ import annotations

import string
from functools import lru_cache
from typing import NamedTuple

from .names import is_simulation_name, known_residue, standard_name

__all__ = ["MendedText", "mend_columns"]

_ATOMS = ("ATOM  ", "HETATM")
_PLACE_HOLDERS = [a + b for a in "!$%&*+=<>" for b in string.ascii_letters + string.digits]


class MendedText(NamedTuple):
    """Text of a PDB file that has room for nothing but what PDB allows.

    Attributes
    ----------
    text : str
    chains : {name in the text: name of the chain}, of chains that had no name of their own
    notes : list of what was changed, in words
    """

    text: str
    chains: dict[str, str]
    notes: list[str]


class _Run(NamedTuple):
    """Rows of one chain whose numbers do not go down: (rows, {number: xyz of its first atom})."""

    chain: str
    rows: list[int]
    numbers: dict[str, str]


def mend_columns(lines: list[str]) -> MendedText:
    """Bring rows of atoms into PDB's columns.

    Names of four letters ("NALA") become the residue they are. Where chains have no name, segments name them,
    and numbering that starts anew begins another; a chain with a name whose numbers are used twice, for atoms
    at other places, is two.

    Parameters: lines, of the file.
    """
    lines, notes = list(lines), []
    _shorten_names(lines, notes)
    chains = _name_chains(lines, notes)
    return MendedText("\n".join(lines) + "\n", chains, notes)


def _shorten_names(lines: list[str], notes: list[str]) -> None:
    """Residue names of four letters reach into the column before the chain's name."""
    wide = [at for at, line in enumerate(lines) if line.startswith(_ATOMS) and line[20:21].strip()]
    others: dict[str, bool] = {}  # a chain of two letters has residues with other names too
    for at in wide:
        name, chain = lines[at][17:21], lines[at][20:22]
        others[chain] = others.get(chain, True) and (is_simulation_name(name) or _inside(lines, at))
    said = {}
    for at in wide:
        line = lines[at]
        if others[line[20:22]]:
            name = line[17:21].strip()
            short = standard_name(name) if is_simulation_name(name) else "UNK"
            lines[at] = f"{line[:17]}{short} {line[21:]}"
            said.setdefault(f"{name} {line[22:27].strip()}", short)
    if said:
        notes.append(
            "names of four letters read as the residue they are: "
            + ", ".join(f"{name} as {short}" for name, short in said.items())
        )


def _inside(lines: list[str], at: int) -> bool:
    """Whether a row stands between rows of the chain of one letter that its last letter names."""
    number, chain = _number(lines[at]), lines[at][21:22]
    for step in (-1, 1):
        other, passed = at + step, {lines[at][22:27]}
        while 0 <= other < len(lines) and lines[other].startswith(_ATOMS) and lines[other][20:21].strip():
            passed.add(lines[other][22:27])
            other += step
        if 0 <= other < len(lines) and lines[other].startswith(_ATOMS):
            beside = _number(lines[other])
            if lines[other][21:22] != chain or number is None or beside is None:
                return False
            if abs(number - beside) > len(passed):
                return False
    return True


def _number(line: str) -> int | None:
    try:
        return int(line[22:26])
    except ValueError:
        return None


def _name_chains(lines: list[str], notes: list[str]) -> dict[str, str]:
    """Give chains without names, and second parts of chains, a name of their own in the text."""
    parts = _parts(_runs(lines))
    taken = {line[20:22].strip() for line in lines if line.startswith(_ATOMS)}
    free = iter([each for each in _PLACE_HOLDERS if each not in taken])
    found, words = {}, []
    for chain, groups in parts.items():
        names = _names(chain, len(groups), taken)
        if names == [chain]:
            continue
        for name, group in zip(names, groups):
            if name == chain:
                continue
            place = next(free, None)
            if place is None:
                return found  # more parts than there is room for: as they were
            found[place] = name
            for run in group:
                for at in run.rows:
                    lines[at] = f"{lines[at][:20]}{place}{lines[at][22:]}"
        words.append(f"{_said(chain)} is read as {', '.join(_said(name) for name in names)}")
    if words:
        notes.append("; ".join(words))
    return found


def _said(chain: str) -> str:
    if chain.startswith("\n"):
        return f"what bears segment {chain[1:]} and no chain"
    return f"chain {chain}" if chain else "what has no chain name"


@lru_cache(maxsize=4096)
def _is_amino_acid(name: str) -> bool:
    return known_residue(name.strip()).is_amino_acid()


def _runs(lines: list[str]) -> list[list[_Run]]:
    """Runs of rows in every model: a run ends where a number of an amino acid goes down."""
    models, open_runs, last = [[]], {}, {}
    code = next((line[62:66].strip() for line in lines if line.startswith("HEADER")), "")
    for at, line in enumerate(lines):
        if line.startswith("MODEL "):
            open_runs, last = {}, {}
            models.append([])
        if not line.startswith(_ATOMS):
            continue
        chain = line[20:22].strip()
        segment = line[72:76].strip()
        if not chain and segment and segment != code:  # old files have their own code there
            chain = "\n" + segment  # not a chain with that name
        number = _number(line)
        amino = _is_amino_acid(line[17:20]) and line[16:17] == " "
        fresh = chain not in open_runs
        if amino and number is not None:
            fresh = fresh or number < last.get(chain, number)
            last[chain] = number
        if fresh:
            open_runs[chain] = _Run(chain, [], {})
            models[-1].append(open_runs[chain])
        open_runs[chain].rows.append(at)
        if amino:
            open_runs[chain].numbers.setdefault(line[22:27], line[30:54])
    return models


def _parts(models: list[list[_Run]]) -> dict[str, list[list[_Run]]]:
    """{chain: parts}, each a list of runs; a part has no number twice."""
    found: dict[str, list[list[_Run]]] = {}
    for runs in models:
        counts: dict[str, int] = {}
        seen: dict[str, dict[str, str]] = {}
        for run in runs:
            before = seen.get(run.chain, {})
            again = [number for number in run.numbers if number in before]
            copied = all(before[number] == run.numbers[number] for number in again)
            anew = again if run.chain and not run.chain.startswith("\n") else before and run.numbers
            if anew and not (again and copied):
                counts[run.chain] = counts.get(run.chain, 0) + 1
                seen[run.chain] = before = {}
            seen.setdefault(run.chain, before).update(run.numbers)
            parts = found.setdefault(run.chain, [])
            while len(parts) <= counts.get(run.chain, 0):
                parts.append([])
            parts[counts.get(run.chain, 0)].append(run)
    return found


def _names(chain: str, n: int, taken: set[str]) -> list[str]:
    """Names of the n parts of a chain: its own (a segment's), letters where it has none."""
    segment = chain.startswith("\n")
    if n == 1 and not segment:
        return [chain]
    own = chain[1:] if segment else chain
    if own:
        names = [own if at == 0 else f"{own}_{at + 1}" for at in range(n)]
        if segment and names[0] in taken:
            names[0] = f"{own}_1"
    else:
        letters = [each for each in string.ascii_uppercase + string.ascii_lowercase if each not in taken]
        names = letters[:n] + [f"A{at}" for at in range(len(letters) + 1, n + 1)]
    taken.update(names)
    return names
