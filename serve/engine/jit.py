"""Typed versions of numba's decorators, with the options of all our compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from numba import njit
from numba.core.errors import NumbaError
from numba.extending import intrinsic as numba_intrinsic

from serve.engine.errors import ForestRefusedError

Function = TypeVar("Function", bound=Callable[..., Any])

# Untyped on purpose: numba's annotations don't cover its options given as a mapping, nor lists of signatures.
_njit: Final[Any] = njit
_intrinsic: Final[Any] = numba_intrinsic

# Division without Python's check for zero, which would prevent vectorization. No fastmath: a sum in another order, or
# fused with a product, is a different sum. Compiled code allocates nothing, so numba need not count references to
# arrays (`_nrt`), which takes two atomic operations for each call and array.
OPTIONS: Final = {"nogil": True, "error_model": "numpy", "_nrt": False}


def inlined(function: Function) -> Function:
    """Always inline a function into the compiled code that calls it."""
    compiled: Function = _njit(inline="always", **OPTIONS)(function)
    return compiled


def part(function: Function) -> Function:
    """Make a function callable from compiled code; LLVM decides whether to inline it."""
    compiled: Function = _njit(**OPTIONS)(function)
    return compiled


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make an intrinsic callable from compiled code: a function of numba types that returns a signature and a writer of
    IR.
    """
    made: Callable[..., Any] = _intrinsic(function)
    return made


def compiled(function: Callable[..., None], signatures: list[Any], *, cached: bool) -> Any:
    """Machine code of a function, for these signatures only.

    Raises:
        ForestRefusedError: numba can't compile for this machine.
    """
    try:
        return _njit(signatures, cache=cached, **OPTIONS)(function)
    except NumbaError as error:
        raise ForestRefusedError(f"numba can't compile it here ({type(error).__name__})") from error
