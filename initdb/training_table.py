"""Table `divorce_predictions` of `v0002_training_data.sql`: its name, its columns, where its rows came from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final, Self

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from fraud.features import DATE, FEATURE_NAMES, LABEL

TABLE: Final = sql.Identifier("public", "divorce_predictions")
COLUMNS: Final = ("application_id", DATE, *FEATURE_NAMES, LABEL)
COLUMN_LIST: Final = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the loaded rows were made from; kept as the table's comment, so that it is set and lost with the rows."""

    source: str
    seed: int
    scale: float
    rows: int

    def __str__(self) -> str:
        """As one phrase."""
        return f"{self.rows:,} applications from {self.source}, seed {self.seed}, scale {self.scale:g}"

    def to_comment(self) -> str:
        """The table's comment."""
        return json.dumps(asdict(self))

    @classmethod
    def from_comment(cls, comment: str | None) -> Self | None:
        """None for a comment that isn't ours."""
        try:
            return cls(**json.loads(comment or ""))
        except (ValueError, TypeError):
            return None


def has_rows(connection: Connection) -> bool:
    """Whether any application is loaded."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(TABLE))
        return bool(cursor.fetchone() == (True,))


def read_provenance(connection: Connection) -> Provenance | None:
    """None when the rows were not loaded by us, or none are loaded."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(%s::regclass, 'pg_class')", (TABLE.as_string(connection),))
        row = cursor.fetchone()
    return Provenance.from_comment(row[0]) if row else None
