"""What can be wrong with the reference data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psycopg2

from fraud.errors import DatabaseError, ProjectError
from fraud.foreign_errors import one_line, postgres_words


class RawTableError(ProjectError):
    """The raw CSV can't be used: not there, empty, not a CSV, or without a column that is needed."""

    def __init__(self, path: Path, fault: str, remedy: str) -> None:
        super().__init__(f"{path}: {fault}; {remedy}")


class NoUsableRowsError(RawTableError):
    """The preparation dropped every row of the raw CSV."""


class ApplicationsFileError(ProjectError):
    """A file of applications can't be read, or lacks a column."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"{path}: {fault}")


class FaultyApplicationsError(ProjectError):
    """Rows of somebody's own applications are at fault; nothing was loaded. One line a fault, then how many of each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))


class OwnFeaturesError(ProjectError):
    """Reference applications are asked for, and the features are not those that they have."""


class TooFewRowsError(ProjectError):
    """The prepared rows can't be split into the three parts of the reference data."""


class SchemaError(DatabaseError):
    """PostgreSQL refused one of the SQL files; nothing of it was applied."""

    @classmethod
    def refused(cls, file_name: str, error: BaseException) -> Self:
        """Name the file and PostgreSQL's reason, in one line."""
        return cls(
            f"PostgreSQL refused {file_name}: {_words(error)}; run initdb as the owner of the database, who may create "
            "roles"
        )


class FeatureColumnError(DatabaseError):
    """The applications that are loaded lack a feature that is declared."""


class TableInUseError(SchemaError):
    """A table was in use; nothing of the file was applied, and it can be tried again."""


class LoadError(DatabaseError):
    """PostgreSQL refused the rows; what was in the table before is still there."""


class NothingToDumpError(ProjectError):
    """A dump was asked for, but no reference data are loaded."""


class TruthError(ProjectError):
    """The true probabilities are not known."""


def _words(error: BaseException) -> str:
    """PostgreSQL's message alone: its details can quote rows."""
    return postgres_words(error) if isinstance(error, psycopg2.Error) else one_line(str(error))
