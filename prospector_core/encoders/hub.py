"""Weights of a model hub: what is on this machine is used without asking anybody; offline stays offline."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

from ..errors import EmbeddingError, MissingExtraError, ProspectorError

__all__ = ["is_offline", "load_weights", "missing_package", "not_here", "one_line"]

Loaded = TypeVar("Loaded")

_YES = {"1", "ON", "YES", "TRUE"}  # as huggingface_hub reads them
_LONGEST = 300


def is_offline() -> bool:
    """Return whether the user forbids fetching (HF_HUB_OFFLINE, or TRANSFORMERS_OFFLINE)."""
    return (os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or "").upper() in _YES


def load_weights(name: str, load: Callable[[], Loaded]) -> Loaded:
    """Return what `load` returns, fetching weights only if they are missing here and fetching is allowed.

    Parameters
    ----------
    name : str
        The encoder, for the texts of errors.
    load : callable
        Makes the model with its library. It is called with the hub forbidden first, and again with the hub
        only if files were missing: a library asks the hub for news of files that it has, and nothing may
        depend on that.

    Raises
    ------
    EmbeddingError
        The weights are neither here nor to be had, or the library refuses them.
    MissingExtraError
        A package that this model needs is not installed.
    """
    with _quiet():
        try:
            with _no_hub():
                return load()
        except Exception as error:
            if not _is_absent(error):
                raise _named(name, error) from error
            if is_offline():
                raise not_here(name) from error
        try:
            return load()
        except Exception as error:
            if _is_absent(error):
                raise EmbeddingError(
                    f"the weights of {name} are not on this machine and could not be fetched"
                    f" ({one_line(error)}): check the name, the connection, and that your account may use"
                    " this model"
                ) from error
            raise _named(name, error) from error


def not_here(name: str) -> EmbeddingError:
    """Return the error of weights that may not be fetched."""
    return EmbeddingError(
        f"the weights of {name} are not on this machine and HF_HUB_OFFLINE is set: "
        "fetch them once without it, or give the path of a local copy"
    )


def missing_package(name: str, package: str) -> MissingExtraError:
    """Return the error of a library that is not installed."""
    return MissingExtraError(
        f"the encoder {name} needs {package}, which is not installed: pip install"
        ' "prospector-heads[encoders]"'
    )


def one_line(error: BaseException) -> str:
    """Return an error as one line that is not endless (torch lists every tensor that does not fit)."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _named(name: str, error: Exception) -> Exception:
    if isinstance(error, ProspectorError):
        return error
    if isinstance(error, ImportError):
        return MissingExtraError(
            f"the encoder {name} needs a package that is not installed ({one_line(error)}): install it"
        )
    return EmbeddingError(f"the encoder {name} cannot be loaded: {one_line(error)}")


def _is_absent(error: BaseException) -> bool:
    """Return whether an error, or one that it came from.

    Says that a file is not on this machine or not to be had.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        modules = {kind.__module__.partition(".")[0] for kind in type(one).__mro__}
        # Its own errors, those of its HTTP client, and open_clip's word for "the weights were not found".
        if modules & {"huggingface_hub", "httpx", "httpx2", "urllib"} or "Required pretrained weights" in str(
            one
        ):
            return True
        waiting += [one.__cause__, one.__context__]
    return False


@contextlib.contextmanager
def _no_hub() -> Iterator[None]:
    """Make huggingface_hub use its cache only.

    The variable itself is read once, at import; the switch behind it here.
    """
    try:
        from huggingface_hub import constants
    except ImportError:
        yield
        return
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before or is_offline()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' own log lines off the terminal: what matters arrives as one error."""
    root, silence, before = logging.getLogger(), logging.NullHandler(), logging.root.manager.disable
    root.addHandler(silence)  # with no handler at all, logging.error() would install one for good
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
        root.removeHandler(silence)
