"""Options of `prospector new`, declared once as fields of a dataclass.

The command line makes its options of them, ``Study.create`` its keywords, and both the same defaults.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

__all__ = ["Option", "Question", "option", "options_of"]


@dataclass(frozen=True)
class Question:
    """What a person at a terminal is asked where the option was left out, and a file does not say it.

    Attributes
    ----------
    text : str
        With ``{file}`` in it.
    answer : str
        What is expected, as the error says it: "number of microns per pixel".
    """

    text: str
    answer: str


@dataclass(frozen=True)
class Option:
    """One option of `prospector new`.

    Attributes
    ----------
    name : str
        Of the field, and keyword of ``Study.create``.
    type : type
        Of a value on the command line: str, int, float, Path or bool (a flag).
    help : str
    flag : str
        As it is typed: "--slide-mpp".
    stands_for : object
        What a flag without a value means.
    source : str
        How its value is written where it is a source of data itself ("DIR"), else "".
    question : Question or None
    """

    name: str
    type: type
    help: str
    flag: str
    stands_for: Any = True
    source: str = ""
    question: Question | None = None


def option(type: type, help: str, default: Any = None, **more: Any) -> Any:
    """Field of a dataclass that is an option of `prospector new`; ``more``: others of `Option`."""
    return dataclasses.field(default=default, metadata={"option": {"type": type, "help": help, **more}})


def options_of(options: type[Any]) -> list[Option]:
    """Return the options that a dataclass declares, in their order; its other fields are none."""
    return [
        Option(
            field.name,
            **{"flag": "--" + field.name.replace("_", "-"), **field.metadata["option"]},
        )
        for field in dataclasses.fields(options)
        if "option" in field.metadata
    ]
