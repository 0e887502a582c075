"""Scoring: bytes -> matrix -> probabilities -> record -> bytes, each step called in order from here."""

from __future__ import annotations

import functools
from typing import Final

import msgspec

from serve.idempotency.answers import Answer, SavedAnswers
from serve.idempotency.key import REPLAYED_HEADER, IdempotencyKey
from serve.metrics import Metrics
from serve.model.serving_model import ServingModel
from serve.overload.in_flight import Admission
from serve.overload.rate_limits import NoLimits, RateLimits
from serve.overload.thread_queue import ThreadQueue
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.record import PredictionRecord, RecordLog
from serve.request_names import MODEL_VERSION_HEADER, REQUEST_ID_HEADER
from serve.scoring.call import Headers, ScoringRoute
from serve.scoring.content_encoding import IDENTITY, inflate
from serve.scoring.request import ScoringRequest

# Below this a request takes less time on the event loop than the change to another thread costs.
INLINE_BODY_MAX_BYTES: Final = 256 * 1024


class Scoring:
    """Scores requests with a model, a prediction log and a few threads for large batches."""

    def __init__(
        self,
        *,
        model: ServingModel,
        log: RecordLog,
        saved_answers: SavedAnswers,
        pseudonyms: Pseudonyms,
        max_body_bytes: int,
        admission: Admission,
        rate_limits: RateLimits | NoLimits,
        threads: ThreadQueue,
        metrics: Metrics,
    ) -> None:
        self._max_body_bytes = max_body_bytes
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
        self, route: ScoringRoute, headers: Headers, *, announced_bytes: int, caller: str, request_id: str
    ) -> ScoringRequest:
        """Take on a request of which the headers have come.

        Raises:
            ServeError: it is refused.
        """
        ticket = self._admission.ticket()
        request = ScoringRequest(
            route,
            headers,
            announced_bytes=announced_bytes,
            caller=caller,
            request_id=request_id,
            ticket=ticket,
            max_bytes=self._max_body_bytes,
        )
        self._admission.refuse_early(announced_bytes)
        if announced_bytes > self.inline_max_bytes:
            self.threads.refuse_if_standing()
        self._rate_limits.take_request(caller)
        return request

    def is_quick(self, request: ScoringRequest) -> bool:
        """Whether the answer may be computed on the event loop."""
        # How much a compressed body holds is not known yet, and a key has to be looked up on the disk.
        return request.size <= self.inline_max_bytes and request.encoding == IDENTITY and request.key is None

    def answer(self, request: ScoringRequest) -> Answer:
        """Score a request whose body is whole; safe to call from any thread.

        Raises:
            ServeError: the request is refused; nothing of it is on record.
        """
        body = request.take_body()
        return self._score(request, body) if request.key is None else self._score_once(request, request.key, body)

    def _score_once(self, request: ScoringRequest, key: IdempotencyKey, body: bytes) -> Answer:
        """The answer that was given under the request's key, or a new one."""
        digest = key.digest()
        saved = self._saved_answers.claim(digest, key.request_digest(request.content_type, request.encoding, body))
        if saved is not None:
            return replayed(saved)
        try:
            answer = self._score(request, body, digest)
        except BaseException:
            self._saved_answers.release(digest)
            raise
        self._saved_answers.confirm(digest)
        return answer

    def _score(self, request: ScoringRequest, body: bytes, key: bytes | None = None) -> Answer:
        """A new answer, which is on record when this returns, and promised under the `key` before."""
        model = self._model.active
        question = request.read(inflate(body, request.encoding, self._max_body_bytes), model.manifest)
        rows = question.rows
        request.ticket.add_rows(len(rows.matrix))
        self._rate_limits.take_rows(request.caller, len(rows.matrix))
        applicant_refs = self._pseudonyms.of_rows(rows.applicant_refs)
        probabilities = model.engine.score(rows.matrix)
        reply = question.write(probabilities, model.manifest)
        version = model.manifest.model_version
        headers = {MODEL_VERSION_HEADER: str(version), **reply.headers}
        answer = Answer(reply.content, reply.media_type, headers, len(probabilities), request.request_id)
        self._log.append(
            PredictionRecord(
                request_id=request.request_id,
                received_at=request.received_at,
                endpoint=request.endpoint,
                caller=request.caller,
                model_version=version,
                model_sha256=model.sha256,
                load_test=request.load_test,
                application_ids=rows.application_ids,
                applicant_refs=applicant_refs,
                features=rows.matrix,
                probabilities=probabilities,
            ),
            None if key is None else functools.partial(self._saved_answers.promise, key, answer),
        )
        return answer


def replayed(answer: Answer) -> Answer:
    """An answer that is given again: the headers say so, and under which request id it is on record."""
    headers = {**answer.headers, REPLAYED_HEADER: "true", REQUEST_ID_HEADER: answer.request_id}
    return msgspec.structs.replace(answer, headers=headers)
