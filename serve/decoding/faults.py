"""Converts msgspec's errors to faults by instance and field.

msgspec ends its messages with the JSON path of the fault: "... - at `$.instances[3].Age_Days`".
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
import orjson

from fraud.features import FEATURE_NAMES
from serve.decoding.rows import LABELS
from serve.errors import DuplicateName, InvalidInstance, MalformedBody, RowFault

NAMED_NAN_MAX_BYTES: Final = 1024 * 1024

HEADER: Final = "columns"
"""Name of the list of column names, in every format that has one."""

_CONTAINERS: Final = frozenset(
    {"instances", HEADER, "data", "index", "inputs", "params", "dataframe_split", "dataframe_records"}
)
_FAULT_PATH: Final = re.compile(r" - at `(?:key` in `)?\$(?P<path>.*)`$", re.DOTALL)
# Names of features may have dots and brackets; of two with the same beginning the longer is tried first.
_KNOWN: Final = "|".join(map(re.escape, sorted((*FEATURE_NAMES, *LABELS), key=len, reverse=True)))
_STEP: Final = re.compile(rf"\[(?P<index>\d+)\]|\.(?P<name>(?:{_KNOWN})(?![^.\[])|\w+)")
_FOUND_MARK: Final = re.compile(r"Expected `[^`]*`, got `object`")
_NAMED_FIELD: Final = re.compile(r"(?:required field|unknown field) `(?P<field>.*)`$", re.DOTALL)

T = TypeVar("T")
Buffer = bytes | msgspec.Raw


def decode_json(decode: Callable[[Buffer], T], body: Buffer, columns: Sequence[str] = (), *, flat: bool = False) -> T:
    """Decode a body. `columns` name the values of a row that is an array, or, if `flat`, of consecutive rows in one
    array.

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
    """Read a body by `read`. If it is JSON (or JSON lines) except for the words NaN and Infinity, which many clients
    write, the error names the value.

    Raises:
        MalformedBody, InvalidInstance: as `read` does.
    """
    try:
        return read(body)
    except MalformedBody:
        # Error path only. Python's own parser accepts those words; it is slow, so large bodies are not checked.
        rewritten = _with_marks_for_nan(body) if len(body) <= NAMED_NAN_MAX_BYTES else None
        if rewritten is None:
            raise
        try:
            read(rewritten)
        except DuplicateName:
            raise
        except InvalidInstance as fault:
            faults = [RowFault(one.instance, one.field, _not_finite(one.message)) for one in fault.faults]
            # A new error: the valid rows beside the faults were not JSON either.
            raise InvalidInstance(_not_finite(fault.message), fault.instance, fault.field, faults) from None
        raise


def _not_finite(message: str) -> str:
    return _FOUND_MARK.sub("expected a finite number, found NaN or Infinity", message)


def _with_marks_for_nan(body: bytes) -> bytes | None:
    """The JSON, or JSON lines, with each such word replaced by an object; None if it still is not JSON."""

    def marked(text: bytes) -> bytes:
        return orjson.dumps(json.loads(text, parse_constant=lambda _word: {}))

    for read in (marked, lambda body: b"\n".join(marked(line) for line in body.splitlines() if line.strip())):
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            return read(body)
    return None


def split_fault(message: str) -> tuple[str, str]:
    """msgspec's message and the path of the fault; "" for the whole text."""
    path = _FAULT_PATH.search(message)
    return (message, "") if path is None else (message[: path.start()], path["path"])


def place_of(field: str | None, instance: int | None) -> str:
    """A value's place, as written in messages."""
    return " of ".join(part for part in (field, None if instance is None else f"instance {instance}") if part)


def in_row(row: int, fault: InvalidInstance) -> RowFault:
    """Convert the fault of a row that was read separately."""
    text = fault.message.removeprefix(f"{place_of(fault.field, fault.instance)}: ")
    return RowFault(row, fault.field, f"{place_of(fault.field, row)}: {text}")


def in_rows(read: Callable[[], T], name_faults: Callable[[], None]) -> T:
    """The result of `read`; if it finds a fault, `name_faults` reads again, row by row, and names all faults.

    Raises:
        FaultyRows: as `name_faults` does.
        DuplicateName: a name is duplicate, which is not a single row's fault.
        InvalidInstance: raised by `read`, if no row is at fault.
    """
    try:
        return read()
    except DuplicateName:
        raise
    except InvalidInstance as fault:
        try:
            name_faults()
        except (InvalidInstance, MalformedBody) as found:
            if isinstance(found, DuplicateName) or (isinstance(found, InvalidInstance) and found.faults):
                raise
        raise fault


def _explain(message: str, columns: Sequence[str], flat: bool) -> InvalidInstance:
    text, path = split_fault(message)
    instance, field = _instance_and_field(path, columns, flat)
    if named := _NAMED_FIELD.search(text):
        field = named["field"]
    place = place_of(field, instance)
    return InvalidInstance(f"{place}: {text}" if place else text, instance, field)


def _instance_and_field(path: str, columns: Sequence[str], flat: bool) -> tuple[int | None, str | None]:
    steps = list(_STEP.finditer(path))
    names = [step["name"] for step in steps if step["name"]]
    indexes = [int(step["index"]) for step in steps if step["index"]]
    field = next((name for name in names if name not in _CONTAINERS), None)
    if field is None and len(names) > 1 and names[-1] in FEATURE_NAMES:
        field = names[-1]
    if field is None and names and names[-1] == HEADER:
        return None, HEADER
    if flat and len(indexes) == 1:
        indexes = list(divmod(indexes[0], len(columns)))
    if len(indexes) > 1 and indexes[1] < len(columns):
        field = columns[indexes[1]]
    return (indexes[0] if indexes else None), field
