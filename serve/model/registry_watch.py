"""One worker of a server polls the registry's production version every few seconds, and makes all workers follow.

So a server that was down or disconnected while others changed their model catches up by itself. A server that can't
reach the registry continues with its version, for at most `MODEL_LEASE_S` if that is set.
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
"""Time to wait for a registry that starts at the same time as this server, but more slowly."""
JITTER: Final = 0.2
"""Random share of the interval, so that many servers don't poll at once."""
UNUSABLE_AGAIN_S: Final = 300.0
"""Delay before a version that can't be served is tried again: loading it occupies all workers."""


class RegistryWatch:
    """Follows the alias `production`."""

    def __init__(self, change: ModelChange, model: ServingModel, interval_s: float) -> None:
        """`interval_s` is the time between polls; 0: only one poll."""
        self._change = change
        self._model = model
        self._interval_s = interval_s
        self._is_away = False
        self._unusable: tuple[int, float] | None = None
        """The last version that could not be served, and when."""

    async def run(self) -> None:
        """Catch up with the registry, then poll it."""
        await self._catch_up()
        while self._interval_s:
            pause_s = self._interval_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret
            await asyncio.sleep(pause_s)
            await self.look()

    async def look(self) -> None:
        """Make all workers serve the production version, if it is not the active one."""
        try:
            number = await asyncio.to_thread(self._model.production_number)
            if number is not None and number != self._model.version and self._may_be_tried(number):
                logger.info("version %d is now in production", number)
                await self._follow(number)
        except RegistryError as error:
            if not self._is_away:
                logger.warning("can't tell whether another version is in production: %s", error)
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
            logger.error("version %d is in production, but not served here: %s", number, error)

    def _may_be_tried(self, number: int) -> bool:
        if self._unusable is None or self._unusable[0] != number:
            return True
        return time.monotonic() - self._unusable[1] > UNUSABLE_AGAIN_S

    async def _catch_up(self) -> None:
        """A local model serves meanwhile, and continues if this fails."""
        for pause_s in (*FIRST_PAUSES_S, None):
            try:
                await self._change.update()
            except RegistryError as error:
                if pause_s is not None:
                    await asyncio.sleep(pause_s)
                    continue
                logger.warning("the registry returned no model: %s", error)
            except (ProjectError, OSError) as error:
                logger.warning("no model from the registry: %s", error)
            else:
                return
            break
        self._model.give_up_on_registry()
