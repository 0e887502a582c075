"""The model change: every worker of a machine serves a new version, or none does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from serve.model.change_messages import (
    Abandon,
    ChangeFinished,
    ChangeRequested,
    Channel,
    Commit,
    Done,
    Prepare,
    PrepareRequested,
    ToWorker,
)
from serve.model.model_store import ModelStore

logger = logging.getLogger(__name__)

CHANGE_TIMEOUT_S: Final = 60.0


@dataclass(slots=True, eq=False)
class Worker:
    """A worker process, from the supervisor's view."""

    process: asyncio.subprocess.Process
    channel: Channel
    answers: asyncio.Queue[Done] = field(default_factory=asyncio.Queue)


class ModelChange:
    """Prepares a version in all `workers` and then commits it, one change at a time.

    The supervisor adds a worker when it starts and removes it when it has ended.
    """

    def __init__(self, store: ModelStore) -> None:
        self.workers: set[Worker] = set()
        self._store = store
        self._change = asyncio.Lock()

    async def listen(self, worker: Worker) -> None:
        """Carry out a worker's requests, until its channel ends."""
        changes = set()
        while (message := await worker.channel.receive()) is not None:
            match message:
                case Done():
                    worker.answers.put_nowait(message)
                    continue
                case ChangeRequested(version):
                    change = asyncio.create_task(self._change_model(worker, version))
                case PrepareRequested(version):
                    change = asyncio.create_task(self._prepare_model(worker, version))
                case Abandon(version):
                    change = asyncio.create_task(self._abandon(version))
            changes.add(change)
            change.add_done_callback(changes.discard)
        for change in changes:
            change.cancel()

    async def _change_model(self, asker: Worker, version: int) -> None:
        async with self._change:
            error = await self._prepare_all(version)
            if error is None:
                # No worker can start between the last preparation and this line; later ones load this version.
                self._store.make_current(version)
                error = await self._ask_all(self.workers, Commit(version))
            else:
                await self._drop_prepared(version)
        await asker.channel.send(ChangeFinished(version, error))

    async def _prepare_model(self, asker: Worker, version: int) -> None:
        async with self._change:
            error = await self._prepare_all(version)
            if error is not None:
                await self._drop_prepared(version)
        await asker.channel.send(ChangeFinished(version, error))

    async def _abandon(self, version: int) -> None:
        async with self._change:
            await self._drop_prepared(version)

    async def _drop_prepared(self, version: int) -> None:
        await asyncio.gather(*(worker.channel.send(Abandon(version)) for worker in self.workers))

    async def _prepare_all(self, version: int) -> str | None:
        """Make every worker prepare, including those that start meanwhile; returns the first error."""
        prepared: set[Worker] = set()
        while waiting := self.workers - prepared:
            error = await self._ask_all(waiting, Prepare(version))
            if error is not None:
                return error
            prepared |= waiting
        return None

    async def _ask_all(self, workers: Iterable[Worker], message: ToWorker) -> str | None:
        """Send a message to workers and wait for all answers; returns the first error. Workers that end meanwhile are
        ignored.
        """
        answers = await asyncio.gather(*(self._ask(worker, message) for worker in tuple(workers)))
        return next((answer for answer in answers if answer is not None), None)

    async def _ask(self, worker: Worker, message: ToWorker) -> str | None:
        await worker.channel.send(message)
        try:
            answer = await asyncio.wait_for(worker.answers.get(), CHANGE_TIMEOUT_S)
        except TimeoutError:
            # It would keep the old version, and its late answer would be mistaken for the next one.
            logger.error("worker process %d does not answer and is killed", worker.process.pid)
            worker.process.kill()
            return f"worker process {worker.process.pid} did not answer within {CHANGE_TIMEOUT_S:.0f} s"
        return None if worker not in self.workers else answer.error
