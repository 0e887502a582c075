"""Answers of files in the prediction log: each chunk that is scored is one record, as a batch of the API is."""

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
"""In the place of the address that a request was sent to: what marks a record as one of a file."""
SHARE: Final = 0.5
"""Of the spool's bound, that files may fill: a server beside them still has the rest for its requests."""
PATIENCE_S: Final = 60.0
"""For which a record waits for space in the spool: PostgreSQL takes nothing then."""
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class PredictionLog:
    """Where records go: a spool of this machine, and from there PostgreSQL."""

    spool: Path
    max_bytes: int
    dsn: str
    key: str | None
    """Under which `applicant_ref` is kept."""

    @classmethod
    def of(cls, settings: Settings) -> PredictionLog:
        """That of the server on this machine.

        Raises:
            SettingsError: no database is configured.
        """
        key, _ = settings.ref_keys()
        dsn = settings.dsn(DatabaseRole.SERVER)
        return cls(settings.spool_folder().resolve(), settings.spool_max_bytes, dsn, key)

    def refuse_unusable(self, columns: Collection[str]) -> None:
        """Return if it takes what rows with these columns have.

        Raises:
            RecordError, DatabaseError, psycopg2.Error: it can't, or PostgreSQL can't be reached.
        """
        if APPLICANT_REF in columns and self.key is None:
            raise RecordError(f"{APPLICANT_REF} can't be kept: leave the column out, or set APPLICANT_REF_KEY")
        if self.spool.exists() and (owner := self.spool.stat().st_uid) != os.geteuid():
            raise RecordError(
                f"{self.spool} belongs to the user {_user(owner)}, whose server could not read what is written here: "
                "run this as that user"
            )
        table = LogTable(self.dsn)
        table.marks([])
        table.disconnect()


@dataclass(frozen=True, slots=True)
class Recording:
    """What the processes of a job need to record its answers."""

    log: PredictionLog
    job_id: str
    places: Path
    recorded: Mapping[int, frozenset[int]]
    """By part: the chunks that earlier runs have recorded."""


class Recorder:
    """One process's way into the log, with a chain of its own."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        log = recording.log
        self._pseudonyms = Pseudonyms(log.key)
        self._journal = PlaceJournal(recording.places)
        # A part is forced to the disk before it counts as scored, so its records have to be as well.
        self._spool = Spool(log.spool, int(log.max_bytes * SHARE), Sync.ALWAYS)
        self._spool.start()
        self._caller = f"batch:{_user(os.geteuid())}"

    def record(self, chunk: Chunk, answers: Answers, model: LoadedModel) -> None:
        """Have a chunk's answers on record, once over all runs of the job; they are when this returns.

        Raises:
            RecordError: the spool has no space, and PostgreSQL takes nothing.
            OSError: the disk is at fault.
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
        """End the chain: what is written of it is sealed."""
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
                        f"the spool {self._recording.log.spool} takes no record ({full.message}): once PostgreSQL "
                        "takes what waits there, give the same command again to go on"
                    ) from None
                time.sleep(_POLL_S)
            else:
                return


def _user(number: int) -> str:
    """The name of a user; the number where there is none, as in a container."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
