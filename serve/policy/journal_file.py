"""The local copy of the journal of review policies: replaced atomically, read by every worker at its next request."""

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
    """The file: written by the process that reads the database, read by all workers."""

    def read(self) -> list[Entry]:
        """The entries; empty if none were fetched yet.

        Raises:
            PolicyError: the file has other content.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[Entry])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            raise PolicyError(
                f"{self.path} can't be read ({error}): remove it, and the server fetches it again"
            ) from None

    def renew(self, dsn: str) -> None:
        """Copy the database's journal; writes nothing if there are no new entries.

        Raises:
            PolicyError: the database's journal has an invalid signature, or does not continue the local one.
            DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
        """
        with connect(dsn, APPLICATION_NAME) as connection:
            journal = read_journal(connection)
        check(journal)
        here = self.read()
        if journal[: len(here)] != here:
            raise PolicyError(
                f"review_policies in the database does not continue {self.path}: entries that were used here were "
                f"removed or changed; restore the table, or remove the file if that was intended"
            )
        if len(journal) > len(here):
            self.replace(msgspec.json.encode(journal))


def journal_file(run_dir: Path) -> JournalFile:
    """The journal file of a server with this run folder."""
    return JournalFile(run_dir / FILE)
