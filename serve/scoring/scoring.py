"""Scoring: bytes -> matrix -> probabilities -> record -> bytes, each step called in order from here."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from serve.errors import MalformedBody, ServeError
from serve.idempotency.answers import Answer, SavedAnswers
from serve.idempotency.key import REPLAYED_HEADER
from serve.metrics import Metrics
from serve.model.serving_model import ServingModel
from serve.overload.in_flight import Admission, Ticket
from serve.overload.rate_limits import NoLimits, RateLimits
from serve.overload.thread_queue import ThreadQueue
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.record import PredictionRecord, RecordLog
from serve.request_names import MODEL_VERSION_HEADER, REQUEST_ID_HEADER
from serve.scoring.body_headers import too_large
from serve.scoring.call import Call, Headers, Read
from serve.scoring.content_encoding import IDENTITY, inflate

# Below this a request takes less time on the event loop than the change to another thread costs.
INLINE_BODY_MAX_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for."""

    max_batch_rows: int
    max_body_bytes: int


class Scoring:
    """Scores requests with a model, a prediction log and a few threads for large batches."""

    def __init__(
        self,
        *,
        model: ServingModel,
        log: RecordLog,
        saved_answers: SavedAnswers,
        pseudonyms: Pseudonyms,
        limits: Limits,
        admission: Admission,
        rate_limits: RateLimits | NoLimits,
        threads: ThreadQueue,
        metrics: Metrics,
    ) -> None:
        self.limits = limits
        self.threads = threads
        self.inline_max_bytes = 0 if log.waits_for_disk else INLINE_BODY_MAX_BYTES
        self._admission = admission
        self._rate_limits = rate_limits
        self._model = model
        self._log = log
        self._saved_answers = saved_answers
        self._pseudonyms = pseudonyms
        self.metrics = metrics

    def begin(
        self, endpoint: str, caller: str, request_id: str, headers: Headers, readers: Mapping[str, Read]
    ) -> ScoringRequest:
        """Take on a request of which the headers have come.

        Raises:
            ServeError: it is refused.
        """
        started = time.perf_counter()
        try:
            call = Call.of(endpoint, caller, request_id, headers, readers)
            if call.announced_bytes > self.limits.max_body_bytes:
                raise too_large(self.limits.max_body_bytes)
            self._admission.refuse_early(call.announced_bytes)
            if call.announced_bytes > self.inline_max_bytes:
                self.threads.refuse_if_standing()
            self._rate_limits.take_request(caller)
        except ServeError as error:
            self.metrics.refused(endpoint, error.status)
            raise
        return ScoringRequest(self, call, self._admission.ticket(), started)

    def score_once(self, call: Call, ticket: Ticket, body: bytes) -> Answer:
        """The answer that was given under the request's key, or a new one."""
        assert call.key is not None  # noqa: S101 - the caller has looked
        key = call.key.digest()
        saved = self._saved_answers.claim(key, call.key.request_digest(call.content_type, call.encoding, body))
        if saved is not None:
            return replayed(saved)
        try:
            answer = self.score(call, ticket, body, key)
        except BaseException:
            self._saved_answers.release(key)
            raise
        self._saved_answers.confirm(key)
        return answer

    def score(self, call: Call, ticket: Ticket, body: bytes, key: bytes | None = None) -> Answer:
        """A new answer, which is on record when this returns, and promised under the `key` before."""
        model = self._model.active
        question = call.read(inflate(body, call.encoding, self.limits.max_body_bytes), model.manifest)
        ticket.add_rows(len(question.rows.matrix))
        self._rate_limits.take_rows(call.caller, len(question.rows.matrix))
        applicant_refs = self._pseudonyms.of_rows(question.rows.applicant_refs)
        probabilities = model.engine.score(question.rows.matrix)
        reply = question.write(probabilities, model.manifest)
        version = model.manifest.model_version
        headers = {MODEL_VERSION_HEADER: str(version), **reply.headers}
        answer = Answer(reply.content, reply.media_type, headers, len(probabilities), call.request_id)
        self._log.append(
            PredictionRecord(
                request_id=call.request_id,
                received_at=call.received_at,
                endpoint=call.endpoint,
                caller=call.caller,
                model_version=version,
                model_sha256=model.sha256,
                load_test=call.load_test,
                application_ids=question.rows.application_ids,
                applicant_refs=applicant_refs,
                features=question.rows.matrix,
                probabilities=probabilities,
            ),
            None if key is None else functools.partial(self._saved_answers.promise, key, answer),
        )
        return answer


class ScoringRequest:
    """One request from its headers to its answer."""

    __slots__ = ("_call", "_pieces", "_scoring", "_size", "started", "ticket")

    def __init__(self, scoring: Scoring, call: Call, ticket: Ticket, started: float) -> None:
        self._scoring = scoring
        self._call = call
        self._pieces: list[bytes] = []
        self._size = 0
        self.started = started
        """When its headers had come, of `time.perf_counter`."""
        self.ticket = ticket

    def add(self, piece: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            BodyTooLarge, Overloaded: it is one too many.
        """
        self._size += len(piece)
        if self._size > self._scoring.limits.max_body_bytes:
            raise too_large(self._scoring.limits.max_body_bytes)
        self.ticket.add_bytes(len(piece))
        self._pieces.append(piece)

    @property
    def is_quick(self) -> bool:
        """Whether the answer may be computed on the event loop."""
        # How much a compressed body holds is not known yet, and a key has to be looked up on the disk.
        call = self._call
        return self._size <= self._scoring.inline_max_bytes and call.encoding == IDENTITY and call.key is None

    def answer(self) -> Answer:
        """Score the whole body. Whatever happens, release the ticket when the answer has left.

        Raises:
            ServeError: the request is refused; nothing of it is on record.
        """
        if not self._size:
            raise MalformedBody("the body is empty")
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        score = self._scoring.score if self._call.key is None else self._scoring.score_once
        return score(self._call, self.ticket, body)

    def answered(self, answer: Answer) -> None:
        """The answer is about to leave. Call it on the event loop."""
        self._scoring.metrics.answered(self._call.endpoint, answer.rows, time.perf_counter() - self.started)

    def fail(self, error: BaseException) -> None:
        """The request gets no answer."""
        self.ticket.release()
        if isinstance(error, ServeError):
            self._scoring.metrics.refused(self._call.endpoint, error.status)


def replayed(answer: Answer) -> Answer:
    """An answer that is given again: the headers say so, and under which request id it is on record."""
    headers = {**answer.headers, REPLAYED_HEADER: "true", REQUEST_ID_HEADER: answer.request_id}
    return msgspec.structs.replace(answer, headers=headers)
