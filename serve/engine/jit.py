"""numba's decorators with the options that all our compiled code has, and with types."""

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

# Division as the processor does it: Python's check for zero would keep loops from becoming vectors. No fastmath: a sum
# in another order, or fused with a product, is another sum. Nothing is allocated in compiled code, so numba need not
# count references to arrays (`_nrt`), which takes two atomic operations a call and array.
OPTIONS: Final = {"nogil": True, "error_model": "numpy", "_nrt": False}


def inlined(function: Function) -> Function:
    """Make a function a part of the compiled code that calls it."""
    compiled: Function = _njit(inline="always", **OPTIONS)(function)
    return compiled


def part(function: Function) -> Function:
    """Make a function callable from compiled code; LLVM decides whether it becomes a part of the caller."""
    compiled: Function = _njit(**OPTIONS)(function)
    return compiled


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function, which gets numba types and gives a signature and a writer of IR, callable from compiled code."""
    made: Callable[..., Any] = _intrinsic(function)
    return made


def compiled(function: Callable[..., None], signatures: list[Any], *, cached: bool) -> Any:
    """Machine code of a function for these signatures and no others.

    Raises:
        ForestRefusedError: numba can't compile for this machine.
    """
    try:
        return _njit(signatures, cache=cached, **OPTIONS)(function)
    except NumbaError as error:
        raise ForestRefusedError(f"numba can't compile it here ({type(error).__name__})") from error
