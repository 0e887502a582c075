"""Recording of files' answers in the prediction log: one record for each chunk, like a batch of the API."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from fraud.settings import DatabaseRole, Settings
from serve.batch.answers import Answers
from serve.batch.errors import RecordError
from serve.batch.places import Chunk, PlaceJournal
from serve.decoding.rows import APPLICANT_REF
from serve.errors import PredictionLogFull
from serve.model.serving_model import LoadedModel
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.record import PredictionRecord
from serve.prediction_log.spool import Spool, Sync
from serve.prediction_log.table import LogTable
from serve.scoring.asks import call_on_record

CALL: Final = "serve.batch"
"""Used instead of a request's path: marks a record as one of a file."""
SHARE: Final = 0.5
"""Share of the spool's limit that files may fill: the rest is left for a server's requests."""
PATIENCE_S: Final = 60.0
"""How long a record waits for space in the spool, seconds, while PostgreSQL does not accept records."""
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class PredictionLog:
    """The destination of records: this machine's spool, and from there PostgreSQL."""

    spool: Path
    max_bytes: int
    dsn: str
    key: str | None
    """Key for the hash of `applicant_ref`."""

    @classmethod
    def of(cls, settings: Settings) -> PredictionLog:
        """The prediction log of the server on this machine.

        Raises:
            SettingsError: no database is configured.
        """
        key, _ = settings.ref_keys()
        dsn = settings.dsn(DatabaseRole.SERVER)
        return cls(settings.spool_folder().resolve(), settings.spool_max_bytes, dsn, key)

    def refuse_unusable(self, columns: Collection[str]) -> None:
        """Check that it accepts records of rows with these columns.

        Raises:
            RecordError, DatabaseError, psycopg2.Error: it does not, or PostgreSQL does not answer.
        """
        if APPLICANT_REF in columns and self.key is None:
            raise RecordError(f"{APPLICANT_REF} can't be recorded: remove the column, or set APPLICANT_REF_KEY")
        if self.spool.exists() and (owner := self.spool.stat().st_uid) != os.geteuid():
            raise RecordError(
                f"{self.spool} belongs to the user {_user(owner)}, whose server could not read the files of this run: "
                f"run it as that user"
            )
        table = LogTable(self.dsn)
        table.marks([])
        table.disconnect()


@dataclass(frozen=True, slots=True)
class Recording:
    """The data that a job's processes need to record answers."""

    log: PredictionLog
    job_id: str
    places: Path
    recorded: Mapping[int, frozenset[int]]
    """By part: the chunks recorded by earlier runs."""


class Recorder:
    """Writes the records of one process, in its own chain."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        log = recording.log
        self._pseudonyms = Pseudonyms(log.key)
        self._journal = PlaceJournal(recording.places)
        # A part is synced to disk before it counts as scored, so its records must be synced too.
        self._spool = Spool(log.spool, int(log.max_bytes * SHARE), Sync.ALWAYS)
        self._spool.start()
        self._caller = f"batch:{_user(os.geteuid())}"

    def record(self, chunk: Chunk, answers: Answers, model: LoadedModel) -> None:
        """Record a chunk's answers, once over all runs of the job; they are durable when this returns.

        Raises:
            RecordError: the spool is full, and PostgreSQL does not accept records.
            OSError: the spool can't be written.
        """
        rows = answers.rows
        if not len(rows.matrix) or chunk.number in self._recording.recorded.get(chunk.part, ()):
            return
        record = PredictionRecord(
            request_id=f"batch-{self._recording.job_id}-{chunk.part}-{chunk.number}",
            received_at=time.time_ns() // 1000,
            endpoint=call_on_record(CALL, rows),
            caller=self._caller,
            model_version=model.manifest.model_version,
            model_sha256=model.sha256,
            load_test=False,
            application_ids=rows.application_ids,
            applicant_refs=self._pseudonyms.of_rows(rows.applicant_refs),
            features=rows.matrix,
            probabilities=answers.probabilities,
            reasons=None if answers.reasons is None else answers.reasons.on_record(),
        )
        self._append(record, chunk)

    def close(self) -> None:
        """End the chain and seal its segment."""
        self._spool.stop()
        self._journal.close()

    def _append(self, record: PredictionRecord, chunk: Chunk) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._spool.append(record, partial(self._journal.claim, chunk=chunk))
            except PredictionLogFull as full:
                if time.monotonic() > deadline:
                    raise RecordError(
                        f"the spool {self._recording.log.spool} accepts no record ({full.message}): once PostgreSQL "
                        f"accepts the waiting records, run the same command again to resume"
                    ) from None
                time.sleep(_POLL_S)
            else:
                return


def _user(number: int) -> str:
    """The name of a user; the number if it has none, as in a container."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
