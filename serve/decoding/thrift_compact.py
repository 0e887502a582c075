"""Structs of Thrift's compact protocol, as Parquet writes them before its pages (thrift-compact-protocol.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_STOP: Final = 0
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_MAX_DEPTH: Final = 8
_MAX_VARINT_BYTES: Final = 10

Struct = dict[int, Any]
"""Values by field number: integers, structs, lists of structs, texts; other types are skipped."""


class NotThrift(ValueError):
    """The bytes are not a struct."""


def read_struct(data: memoryview, at: int, depth: int = _MAX_DEPTH) -> tuple[Struct, int]:
    """The struct that begins at a position, and the position after it.

    Raises:
        NotThrift: there is no valid struct.
    """
    if depth == 0:
        raise NotThrift("too deep")
    fields: Struct = {}
    number = 0
    while True:
        head, at = _byte(data, at)
        kind = head & 0x0F
        if kind == _STOP:
            return fields, at
        if head >> 4:
            number += head >> 4
        else:
            number, at = _integer(data, at)
        if kind in {_TRUE, _FALSE}:  # the value of a field is in its type
            continue
        value, at = _value(data, at, kind, depth)
        if value is not None:
            fields[number] = value


def _value(data: memoryview, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind == _STRUCT:
        return read_struct(data, at, depth - 1)
    if kind in {_I16, _I32, _I64}:
        number, at = _integer(data, at)
        if kind != _I64 and not -(2**31) <= number < 2**31:
            raise NotThrift("an integer is too large")
        return number, at
    if kind in {_LIST, _SET}:
        return _list(data, at, depth)
    if kind == _BINARY:
        length, at = _varint(data, at)
        return bytes(data[at : at + length]), at + length
    passes_over = _PASSED_OVER.get(kind)
    if passes_over is None:
        raise NotThrift("an unknown type")
    return None, passes_over(data, at)


def _list(data: memoryview, at: int, depth: int) -> tuple[list[Any], int]:
    head, at = _byte(data, at)
    size, kind = head >> 4, head & 0x0F
    if size == 0x0F:
        size, at = _varint(data, at)
    members = []
    for _ in range(size):
        if kind in {_TRUE, _FALSE}:  # in a list each takes a byte
            _, at = _byte(data, at)
        else:
            member, at = _value(data, at, kind, depth - 1)
            members.append(member)
    return members, at


def _pass_byte(data: memoryview, at: int) -> int:
    return _byte(data, at)[1]


def _pass_double(_data: memoryview, at: int) -> int:
    return at + 8


_PASSED_OVER: Final[dict[int, Callable[[memoryview, int], int]]] = {_BYTE: _pass_byte, _DOUBLE: _pass_double}
"""Parquet has no maps."""


def _integer(data: memoryview, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_MAX_VARINT_BYTES):
        byte, at = _byte(data, at)
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at
    raise NotThrift("an integer without end")


def _byte(data: memoryview, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise NotThrift("cut off")
    return data[at], at + 1
