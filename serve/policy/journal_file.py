"""The local copy of the journal of review policies: replaced as a whole, seen by every worker at its next request."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from fraud.database import connect
from fraud.review_policy import Entry, PolicyError, check
from fraud.review_policy_table import read_journal

APPLICATION_NAME: Final = "policies"
FILE: Final = "review_policies.json"

Version = tuple[int, int, int] | None
"""Tells one content of the file from another; None: there is no file."""


class JournalFile:
    """One file, written by whoever reads the database, read by all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def version(self) -> Version:
        """Of what is there now."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def read(self) -> list[Entry]:
        """The entries; none where nobody has fetched any.

        Raises:
            PolicyError: the file holds something else.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[Entry])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            raise PolicyError(f"{self.path} can't be read ({error}): remove it, and it is fetched again") from None

    def renew(self, dsn: str) -> None:
        """Take over what the database has; nothing is written where it has nothing new.

        Raises:
            PolicyError: the database's journal is not what was signed, or is no continuation of what is here.
            DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
        """
        with connect(dsn, APPLICATION_NAME) as connection:
            journal = read_journal(connection)
        check(journal)
        here = self.read()
        if journal[: len(here)] != here:
            raise PolicyError(
                f"review_policies in the database is no continuation of {self.path}: entries that were used here were "
                "taken out or changed; restore the table, or remove the file if that was meant"
            )
        if len(journal) > len(here):
            self._replace(journal)

    def _replace(self, journal: Sequence[Entry]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        staging = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        staging.write_bytes(msgspec.json.encode(journal))
        staging.replace(self.path)


def journal_file(run_dir: Path) -> JournalFile:
    """Of a server with this run folder."""
    return JournalFile(run_dir / FILE)
