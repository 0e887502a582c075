"""Makes dossiers for the pages, with the auditor's login: the desk's own login cannot read the log."""

from __future__ import annotations

import io
import threading
import zipfile
from dataclasses import dataclass
from typing import Any, Final

from psycopg2.extensions import make_dsn

from desk.errors import NotNow
from fraud.database import connect
from fraud.settings import DatabaseRole, Settings
from serve.audit.dossier.document import Audience, Dossier
from serve.audit.dossier.dossier_command import PAGE_FILE, sources_of
from serve.audit.dossier.gathering import Wish, gather, rows_of_application
from serve.audit.dossier.page import dossier_page
from serve.audit.dossier.sealing import JSON_FILE, open_sealed, seal
from serve.audit.stored_rows import records_of_application
from serve.prediction_log.anchor_key import anchor_key

APPLICATION_NAME: Final = "desk-dossiers"
LONGEST_QUERY_MS: Final = 30_000
"""No index helps to find an application in the log."""


@dataclass(frozen=True, slots=True)
class MadeDossier:
    """A dossier, and what the journal is to know of it."""

    archive: bytes
    """ZIP of the letter or table, and the file that proves it: both are of the same moment, and name each other."""
    facts: dict[str, Any]
    """Where the answers stand in the log; nothing that says whose they are, since a journal can't be erased."""


class DossierMaker:
    """Makes one at a time: a version has to be loaded for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    @property
    def is_possible(self) -> bool:
        """Whether the settings have the auditor's login."""
        return self._settings.auditor_db_password is not None

    def make(self, application: str, audience: Audience, language: str) -> MadeDossier | None:
        """The dossier of an application; None where nothing is on record under that id.

        Raises:
            NotNow: another is being made.
            ProjectError, psycopg2.Error: the registry or the database does not answer, or a record is not as written.
        """
        if not self._lock.acquire(blocking=False):
            raise NotNow("another dossier is being made: try again in a minute")
        try:
            made = self._gather(application, Wish(application, audience, language))
        finally:
            self._lock.release()
        return None if made is None else _packed(made, self._settings)

    def _gather(self, application: str, wish: Wish) -> Dossier | None:
        dsn = make_dsn(self._settings.dsn(DatabaseRole.AUDITOR), options=f"-c statement_timeout={LONGEST_QUERY_MS}")
        with connect(dsn, APPLICATION_NAME) as connection:
            rows = rows_of_application(list(records_of_application(connection, application)), application)
            return gather(sources_of(self._settings, connection), rows, wish) if rows else None


def _packed(made: Dossier, settings: Settings) -> MadeDossier:
    data = seal(made, anchor_key(settings))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(PAGE_FILE, dossier_page(made, open_sealed(data).seal.sha256))
        archive.writestr(JSON_FILE, data)
    places = [
        {"chain_id": answer.proof.chain_id, "sequence": answer.proof.sequence, "row": answer.row_number}
        for answer in made.answers
    ]
    return MadeDossier(target.getvalue(), {"for": made.audience.value, "language": made.language, "answers": places})
