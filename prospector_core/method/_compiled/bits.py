"""Bit tricks that numba has no public name for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llvmlite.ir.builder import IRBuilder
    from llvmlite.ir.instructions import CallInstr, LoadInstr
    from numba.core.cpu import CPUContext
    from numba.core.types.scalars import Integer
    from numba.core.typing.context import Context
    from numba.core.typing.templates import Signature

__all__ = ["lowest_bit"]


@intrinsic
def lowest_bit(typing_context: Context, word: Integer) -> tuple[Signature, Callable[..., Any]]:
    """Index of the lowest set bit of a non-zero uint64 (one CPU instruction)."""

    def generate(
        context: CPUContext, builder: IRBuilder, signature: Signature, args: tuple[LoadInstr]
    ) -> CallInstr:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate
