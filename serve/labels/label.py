"""Labels and their validation: every fault of every label, with what was expected.

A *suspicion*, an officer's decision about an application, is not a label: it does not say whether the couple divorced,
and a model that learned from it would learn what officers think. So only outcomes are accepted.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from serve.errors import RowFault

APPLICATION_ID: Final = "application_id"
OUTCOME: Final = "outcome"
DATE: Final = "date"
SOURCE: Final = "source"
FIELDS: Final = (APPLICATION_ID, OUTCOME, DATE, SOURCE)
OUTCOMES: Final[Mapping[str, int | None]] = {"divorce": 1, "no_divorce": 0, "withdrawn": None}
"""As sent -> as stored; `withdrawn` takes back an earlier outcome."""
FIRST_DAY: Final = dt.date(1900, 1, 1)
ID_CHARACTERS: Final = 64
SOURCE_CHARACTERS: Final = 200
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHOWN: Final = 40
_MOST_STRANGE: Final = 10
"""Maximum unknown fields of one label that are named; a label may have any number of them."""


class Label(msgspec.Struct, frozen=True):
    """The outcome of one application."""

    application_id: str
    divorce: int | None
    """None: the earlier outcome is withdrawn."""
    date: dt.date
    """Date of the divorce, of the day on which the couple was seen married, or of the withdrawal."""
    source: str
    """Source of the outcome: a register, a court."""


def checked(rows: Sequence[object], today: dt.date) -> tuple[list[Label], list[RowFault]]:
    """Labels of rows of fields, and all their faults; an invalid row yields no label."""
    labels: list[Label] = []
    faults: list[RowFault] = []
    places: dict[str, int] = {}
    for place, row in enumerate(rows):
        found = [RowFault(place, field, told) for field, told in _faults(row, today)]
        name = row.get(APPLICATION_ID) if isinstance(row, Mapping) else None
        if isinstance(name, str) and places.setdefault(name, place) != place:
            found.append(RowFault(place, APPLICATION_ID, f"is also that of label {places[name]}: expected each once"))
        faults += found
        if not found and isinstance(row, Mapping):
            day = dt.date.fromisoformat(row[DATE])
            labels.append(Label(row[APPLICATION_ID], OUTCOMES[row[OUTCOME]], day, row[SOURCE]))
    return labels, faults


def digest_of(labels: Sequence[Label]) -> bytes:
    """Digest that identifies these labels, 32 bytes."""
    return hashlib.sha256(msgspec.json.encode(labels)).digest()


def _faults(row: object, today: dt.date) -> Iterator[tuple[str | None, str]]:
    if not isinstance(row, Mapping):
        yield None, f"is {_shown(row)}: expected an object with {', '.join(FIELDS)}"
        return
    strange = [name for name in row if name not in FIELDS]
    for name in strange[:_MOST_STRANGE]:
        yield str(name)[:_SHOWN], f"is not a field of a label: expected {', '.join(FIELDS)}"
    if len(strange) > _MOST_STRANGE:
        yield None, f"has {len(strange) - _MOST_STRANGE:,} more such fields: expected {', '.join(FIELDS)}"
    yield from _text_faults(row, APPLICATION_ID, ID_CHARACTERS)
    outcome = row.get(OUTCOME)
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        expected = f"expected one of {', '.join(OUTCOMES)}; an officer's suspicion is a decision, not an outcome"
        yield OUTCOME, f"is {_shown(outcome)}: {expected}"
    date = row.get(DATE)
    told = _date_fault(date, today)
    if told is not None:
        yield DATE, f"is {_shown(date)}: {told}"
    yield from _text_faults(row, SOURCE, SOURCE_CHARACTERS)


def _text_faults(row: Mapping[str, object], field: str, most: int) -> Iterator[tuple[str, str]]:
    value = row.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable() or value != value.strip():
        yield field, f"is {_shown(value)}: expected 1 to {most} printable characters, without spaces at either end"


def _date_fault(value: object, today: dt.date) -> str | None:
    expected = "expected a date as YYYY-MM-DD"
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return expected
    try:
        day = dt.date.fromisoformat(value)
    except ValueError:
        return f"{expected}, and a date that exists"
    if not FIRST_DAY <= day <= today:
        return f"expected a date from {FIRST_DAY} to {today}, which is today (UTC)"
    return None


def _shown(value: object) -> str:
    """A value as shown in an error, or its type."""
    if value is None:
        return "missing"
    if not isinstance(value, str):
        return f"of the type {type(value).__name__}"
    return repr(value if len(value) <= _SHOWN else f"{value[: _SHOWN - 3]}...")
