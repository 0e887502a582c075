"""Inspects JSON before decoding, to choose a decoder."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_SPACE: Final = rb"[ \t\r\n]*"
_OBJECT: Final = re.compile(_SPACE + rb"\{")
_OBJECT_OF_ARRAYS: Final = re.compile(
    _SPACE + rb"\{" + _SPACE + rb'"(?:[^"\\]|\\.)*"' + _SPACE + rb":" + _SPACE + rb"\["
)
_NESTED_ARRAY: Final = re.compile(_SPACE + rb"\[" + _SPACE + rb"\[")


def is_object(data: msgspec.Raw) -> bool:
    """Whether it is an object, assuming valid JSON."""
    return _OBJECT.match(memoryview(data)) is not None


def is_object_of_arrays(data: msgspec.Raw) -> bool:
    """Whether it is an object whose first member is an array, assuming valid JSON."""
    return _OBJECT_OF_ARRAYS.match(memoryview(data)) is not None


def is_nested_array(data: msgspec.Raw) -> bool:
    """Whether it is an array whose first member is an array, assuming valid JSON."""
    return _NESTED_ARRAY.match(memoryview(data)) is not None
