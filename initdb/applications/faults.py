"""What is wrong with a file's rows: the first faults in full, and all of them counted."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fraud.counted import counted

SHOWN_FAULTS: Final = 100
SHOWN_CHARS: Final = 40
"""Of a faulty value."""


class Kind(StrEnum):
    """What a value or a row can be at fault for, as people read it."""

    BROKEN_ROW = "is not a valid row"
    MISSING = "is missing"
    NO_NUMBER = "is not a number"
    NOT_WHOLE = "is not a whole number"
    OUT_OF_RANGE = "is out of range"
    NO_VALUE_OF_THESE = "is not one of the allowed values"
    NO_DATE = "is not a date as YYYY-MM-DD"
    NO_LABEL = "is neither 0 nor 1"
    NO_ID = "is not an id of 1 to 64 printable characters"
    NO_TEXT = "is not a text of 1 to 64 printable characters"
    TWICE = "is there twice"
    KNOWN = "is already in the table"
    TOO_MANY_VALUES = "exceeds the number of values of an attribute that can be compared as groups"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and where it is."""

    file: str
    place: str
    """`line 7` of a text, `row 7` of what has no lines."""
    column: str | None
    kind: Kind
    value: str | None = None
    remark: str = ""

    def __str__(self) -> str:
        """As one line."""
        column = f", {self.column}" if self.column else ""
        value = "" if self.value is None else f"{shortened(self.value)!r} "
        return f"{self.file}, {self.place}{column}: {value}{self.kind}{self.remark}"


def shortened(value: str) -> str:
    """No longer than a person wants to read."""
    return value if len(value) <= SHOWN_CHARS else f"{value[: SHOWN_CHARS - 3]}..."


class Faults:
    """All faults of a load."""

    def __init__(self) -> None:
        self.first: list[Fault] = []
        self.counts: Counter[tuple[Kind, str]] = Counter()

    def __len__(self) -> int:
        """All of them, shown or not."""
        return self.counts.total()

    @property
    def room(self) -> int:
        """How many more are shown."""
        return SHOWN_FAULTS - len(self.first)

    def count(self, kind: Kind, column: str | None, number: int) -> None:
        """Count faults of a kind, whether they are shown or not."""
        if number:
            self.counts[kind, column or ""] += number

    def show(self, faults: Iterable[Fault]) -> None:
        """Keep as many of these as there is room for."""
        self.first += itertools.islice(faults, self.room)

    def lines(self) -> list[str]:
        """The faults and their summary, a line each."""
        shown = [str(fault) for fault in self.first]
        left = len(self) - len(shown)
        if left:
            shown.append(f"... and {left:,} more")
        total = counted(len(self), "fault")
        summary = [
            f"  {count:,} x {f'{column} ' if column else ''}{kind}"
            for (kind, column), count in self.counts.most_common()
        ]
        return [*shown, f"{total}, nothing was loaded:", *summary]
