"""Residues as a person names them by number."""

import re
from collections.abc import Sequence

from prospector_core.errors import BadInputError

__all__ = ["read_residues"]


def read_residues(text: str, numbers: Sequence[str], chains_of: Sequence[str]) -> list[int]:
    """Residues of a chain from words such as "45-60, 72A, B:12-14": sorted list of indices.

    Raises BadInputError.
    """
    found = set()
    several = len(set(chains_of)) > 1
    for part in filter(None, (each.strip() for each in re.split(r"[,;\s]+(?=[\w-])", text.strip()))):
        match = re.fullmatch(r"(?:(\w+):)?(-?\d+[A-Za-z]?)(?:\s*-\s*(-?\d+[A-Za-z]?))?", part)
        if not match:
            raise BadInputError(f"{part!r} is not a residue: write numbers and ranges, such as 45-60, 72")
        chain, first, last = match.groups()
        where = [at for at, name in enumerate(chains_of) if chain in (None, name)]
        if not where:
            raise BadInputError(f"there is no chain {chain} here")
        if several and chain is None:
            raise BadInputError(f"say which chain {part} is of, such as {chains_of[0]}:{part}")
        ends = []
        for number in (first, last or first):
            at = next((index for index in where if numbers[index] == number), None)
            if at is None:
                raise BadInputError(
                    f"there is no residue {number} in this chain: it has {numbers[where[0]]} to"
                    f" {numbers[where[-1]]}"
                )
            ends.append(at)
        found |= set(range(min(ends), max(ends) + 1))
    if not found:
        raise BadInputError("write which residues, such as 45-60, 72")
    return sorted(found)
