"""Bit tricks that numba has no public name for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


__all__ = ["lowest_bit"]


@intrinsic
def lowest_bit(typing_context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """Index of the lowest set bit of a non-zero uint64 (one CPU instruction)."""

    def generate(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate
