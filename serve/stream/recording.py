"""Recording of streams' answers in the prediction log: one record for each batch, like a batch of the API.

The record is on the disk before the answers are published. After a kill in between, the recorded answers are published
(`recorded_answers.py`).
"""

from __future__ import annotations

import logging
import os
import pwd
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

import psycopg2

from fraud.foreign_errors import postgres_words
from fraud.settings import Settings
from serve.batch.errors import RecordError
from serve.batch.recording import PATIENCE_S, SHARE, PredictionLog
from serve.batch.shipping import shipping, wait_until_shipped
from serve.errors import PredictionLogFull
from serve.model.serving_model import LoadedModel
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.record import PredictionRecord, Promise, RecordPlace
from serve.prediction_log.spool import Spool, Sync
from serve.scoring.asks import call_on_record
from serve.stream.errors import StreamError
from serve.stream.instance import FOLDER
from serve.stream.messages import Answer, Message
from serve.stream.recorded_answers import RecordedAnswers
from serve.stream.scoring import Scored

logger = logging.getLogger(__name__)

CALL: Final = "serve.stream"
"""Used instead of a request's path: marks a record as one of a stream."""
NAME_LETTERS: Final = 128
"""Longest request id. A longer topic loses its beginning."""
_POLL_S: Final = 0.2


def usable_log(settings: Settings) -> PredictionLog:
    """The prediction log of the server on this machine.

    Raises:
        ProjectError: it does not accept records of streams, or PostgreSQL does not answer.
    """
    log = PredictionLog.of(settings)
    if log.key is None:
        raise StreamError("--record needs APPLICANT_REF_KEY: a message may name an applicant")
    try:
        log.refuse_unusable(())
    except psycopg2.Error as error:
        raise StreamError(f"PostgreSQL does not accept records: {postgres_words(error)}") from error
    return log


@contextmanager
def recording(settings: Settings, broker: str, *, until_shipped: bool) -> Iterator[Recorder]:
    """A recorder; its records are shipped during the block. With `until_shipped` the end of the block waits for that.

    Raises:
        ProjectError: as `usable_log` and `Recorder`.
    """
    log = usable_log(settings)
    folder = settings.run_dir.resolve() / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with shipping(folder):
        recorder = Recorder(log, broker)
        try:
            yield recorder
        finally:
            recorder.close()
        if until_shipped:
            _wait_until_shipped(log, recorder)


def request_id_of(key: str) -> str:
    """Of the record of a batch, by its first application; the end of the key tells applications apart."""
    beginning = f"{CALL.rpartition('.')[2]}-"
    return beginning + key[-(NAME_LETTERS - len(beginning)) :]


class Recorder:
    """Writes the records of one bridge, in its own chain."""

    def __init__(self, log: PredictionLog, broker: str) -> None:
        """`broker` is the source's name.

        Raises:
            StreamError: the spool can't be used.
        """
        # The broker keeps the answers, so their record must be synced to disk too.
        self._spool = Spool(log.spool, int(log.max_bytes * SHARE), Sync.ALWAYS)
        self._spool.start()
        self._answers = RecordedAnswers(log.spool, broker)
        self._pseudonyms = Pseudonyms(log.key)
        self._caller = f"stream:{_user_name()}"
        self.chains: Sequence[uuid.UUID] = ()
        """The chain that was written, if any was."""

    def recorded(self, messages: Sequence[Message]) -> Mapping[Message, bytes]:
        """The recorded answers to applications that come again; see `RecordedAnswers.recorded`."""
        return self._answers.recorded(messages)

    def record(self, scored: Scored, model: LoadedModel, taken_at: float) -> None:
        """Record a batch's answers; they are durable when this returns. Dead letters are not recorded.

        Raises:
            StreamError: the spool is full, or another bridge may hold the applications.
        """
        if not scored.answers:
            return
        record = PredictionRecord(
            request_id=request_id_of(scored.answers[0].message.key),
            received_at=time.time_ns() // 1000,
            endpoint=call_on_record(CALL, scored.rows),
            caller=self._caller,
            model_version=model.manifest.model_version,
            model_sha256=model.sha256,
            load_test=False,
            application_ids=scored.rows.application_ids,
            applicant_refs=self._pseudonyms.of_rows(scored.rows.applicant_refs),
            features=scored.rows.matrix,
            probabilities=scored.probabilities,
            reasons=None if scored.reasons is None else scored.reasons.on_record(),
        )
        self._append(record, partial(self._promise, scored.answers, taken_at))

    def settle(self, messages: Sequence[Message]) -> None:
        """Forget the answers, which the broker has now."""
        self._answers.settle(messages)

    def close(self) -> None:
        """End the chain and seal its segment."""
        self._spool.stop()
        self._answers.close()

    def _promise(self, answers: Sequence[Answer], taken_at: float, place: RecordPlace) -> None:
        self._answers.promise(answers, place, taken_at)
        self.chains = [place.chain_id]

    def _append(self, record: PredictionRecord, promise: Promise) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._spool.append(record, promise)
            except PredictionLogFull as full:
                if time.monotonic() > deadline:
                    raise StreamError(f"the prediction log accepts no record: {full.message}") from None
                time.sleep(_POLL_S)
            else:
                return


def _wait_until_shipped(log: PredictionLog, recorder: Recorder) -> None:
    try:
        wait_until_shipped(log.spool, recorder.chains)
    except RecordError:
        logger.warning("records wait in %s: a server ships them, or the next bridge", log.spool)


def _user_name() -> str:
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # as in a container
        return str(number)
