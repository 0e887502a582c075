"""Takes a batch, scores it, records it if asked, settles it, and takes the next: one batch at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fraud.errors import ProjectError
from serve.model.serving_model import LoadedModel, ServingModel
from serve.scoring.asks import Asks
from serve.scoring.reasons import without_reasons
from serve.stream.errors import NotSettled
from serve.stream.messages import Answer, Broker, DeadLetter, Message
from serve.stream.recorded_answers import ERASED, boot_time
from serve.stream.recording import Recorder
from serve.stream.scoring import score_messages

logger = logging.getLogger(__name__)

FOLLOW_S: Final = 30.0
"""So often the registry is asked which version is in production."""

ABORTED_MAX: Final = 10
"""Consecutive batches that a broker may abort before the bridge ends."""

_WAS_ERASED: Final = "it is on record, and its answer was erased before it was published: it is not scored again"

Model = Callable[[], LoadedModel]
"""The version that scores the next batch."""


@dataclass(slots=True)
class Totals:
    """What a bridge has settled."""

    answered: int = 0
    dead: int = 0


def run_bridge(
    broker: Broker,
    model: Model,
    asks: Asks,
    batch: int,
    is_stopped: Callable[[], bool],
    *,
    until_empty: bool,
    recorder: Recorder | None = None,
) -> Totals:
    """Score applications until `is_stopped`, or until the broker is empty if `until_empty`; finish a batch first.

    Raises:
        ProjectError: the broker does not answer, or the model can't score. No application is lost.
    """
    totals, aborted = Totals(), 0
    while not is_stopped():
        scoring = model()  # first, since another version takes a minute to load
        taken_at = boot_time()
        messages = broker.take(batch)
        if not messages:
            if until_empty and broker.is_empty():
                break
            continue
        answers, dead = _say(scoring, messages, asks, recorder, taken_at)
        try:
            broker.settle(answers, dead)
        except NotSettled as error:
            aborted += 1
            if aborted > ABORTED_MAX:
                raise
            logger.warning("%s", error)
            continue
        if recorder is not None:
            recorder.settle(messages)
        aborted = 0
        totals.answered += len(answers)
        totals.dead += len(dead)
    return totals


def _say(
    model: LoadedModel, messages: Sequence[Message], asks: Asks, recorder: Recorder | None, taken_at: float
) -> tuple[list[Answer], list[DeadLetter]]:
    """The answers to a batch, recorded if there is a recorder, and its dead letters."""
    if recorder is None:
        scored = score_messages(model, messages, asks)
        return list(scored.answers), list(scored.dead)
    recorded = recorder.recorded(messages)
    scored = score_messages(model, [message for message in messages if message not in recorded], asks)
    recorder.record(scored, model, taken_at)
    published = [Answer(message, body) for message, body in recorded.items() if body != ERASED]
    erased = [DeadLetter(message, _WAS_ERASED) for message, body in recorded.items() if body == ERASED]
    return [*published, *scored.answers], [*erased, *scored.dead]


class FollowedModel:
    """The version in production, as the registry calls it; the one before for as long as the registry is away."""

    def __init__(self, serving: ServingModel, asks: Asks) -> None:
        """`serving` has a version in charge."""
        self._serving = serving
        self._asks = asks
        self._asked_at = time.monotonic()

    def __call__(self) -> LoadedModel:
        """What scores now."""
        if time.monotonic() - self._asked_at > FOLLOW_S:
            self._asked_at = time.monotonic()
            self._follow()
        return self._serving.active

    def _follow(self) -> None:
        serving = self._serving
        try:
            if serving.production_number() in {None, serving.version}:
                return
            version, _ = serving.fetch_production()
            serving.prepare(version)
        except ProjectError as error:  # a file that is damaged or can't be run, too; the registry is asked again
            logger.warning("version %s goes on: %s", serving.version, error)
            return
        serving.commit(version)
        if self._asks.reasons and serving.active.contributions is None:
            raise without_reasons(version)
