"""Where the applications came from that models are trained on: the comment of their table, set and lost with them."""

from __future__ import annotations

from typing import Final, Self

import msgspec
from psycopg2.extensions import connection as Connection

from fraud.counted import counted

TABLE: Final = "public.divorce_predictions"


class ReferenceRows(msgspec.Struct, frozen=True, tag="reference", tag_field="kind"):
    """The demonstration: applicants of the public table or of our generator, with drawn dates and a simulated wave."""

    source: str
    seed: int
    scale: float
    rows: int
    credit_ceiling: float | None = 25_000.0
    """EUR; only smaller loans were taken."""
    wave_rows: int | None = None
    """Of the simulated new wave; None: loaded before this was counted."""
    divorces: int | None = None
    invented_divorces: int | None = None
    """Of these, those of applicants who are no divorce in the source."""

    def asked_for(self) -> tuple[str, int, float, float | None]:
        """What decides which rows these are."""
        return self.source, self.seed, self.scale, self.credit_ceiling

    def __str__(self) -> str:
        """As one phrase."""
        text = f"{self.rows:,} applications from {self.source}, seed {self.seed}, scale {self.scale:g}"
        if self.wave_rows is None:
            return f"{text} (a demonstration: dates are drawn, and a new wave is simulated)"
        return (
            f"{text} (a demonstration: dates are drawn, and {self.wave_rows:,} applications are a simulated new wave: "
            f"{self.invented_divorces:,} of all {self.divorces:,} divorces are invented for it)"
        )


class LoadedFile(msgspec.Struct, frozen=True):
    """A file that was loaded."""

    name: str
    sha256: str
    rows: int


class OwnRows(msgspec.Struct, frozen=True, tag="files", tag_field="kind"):
    """Applications of somebody's own, with their own dates and labels."""

    files: tuple[LoadedFile, ...]
    loaded_at: str
    """UTC, ISO 8601."""
    replaced: int = 0
    """Rows that had the same application_id and are gone."""

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(file.rows for file in self.files)

    def __str__(self) -> str:
        """As one phrase."""
        names = ", ".join(file.name for file in self.files)
        instead = f" in the place of {self.replaced:,} with the same id" if self.replaced else ""
        return f"{counted(self.rows, 'application')} from {names}{instead}, loaded {self.loaded_at[:10]}"


class Provenance(msgspec.Struct, frozen=True):
    """What the table's rows were loaded from, in the order of loading."""

    parts: tuple[ReferenceRows | OwnRows, ...]

    @property
    def rows(self) -> int:
        """How many there should be."""
        return sum(part.rows - (part.replaced if isinstance(part, OwnRows) else 0) for part in self.parts)

    @property
    def reference(self) -> tuple[ReferenceRows, ...]:
        """The parts in which something is made up."""
        return tuple(part for part in self.parts if isinstance(part, ReferenceRows))

    def has_file(self, name: str) -> bool:
        """Whether rows of somebody's own file of this name were loaded."""
        return any(file.name == name for part in self.parts if isinstance(part, OwnRows) for file in part.files)

    def __str__(self) -> str:
        """As one phrase."""
        return "; ".join(map(str, self.parts))

    def to_comment(self) -> str:
        """The table's comment."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_comment(cls, comment: str | None) -> Self | None:
        """None for a comment that isn't ours."""
        try:
            return msgspec.json.decode(comment or "", type=cls)
        except msgspec.DecodeError:
            return cls._from_first_form(comment or "")

    @classmethod
    def _from_first_form(cls, comment: str) -> Self | None:
        # What 0.1.0 wrote: one object of reference rows, without its kind.
        try:
            facts = msgspec.json.decode(comment, type=dict[str, str | int | float])
            return cls((msgspec.convert({**facts, "kind": "reference"}, ReferenceRows),))
        except msgspec.DecodeError:
            return None


def read_provenance(connection: Connection) -> Provenance | None:
    """None when the rows were not loaded by us, or none are loaded."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", (TABLE,))
        row = cursor.fetchone()
    return Provenance.from_comment(row[0]) if row else None
