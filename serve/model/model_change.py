"""A worker's side of a model change, including requests for one."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from fraud.errors import ProjectError
from serve.errors import UpdateFailed
from serve.model.change_messages import (
    Abandon,
    ChangeFinished,
    ChangeRequested,
    Channel,
    Commit,
    Done,
    Prepare,
    PrepareRequested,
)
from serve.model.serving_model import ServingModel

logger = logging.getLogger(__name__)


class ModelChange:
    """Carries out the supervisor's messages, and requests changes of all workers."""

    def __init__(self, channel: Channel, model: ServingModel) -> None:
        self._channel = channel
        self._model = model
        self._asking = asyncio.Lock()
        self._finished: asyncio.Queue[ChangeFinished] = asyncio.Queue()

    async def run(self) -> None:
        """Follow the supervisor until it has ended; then shut down gracefully."""
        while (message := await self._channel.receive()) is not None:
            match message:
                case Prepare(version):
                    await self._channel.send(Done(await self._prepare(version)))
                case Commit(version):
                    self._model.commit(version)
                    await self._channel.send(Done())
                case Abandon():
                    self._model.abandon()
                case ChangeFinished():
                    self._finished.put_nowait(message)
        logger.error("the supervisor has ended")
        os.kill(os.getpid(), signal.SIGTERM)

    async def update(self) -> tuple[int, bool]:
        """Serve the registry's production version in every worker before this returns; drop any other prepared version.

        Returns:
            The active version, and whether it is new.

        Raises:
            RegistryError, NoProductionModel, ModelStoreError: no new version could be fetched.
            UpdateFailed: a worker can't serve it; all workers keep the old version.
        """
        async with self._asking:
            version, is_new = await asyncio.to_thread(self._model.fetch_production)
            if is_new:
                await self._ask(ChangeRequested(version), "is not served")
            else:
                await self._channel.send(Abandon(version))
            self._model.confirm()
            return version, is_new

    async def prepare(self, version: int) -> None:
        """Load and check a version in every worker, beside the active one, so that `update` only has to switch.

        Raises:
            RegistryError, ModelStoreError: it could not be fetched.
            UpdateFailed: a worker can't serve it; all workers have dropped it.
        """
        async with self._asking:
            if await asyncio.to_thread(self._model.fetch_version, version):
                await self._ask(PrepareRequested(version), "can't be served")

    async def _ask(self, request: ChangeRequested | PrepareRequested, failure: str) -> None:
        await self._channel.send(request)
        finished = await self._finished.get()
        if finished.error is not None:
            raise UpdateFailed(f"version {request.version} {failure}: {finished.error}")

    async def _prepare(self, version: int) -> str | None:
        try:
            await asyncio.to_thread(self._model.prepare, version)
        except (ProjectError, OSError) as error:
            logger.error("version %d can't be served: %s", version, error)
            return str(error)
        return None
