"""Every scoring route: bytes -> matrix -> probabilities -> record -> bytes, each step called in order from here."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from serve.admission import Admission, Ticket, TicketedResponse
from serve.body import content_type_of, read_body
from serve.content_encoding import IDENTITY, content_encoding_of, inflate
from serve.errors import ServeError
from serve.exchange import Read, Reply
from serve.metrics import Metrics
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.record import ANONYMOUS, PredictionRecord, RecordLog
from serve.request_context import MODEL_VERSION_HEADER, is_load_test, request_id_of
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
    """What the record of a request says about it, besides rows and answers."""

    endpoint: str
    request_id: str
    received_at: dt.datetime
    load_test: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A scored body, ready to be sent."""

    reply: Reply
    rows: int
    model_version: int


class Scoring:
    """Scores requests with a model, a prediction log and a few threads for large batches."""

    def __init__(
        self,
        *,
        model: ServingModel,
        log: RecordLog,
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
        call = Call(request.scope["path"], request_id_of(request), dt.datetime.now(dt.UTC), is_load_test(request))
        ticket = self._admission.ticket()
        try:
            answer = await self._read_and_score(request, readers, call, ticket)
        except BaseException as error:
            ticket.release()
            if isinstance(error, ServeError):
                self._metrics.refused(call.endpoint, error.status)
            raise
        self._metrics.answered(call.endpoint, answer.rows, time.perf_counter() - started)
        headers = {MODEL_VERSION_HEADER: str(answer.model_version), **answer.reply.headers}
        return TicketedResponse(ticket, answer.reply.content, answer.reply.media_type, headers)

    async def _read_and_score(
        self, request: Request, readers: Mapping[str, Read], call: Call, ticket: Ticket
    ) -> Answer:
        read = readers[content_type_of(request, readers)]
        encoding = content_encoding_of(request)
        body = await read_body(request, self.limits.max_body_bytes, ticket.add_bytes)
        # How much a compressed body holds is not known yet.
        if len(body) <= self._inline_max_bytes and encoding == IDENTITY:
            return self._score(call, ticket, body, encoding, read)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._score, call, ticket, body, encoding, read)

    def _score(self, call: Call, ticket: Ticket, body: bytes, encoding: str, read: Read) -> Answer:
        model = self._model.active
        question = read(inflate(body, encoding, self.limits.max_body_bytes), model.manifest)
        ticket.add_rows(len(question.rows.matrix))
        applicant_refs = self._pseudonyms.of_rows(question.rows.applicant_refs)
        probabilities = model.engine.score(question.rows.matrix)
        reply = question.write(probabilities, model.manifest)
        version = model.manifest.model_version
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
            )
        )
        return Answer(reply, len(probabilities), version)
