"""The local copy of the journal of review policies: replaced as a whole, seen by every worker at its next request."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from fraud.database import connect
from fraud.review_policy import Entry, PolicyError, check
from fraud.review_policy_table import read_journal
from serve.local_file import LocalFile

APPLICATION_NAME: Final = "policies"
FILE: Final = "review_policies.json"


class JournalFile(LocalFile):
    """One file, written by whoever reads the database, read by all."""

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
            self.replace(msgspec.json.encode(journal))


def journal_file(run_dir: Path) -> JournalFile:
    """Of a server with this run folder."""
    return JournalFile(run_dir / FILE)
