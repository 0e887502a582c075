"""One worker of a server looks every few seconds at what the registry calls production, and has all workers follow.

So a server that was cut off while others changed their model, or that was down, finds out by itself; one that can't ask
goes on with what it has, unless `MODEL_LEASE_S` says for how long at most.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Final

from fraud.errors import ProjectError, RegistryError
from fraud.registry import ChecksumError
from serve.model.model_change import ModelChange
from serve.model.serving_model import ServingModel

logger = logging.getLogger(__name__)

FIRST_PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
"""The registry may start at the same time as we do and take longer."""
JITTER: Final = 0.2
"""Share of the interval by which looks are drawn apart, so that many servers don't ask at once."""
UNUSABLE_AGAIN_S: Final = 300.0
"""A version that can't be served is tried again only so long after: loading it takes all workers."""


class RegistryWatch:
    """Follows the alias `production`."""

    def __init__(self, change: ModelChange, model: ServingModel, interval_s: float) -> None:
        """`interval_s` is the time from one look to the next; 0: none after the first."""
        self._change = change
        self._model = model
        self._interval_s = interval_s
        self._is_away = False
        self._unusable: tuple[int, float] | None = None
        """The version that could not be served last, and when."""

    async def run(self) -> None:
        """Catch up with the registry, then keep up with it."""
        await self._catch_up()
        while self._interval_s:
            pause_s = self._interval_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
            await asyncio.sleep(pause_s)
            await self.look()

    async def look(self) -> None:
        """Have all workers serve what is in production, if that is another version."""
        try:
            number = await asyncio.to_thread(self._model.production_number)
            if number is not None and number != self._model.version and self._may_be_tried(number):
                logger.info("version %d is in production by now", number)
                await self._follow(number)
        except RegistryError as error:
            if not self._is_away:
                logger.warning("whether another version is in production can't be told: %s", error)
            self._is_away = True
            return
        if self._is_away:
            logger.info("the registry answers again")
        self._is_away = False
        if number == self._model.version:
            self._model.confirm()

    async def _follow(self, number: int) -> None:
        try:
            await self._change.update()
        except (ProjectError, OSError) as error:  # a disk may be full
            if isinstance(error, RegistryError) and not isinstance(error, ChecksumError):
                raise
            self._unusable = number, time.monotonic()
            logger.error("version %d is in production, and not served here: %s", number, error)

    def _may_be_tried(self, number: int) -> bool:
        if self._unusable is None or self._unusable[0] != number:
            return True
        return time.monotonic() - self._unusable[1] > UNUSABLE_AGAIN_S

    async def _catch_up(self) -> None:
        """A local model serves meanwhile, and goes on if this fails."""
        for pause_s in (*FIRST_PAUSES_S, None):
            try:
                await self._change.update()
            except RegistryError as error:
                if pause_s is not None:
                    await asyncio.sleep(pause_s)
                    continue
                logger.warning("the registry gives no model: %s", error)
            except (ProjectError, OSError) as error:
                logger.warning("no model from the registry: %s", error)
            else:
                return
            break
        self._model.give_up_on_registry()
