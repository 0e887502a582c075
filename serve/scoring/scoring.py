"""Scoring: bytes -> matrix -> probabilities -> record -> bytes, each step called in order from here."""

from __future__ import annotations

from typing import Final

from serve.answer import Answer
from serve.idempotency.answers import SavedAnswer, SavedAnswers
from serve.idempotency.key import IdempotencyKey
from serve.metrics import Metrics
from serve.model.serving_model import ServingModel
from serve.overload.in_flight import Admission
from serve.overload.rate_limits import NoLimits, RateLimits
from serve.overload.thread_queue import ThreadQueue
from serve.policy.policies import ReviewPolicies
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.record import PredictionRecord, Promise, RecordLog
from serve.scoring.asks import call_on_record
from serve.scoring.content_encoding import IDENTITY, inflate
from serve.scoring.notes import NO_NOTES, Decided, Notes
from serve.scoring.options import ScoringOptions
from serve.scoring.reasons import explain
from serve.scoring.request import ScoringRequest

# Below this a request takes less time on the event loop than handing it to another thread.
INLINE_BODY_MAX_BYTES: Final = 256 * 1024
REASONED_BODY_MAX_BYTES: Final = 16 * 1024
"""The same, for requests with reasons, whose texts take longer than scoring."""


class Scoring:
    """Scores requests with a model, a prediction log and a few threads for large batches."""

    def __init__(
        self,
        *,
        model: ServingModel,
        log: RecordLog,
        saved_answers: SavedAnswers,
        pseudonyms: Pseudonyms,
        policies: ReviewPolicies,
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
        self._policies = policies
        self.metrics = metrics

    def begin(self, options: ScoringOptions, request_id: str, announced_bytes: int) -> ScoringRequest:
        """Begin a request whose header has arrived.

        Raises:
            ServeError: it is refused.
        """
        request = ScoringRequest(
            options,
            request_id,
            self._admission.ticket(),
            announced_bytes=announced_bytes,
            max_bytes=self._max_body_bytes,
        )
        self._admission.refuse_early(announced_bytes)
        if announced_bytes > self._inline_max_bytes(options):
            self.threads.refuse_if_standing()
        self._rate_limits.take_request(options.caller)
        return request

    def is_quick(self, request: ScoringRequest) -> bool:
        """Whether to compute the answer on the event loop."""
        # The size of a compressed body is not known yet, and a key must be looked up on disk.
        options = request.options
        return request.size <= self._inline_max_bytes(options) and options.encoding == IDENTITY and options.key is None

    def _inline_max_bytes(self, options: ScoringOptions) -> int:
        """Maximum length of a body scored on the event loop."""
        return min(self.inline_max_bytes, REASONED_BODY_MAX_BYTES) if options.asks.reasons else self.inline_max_bytes

    def answer(self, request: ScoringRequest) -> Answer:
        """Score a request with a complete body; thread-safe.

        Raises:
            ServeError: the request is refused; nothing of it is recorded.
        """
        body = request.take_body()
        key = request.options.key
        return self._score(request, body) if key is None else self._score_once(request, key, body)

    def _score_once(self, request: ScoringRequest, key: IdempotencyKey, body: bytes) -> Answer:
        """The saved answer of the request's key, or a new one."""
        digest = key.digest()
        options = request.options
        saved = self._saved_answers.claim(
            digest, key.request_digest(options.content_type + options.asks.text, options.encoding, body)
        )
        if saved is not None:
            request.rows = saved.rows
            return saved.replayed()
        try:
            answer = self._score(request, body, digest)
        except BaseException:
            self._saved_answers.release(digest)
            raise
        self._saved_answers.confirm(digest)
        return answer

    def _score(self, request: ScoringRequest, body: bytes, key: bytes | None = None) -> Answer:
        """A new answer, recorded when this returns, and promised under the `key` before that."""
        model, options = self._model.active, request.options
        policy = self._policies.in_force(request.received_at) if options.asks.decision else None
        rows, write = options.read(inflate(body, options.encoding, self._max_body_bytes), model.manifest)
        request.rows = len(rows.matrix)
        request.ticket.add_rows(rows.sent)
        self._rate_limits.take_rows(options.caller, rows.sent)
        applicant_refs = self._pseudonyms.of_rows(rows.applicant_refs)
        reasons = decided = None
        if rows.reasons:  # before anything is scored: the version may have none
            reasons = explain(model.contributions, model.manifest.model_version, rows.matrix, rows.reasons)
        probabilities = model.engine.score(rows.matrix)
        if request.span is not None:
            request.span.engine = model.engine.kernel_for(len(rows.matrix))
        self.metrics.implausible.note(rows.matrix)
        if policy is not None:
            reviewed = self._policies.decide(policy, request.request_id, rows.application_ids, probabilities)
            decided = Decided(policy.id, reviewed)
        notes = NO_NOTES if reasons is None and decided is None else Notes(reasons=reasons, decided=decided)
        answer = write(probabilities, model.manifest, notes)
        self._log.append(
            PredictionRecord(
                request_id=request.request_id,
                received_at=request.received_at,
                endpoint=call_on_record(options.route.path, rows, None if policy is None else policy.id),
                caller=options.caller,
                model_version=answer.model_version,
                model_sha256=model.sha256,
                load_test=options.load_test,
                application_ids=rows.application_ids,
                applicant_refs=applicant_refs,
                features=rows.matrix,
                probabilities=probabilities,
                reasons=None if reasons is None else reasons.on_record(),
                trace_id=request.trace_id,
            ),
            None if key is None else self._promise(key, SavedAnswer.of(answer, request.rows, request.request_id)),
        )
        return answer

    def _promise(self, key: bytes, answer: SavedAnswer) -> Promise:
        return lambda place: self._saved_answers.promise(key, answer, place)
