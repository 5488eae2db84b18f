"""What comes from a study, or any file that others may have written, read as plain values of known types.

JSON is read with limits; records are models of pydantic, strict: nothing is turned into another type without
a word.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = ["LargerRecord", "Number", "Positive", "Record", "Side", "read_json", "record_of"]

DEEPEST = 100
"""Lists and objects inside each other, in JSON that is read."""
_LARGEST = 2**29  # characters

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=0, lt=2**31)]
"""Of a picture, or a place in it, in pixels."""

_Model = TypeVar("_Model", bound=BaseModel)


class Record(BaseModel):
    """Base of records: fields of exactly these types, and no others."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class LargerRecord(Record):
    """Base of records that may have fields beside those that are checked."""

    model_config = ConfigDict(extra="allow")


def read_json(text: str | bytes, what: str, error: type[Exception] = ValueError) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    text : str or bytes
    what : str
        What it is, for the message: "the journal's entry 3".
    error : type
        What is raised for a text that is not JSON, is nested too deeply, or is too long.
    """
    if not isinstance(text, str | bytes):
        raise error(f"{what} is not text")
    if len(text) > _LARGEST:
        raise error(f"{what} is longer than {_LARGEST >> 20} million characters")
    try:
        found = json.loads(text)
    except RecursionError:
        raise error(f"{what} is nested too deeply") from None
    except ValueError as wrong:
        raise error(f"{what} is not JSON ({wrong})") from None
    # Python's own limit differs from version to version, and whoever walks through the value has one too
    opening = (
        (text.count("[") + text.count("{"))
        if isinstance(text, str)
        else (text.count(b"[") + text.count(b"{"))
    )
    if opening > DEEPEST and _deeper(found):
        raise error(f"{what} is nested too deeply")
    return found


def _deeper(value: Any) -> bool:
    """Whether lists and dicts are more than `DEEPEST` deep inside each other."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
        if not level:
            return False
    return True


def record_of(model: type[_Model], value: Any, what: str, error: type[Exception] = ValueError) -> _Model:
    """Return a value as a record, or raise ``error`` with the first thing that is wrong with it.

    No value is quoted.
    """
    try:
        return model.model_validate(value)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False, include_context=False)[0]
        where = " ".join(str(each) for each in first["loc"])
        raise error(
            f"{what} is not as it should be ({where + ': ' if where else ''}{first['msg']})"
        ) from None
