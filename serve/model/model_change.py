"""A worker's side of a change of model, and its way to ask for one."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from fraud.errors import ProjectError
from serve.errors import UpdateFailed
from serve.model.change_messages import Abandon, ChangeFinished, ChangeRequested, Channel, Commit, Done, Prepare
from serve.model.serving_model import ServingModel

logger = logging.getLogger(__name__)


class ModelChange:
    """Carries out what the supervisor says, and asks it to bring a new version to all workers."""

    def __init__(self, channel: Channel, model: ServingModel) -> None:
        self._channel = channel
        self._model = model
        self._asking = asyncio.Lock()
        self._finished: asyncio.Queue[ChangeFinished] = asyncio.Queue()

    async def run(self) -> None:
        """Follow the supervisor until it is gone; then finish what is open and stop."""
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
        logger.error("the supervisor is gone")
        os.kill(os.getpid(), signal.SIGTERM)

    async def update(self) -> tuple[int, bool]:
        """Serve what the registry calls production, in every worker, before this returns.

        Returns:
            The version in charge, and whether it is a new one.

        Raises:
            RegistryError, NoProductionModel, ModelStoreError: nothing new could be fetched.
            UpdateFailed: a worker can't serve it; all of them keep the old version.
        """
        async with self._asking:
            version, is_new = await asyncio.to_thread(self._model.fetch_production)
            if is_new:
                await self._channel.send(ChangeRequested(version))
                finished = await self._finished.get()
                if finished.error is not None:
                    raise UpdateFailed(f"version {version} is not served: {finished.error}")
            return version, is_new

    async def _prepare(self, version: int) -> str | None:
        try:
            await asyncio.to_thread(self._model.prepare, version)
        except (ProjectError, OSError) as error:
            logger.error("version %d can't be served: %s", version, error)
            return str(error)
        return None
