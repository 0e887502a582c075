"""Faults in this protocol's terms: input name, and row in the input."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from serve.decoding.faults import place_of, split_fault
from serve.errors import InvalidInstance, MalformedBody

_MEMBER_OF: Final = re.compile(r"\.(?P<kind>input|output)s\[(?P<index>\d+)\]\.?(?P<rest>.*)", re.DOTALL)

T = TypeVar("T")


class _Named(msgspec.Struct):
    name: Any = None


class _Names(msgspec.Struct):
    inputs: list[_Named] = []
    outputs: list[_Named] = []


def called(name: str) -> str:
    """The name of an input in a fault."""
    return f'input "{name}"'


def decode_message(decode: Callable[[bytes], T], text: bytes) -> T:
    """Decode a request's JSON.

    Raises:
        MalformedBody: not JSON.
        InvalidInstance: JSON of another shape; names the input.
    """
    try:
        return decode(text)
    except msgspec.ValidationError as error:
        words, path = split_fault(str(error))
        name, place = _input_at(path, text)
        raise InvalidInstance(f"{place}: {words}" if place else words, field=name) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(f"the body is not valid JSON: {error}") from None


def of_input(name: str, fault: InvalidInstance) -> InvalidInstance:
    """Convert a decoder's fault (instance and field) to one in terms of an input."""
    words = fault.message.removeprefix(place_of(fault.field, fault.instance)).removeprefix(": ")
    place = called(name) if fault.instance is None else f"{called(name)}, row {fault.instance}"
    if fault.field not in {None, name} and not words.startswith(str(fault.field)):
        place = f"{place}, {fault.field}"
    return InvalidInstance(f"{place}: {words}", fault.instance, fault.field)


def _input_at(path: str, text: bytes) -> tuple[str | None, str]:
    member = _MEMBER_OF.match(path)
    if member is None:
        return None, path.removeprefix(".")
    kind, index, rest = member["kind"], int(member["index"]), member["rest"]
    name = _name_of(kind, index, text)
    place = f"{kind} {index}" if name is None else f'{kind} "{name}"'
    return name, f"{place}, {rest}" if rest else place


def _name_of(kind: str, index: int, text: bytes) -> str | None:
    try:
        names = msgspec.json.decode(text, type=_Names)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    name = (names.inputs if kind == "input" else names.outputs)[index].name
    return name if isinstance(name, str) else None
