"""Classes of labels as people write them: which are one, which are unknown, and which is looked for."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from ..errors import LabelsError

__all__ = ["UNLABELLED", "classes_of"]

_NEGATIVE = {
    *("0", "no", "n", "false", "f", "negative", "neg", "negativ", "-", "normal", "control", "controls"),
    *("absent", "benign", "healthy", "unaffected", "mss", "mss/msi-l", "pmmr", "stable", "wild-type"),
    *("wild type", "wildtype", "wt", "none detected", "not detected", "unremarkable", "low", "unauffällig"),
}

_NEGATIVE_STARTS = ("no ", "non ", "non-", "not ", "normal ", "without ", "wild type ", "wild-type ", "kein ")

_MOST_CLASSES = 32  # a table of more has numbers or names for labels

UNLABELLED = {
    *("", "na", "n/a", "#n/a", "n.a.", "nan", "null", "none", "nil", "unknown", "unk", "?", "-", "--", "."),
    *("missing", "empty", "not available", "unlabelled", "unlabeled", "<na>", "#value!", "#ref!", "#null!"),
}


def classes_of(
    path: str | Path,
    labels: Sequence[str],
    positive: str | None = None,
    known: Sequence[str] | None = None,
) -> tuple[list[str], dict[str, int]]:
    """What labels as written amount to.

    (classes, {label: number}); those that mean "not known" have no number.

    Parameters: path, where they were written, for the texts of errors; labels, list of str; known, the
    classes of the study that they are for, if there is one. Raises LabelsError.
    """
    if known is not None:
        return list(known), _numbers_of(Path(path), labels, list(known))
    classes = _classes(Path(path), labels, positive)
    known = sorted({label for label in labels if label.lower() not in UNLABELLED})
    return classes, {
        label: int(label == positive) if positive is not None else classes.index(label) for label in known
    }


def _numbers_of(path: Path, labels: Sequence[str], classes: list[str]) -> dict[str, int]:
    """{label: number} among the classes of a study. Raises LabelsError for another class."""
    written = sorted({label for label in labels if label.lower() not in UNLABELLED})
    rest = len(classes) == 2 and classes[0] == f"other than {classes[1]}"
    strange = [label for label in written if label not in classes]
    if strange and not rest:
        raise LabelsError(
            f"{path.name} has the class {strange[0]!r}, which the study does not have (its classes are"
            f" {_and(classes)}): correct the table, or make a new study"
        )
    return {label: classes.index(label) if label in classes else 0 for label in written}


def _classes(path: Path, labels: Sequence[str], positive: str | None) -> list[str]:
    values = sorted({label for label in labels if label.lower() not in UNLABELLED})
    _check_alike(path, values)
    if len(values) > _MOST_CLASSES and positive is None:
        raise LabelsError(
            f"{path.name} has {len(values)} classes ({', '.join(values[:6])}, ...), more than"
            f" {_MOST_CLASSES}: is another column the label (--label-column)? Or name one class, to find it"
            " against the rest (--positive)"
        )
    if len(values) < 2:
        raise LabelsError(
            f"{path.name} has {'one class only (' + values[0] + ')' if values else 'no labels'}: data of both"
            " classes are needed"
        )
    if positive is not None:
        if positive not in values:
            raise LabelsError(f"{path.name} has no class {positive!r}: its classes are {_and(values)}")
        rest = [value for value in values if value != positive]
        return [*rest, positive] if len(rest) == 1 else [f"other than {positive}", positive]
    # those that sound negative first, each group in the order of the alphabet ("0" before "1")
    return sorted(
        values,
        key=lambda value: (not _sounds_negative(value), value),
    )


def _sounds_negative(name: str) -> bool:
    name = name.lower()
    return name in _NEGATIVE or name.startswith(_NEGATIVE_STARTS) or name.endswith((" negative", "-negative"))


def _check_alike(path: Path, names: Sequence[str]) -> None:
    """Raise LabelsError for classes that are one but for case and spaces."""
    one: dict[str, str] = {}
    for name in names:
        key = " ".join(unicodedata.normalize("NFKC", name).lower().split())
        if one.setdefault(key, name) != name:
            raise LabelsError(
                f"{path.name} has classes {one[key]!r} and {name!r}, which differ by case or spaces alone: is"
                " it one class? Write it in one way"
            )


def _and(names: Sequence[str], most: int = 12) -> str:
    names = list(names)
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return f"{', '.join(names[:-1])} and {names[-1]}"
