"""Every scoring route: bytes -> matrix -> probabilities -> record -> bytes, each step called in order from here."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from serve.admission import Admission, Ticket, TicketedResponse
from serve.body import content_type_of, read_body
from serve.content_encoding import IDENTITY, content_encoding_of, inflate
from serve.errors import ServeError
from serve.exchange import Read
from serve.idempotency.answers import Answer, SavedAnswers
from serve.idempotency.key import REPLAYED_HEADER, IdempotencyKey, idempotency_key_of
from serve.metrics import Metrics
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.record import ANONYMOUS, PredictionRecord, RecordLog
from serve.request_context import MODEL_VERSION_HEADER, REQUEST_ID_HEADER, is_load_test, request_id_of
from serve.serving_model import ServingModel

# Below this a request takes less time on the event loop than the change to another thread costs.
INLINE_BODY_MAX_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for."""

    max_batch_rows: int
    max_body_bytes: int


@dataclass(frozen=True, slots=True)
class Call:
    """What a request says besides its body."""

    endpoint: str
    request_id: str
    received_at: dt.datetime
    load_test: bool
    content_type: str
    encoding: str
    """Of the body; `IDENTITY` when it is not compressed."""
    read: Read
    key: IdempotencyKey | None

    @classmethod
    def of(cls, request: Request, readers: Mapping[str, Read]) -> Call:
        """Read the headers.

        Raises:
            ServeError: one of them asks for what is not here.
        """
        content_type = content_type_of(request, readers)
        return cls(
            endpoint=request.scope["path"],
            request_id=request_id_of(request),
            received_at=dt.datetime.now(dt.UTC),
            load_test=is_load_test(request),
            content_type=content_type,
            encoding=content_encoding_of(request),
            read=readers[content_type],
            key=idempotency_key_of(request, ANONYMOUS),
        )


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
        threads: Executor,
        metrics: Metrics,
    ) -> None:
        self.limits = limits
        self._admission = admission
        self._model = model
        self._log = log
        self._saved_answers = saved_answers
        self._pseudonyms = pseudonyms
        self._inline_max_bytes = 0 if log.waits_for_disk else INLINE_BODY_MAX_BYTES
        self._threads = threads
        self._metrics = metrics

    async def answer(self, request: Request, readers: Mapping[str, Read]) -> Response:
        """Score a request whose body is read by content type; "" stands for a request that names none.

        Raises:
            ServeError: the request is refused; nothing of it is on record.
        """
        started = time.perf_counter()
        endpoint = request.scope["path"]
        ticket = self._admission.ticket()
        try:
            answer = await self._read_and_score(request, readers, ticket)
        except BaseException as error:
            ticket.release()
            if isinstance(error, ServeError):
                self._metrics.refused(endpoint, error.status)
            raise
        self._metrics.answered(endpoint, answer.rows, time.perf_counter() - started)
        return TicketedResponse(ticket, answer.content, answer.media_type, answer.headers)

    async def _read_and_score(self, request: Request, readers: Mapping[str, Read], ticket: Ticket) -> Answer:
        call = Call.of(request, readers)
        body = await read_body(request, self.limits.max_body_bytes, ticket.add_bytes)
        # How much a compressed body holds is not known yet, and a key has to be looked up on the disk.
        if len(body) <= self._inline_max_bytes and call.encoding == IDENTITY and call.key is None:
            return self._score(call, ticket, body)
        loop = asyncio.get_running_loop()
        score = self._score if call.key is None else self._score_once
        return await loop.run_in_executor(self._threads, score, call, ticket, body)

    def _score_once(self, call: Call, ticket: Ticket, body: bytes) -> Answer:
        """The answer that was given under the request's key, or a new one."""
        assert call.key is not None  # noqa: S101 - the caller has looked
        key = call.key.digest()
        saved = self._saved_answers.claim(key, call.key.request_digest(call.content_type, call.encoding, body))
        if saved is not None:
            return replayed(saved)
        try:
            answer = self._score(call, ticket, body, key)
        except BaseException:
            self._saved_answers.release(key)
            raise
        self._saved_answers.confirm(key)
        return answer

    def _score(self, call: Call, ticket: Ticket, body: bytes, key: bytes | None = None) -> Answer:
        model = self._model.active
        question = call.read(inflate(body, call.encoding, self.limits.max_body_bytes), model.manifest)
        ticket.add_rows(len(question.rows.matrix))
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
                caller=ANONYMOUS,
                model_version=version,
                model_sha256=bytes.fromhex(model.manifest.sha256),
                load_test=call.load_test,
                application_ids=question.rows.application_ids,
                applicant_refs=applicant_refs,
                features=question.rows.matrix,
                probabilities=probabilities,
            ),
            None if key is None else functools.partial(self._saved_answers.promise, key, answer),
        )
        return answer


def replayed(answer: Answer) -> Answer:
    """An answer that is given again: the headers say so, and under which request id it is on record."""
    headers = {**answer.headers, REPLAYED_HEADER: "true", REQUEST_ID_HEADER: answer.request_id}
    return msgspec.structs.replace(answer, headers=headers)
