"""Faults that msgspec finds, told by instance and field.

msgspec ends its messages with the JSON path of the fault: "... - at `$.instances[3].Age_Days`".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
import orjson

from serve.errors import InvalidInstance, MalformedBody

NAMED_NAN_MAX_BYTES: Final = 1024 * 1024

HEADER: Final = "columns"
"""Name of a list of column names in every format that has one."""

_CONTAINERS: Final = frozenset(
    {"instances", HEADER, "data", "index", "inputs", "params", "dataframe_split", "dataframe_records"}
)
_FAULT_PATH: Final = re.compile(r" - at `(?:key` in `)?\$(?P<path>[^`]*)`$")
_STEP: Final = re.compile(r"\[(?P<index>\d+)\]|\.(?P<name>\w+)")
_FOUND_NULL: Final = re.compile(r"Expected `[^`]*`, got `null`")
_NAMED_FIELD: Final = re.compile(r"(?:required field|unknown field) `(?P<field>[^`]*)`")

T = TypeVar("T")
Buffer = bytes | msgspec.Raw


def decode_json(decode: Callable[[Buffer], T], body: Buffer, columns: Sequence[str] = (), *, flat: bool = False) -> T:
    """What a decoder reads of a body; `columns` name the members of a row that is an array, or, where `flat`, of the
    rows that follow each other in one array.

    Raises:
        MalformedBody: not JSON.
        InvalidInstance: JSON of another shape; names instance and field.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise _explain(str(error), columns, flat) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(f"the body is not valid JSON: {error}") from None


def name_not_a_number(read: Callable[[bytes], T], body: bytes) -> T:
    """What `read` makes of a body; where it is JSON (or JSON lines) but for the words NaN and Infinity, which many
    clients write, the error names the value.

    Raises:
        MalformedBody, InvalidInstance: as `read` does.
    """
    try:
        return read(body)
    except MalformedBody:
        # Only the error path comes here; Python's own parser reads those words, so large bodies are left alone.
        rewritten = _with_null_for_nan(body) if len(body) <= NAMED_NAN_MAX_BYTES else None
        if rewritten is None:
            raise
        try:
            read(rewritten)
        except InvalidInstance as fault:
            text, found = _FOUND_NULL.subn("expected a finite number, found NaN or Infinity", fault.message)
            if not found:
                raise
            raise InvalidInstance(text, fault.instance, fault.field) from None
        raise


def _with_null_for_nan(body: bytes) -> bytes | None:
    try:
        return orjson.dumps(json.loads(body))
    except (ValueError, TypeError, RecursionError):
        pass
    try:
        return b"\n".join(orjson.dumps(json.loads(line)) for line in body.splitlines() if line.strip())
    except (ValueError, TypeError, RecursionError):
        return None


def split_fault(message: str) -> tuple[str, str]:
    """What msgspec says, and the path at which it says so; "" for the whole text."""
    path = _FAULT_PATH.search(message)
    return (message, "") if path is None else (message[: path.start()], path["path"])


def place_of(field: str | None, instance: int | None) -> str:
    """A value's place as messages name it."""
    return " of ".join(part for part in (field, None if instance is None else f"instance {instance}") if part)


def _explain(message: str, columns: Sequence[str], flat: bool) -> InvalidInstance:
    text, path = split_fault(message)
    instance, field = _instance_and_field(path, columns, flat)
    if named := _NAMED_FIELD.search(message):
        field = named["field"]
    place = place_of(field, instance)
    return InvalidInstance(f"{place}: {text}" if place else text, instance, field)


def _instance_and_field(path: str, columns: Sequence[str], flat: bool) -> tuple[int | None, str | None]:
    steps = list(_STEP.finditer(path))
    names = [step["name"] for step in steps if step["name"]]
    indexes = [int(step["index"]) for step in steps if step["index"]]
    field = next((name for name in names if name not in _CONTAINERS), None)
    if field is None and names and names[-1] == HEADER:
        return None, HEADER
    if flat and len(indexes) == 1:
        indexes = list(divmod(indexes[0], len(columns)))
    if len(indexes) > 1 and indexes[1] < len(columns):
        field = columns[indexes[1]]
    return (indexes[0] if indexes else None), field
