"""Takes a batch, scores it, settles it, and takes the next: no more than one batch is in flight."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fraud.errors import ProjectError
from serve.model.serving_model import LoadedModel, ServingModel
from serve.scoring.asks import Asks
from serve.scoring.reasons import without_reasons
from serve.stream.messages import Broker
from serve.stream.scoring import score_messages

logger = logging.getLogger(__name__)

FOLLOW_S: Final = 30.0
"""So often the registry is asked which version is in production."""

Model = Callable[[], LoadedModel]
"""The version that scores the next batch."""


@dataclass(slots=True)
class Totals:
    """What a bridge has settled."""

    answered: int = 0
    dead: int = 0


def run_bridge(
    broker: Broker, model: Model, asks: Asks, batch: int, is_stopped: Callable[[], bool], *, until_empty: bool
) -> Totals:
    """Score what comes, until it is stopped or, if so asked, the broker is empty. A batch that is begun is settled.

    Raises:
        ProjectError: the broker does not answer, or the model can't score. Nothing that was taken is lost.
    """
    totals = Totals()
    while not is_stopped():
        scoring = model()  # first, since another version takes a minute to load
        messages = broker.take(batch)
        if messages:
            answers, dead = score_messages(scoring, messages, asks)
            broker.settle(answers, dead)
            totals.answered += len(answers)
            totals.dead += len(dead)
        elif until_empty and broker.is_empty():
            break
    return totals


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
