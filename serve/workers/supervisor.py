"""The supervisor: keeps workers, shipper and desk running; `model_change` changes the model in all workers or in none.
It serves no requests and loads no model, so that no request can crash it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from prometheus_client.multiprocess import mark_process_dead

from fraud.command import EXIT_ERROR
from fraud.priority import give_way
from fraud.stack.child import end_with_parent
from serve.metrics import METRICS_DIR_VARIABLE
from serve.model.change_messages import Done, channel_pair
from serve.model.model_store import ModelStore
from serve.workers.model_change import ModelChange, Worker

logger = logging.getLogger(__name__)

DESK_COMMAND: Final = (sys.executable, "-m", "desk", "--socket")
SHIPPER_COMMAND: Final = (sys.executable, "-m", "serve.prediction_log")
DRAIN: Final = "--drain"
"""Tells the shipper to end as soon as nothing is left to ship."""
FIRST_RESTART_DELAY_S: Final = 0.1
LAST_RESTART_DELAY_S: Final = 5.0
STEADY_AFTER_S: Final = 30.0
"""A worker that ran at least this long is restarted at once."""


class Supervisor:
    """Keeps `count` workers running until it is told to stop."""

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        store: ModelStore,
        metrics_dir: Path,
        stop_timeout_s: float,
        *,
        desk: Path | None = None,
    ) -> None:
        """`command` starts a worker; the file descriptor of its channel is appended. `desk`: as for `worker_command`.
        `metrics_dir` is the folder of the workers' shared counters; it is emptied at start.
        """
        shutil.rmtree(metrics_dir, ignore_errors=True)
        metrics_dir.mkdir(parents=True)
        self._environment = {**os.environ, METRICS_DIR_VARIABLE: str(metrics_dir.resolve())}
        self._command = tuple(command)
        self._count = count
        self._stop_timeout_s = stop_timeout_s
        self._desk = desk
        self._model_change = ModelChange(store)
        self._stopping = asyncio.Event()
        self._workers_ended = asyncio.Event()
        self._exit_status = 0

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; returns the exit status, 2 if the workers can't start with their settings."""
        loop = asyncio.get_running_loop()
        for interrupt in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(interrupt, self._stopping.set)
        keepers = [asyncio.create_task(self._keep_worker(number)) for number in range(self._count)]
        shipper = asyncio.create_task(self._keep("the shipper", self._run_shipper, self._workers_ended))
        desk = asyncio.create_task(self._keep_desk())
        await self._stopping.wait()
        for worker in self._model_change.workers:
            _terminate(worker.process)
        await asyncio.gather(*keepers)
        self._workers_ended.set()
        if await shipper not in {0, EXIT_ERROR}:
            await self._drain_log()
        await desk
        return self._exit_status

    async def _keep_worker(self, number: int) -> None:
        """The first worker also polls the registry."""
        arguments = ("--refresh",) if number == 0 else ()
        await self._keep(f"worker {number}", lambda: self._run_worker(arguments), self._stopping)

    async def _keep_desk(self) -> None:
        """Keep the desk running, if there is one; its failures don't affect scoring."""
        socket = self._desk
        if socket is not None:
            await self._keep("the desk", lambda: self._run_desk(socket), self._stopping, stops_all=False)

    async def _run_desk(self, socket: Path) -> int:
        process = await asyncio.create_subprocess_exec(
            *DESK_COMMAND, str(socket), env=self._environment, start_new_session=True, preexec_fn=_give_way
        )
        ending = asyncio.create_task(self._stopping.wait())
        ending.add_done_callback(lambda task: None if task.cancelled() else _terminate(process))
        try:
            return await self._wait_for_end(process, self._stopping)
        finally:
            ending.cancel()

    async def _keep(
        self, name: str, run: Callable[[], Awaitable[int]], ending: asyncio.Event, *, stops_all: bool = True
    ) -> int:
        """Keep one process running until `ending`; returns the last one's exit status. With `stops_all`, the whole
        server stops if the process reports that it can't start with its settings.
        """
        delay_s = FIRST_RESTART_DELAY_S
        status = 0
        while not ending.is_set():
            started = time.monotonic()
            status = await run()
            if ending.is_set():
                break
            if status == EXIT_ERROR and stops_all:
                self._exit_status = status
                self._stopping.set()
                break
            if time.monotonic() - started > STEADY_AFTER_S:
                delay_s = FIRST_RESTART_DELAY_S
            logger.error("%s ended with status %d; the next one starts in %.1f s", name, status, delay_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), delay_s)
            delay_s = min(2 * delay_s, LAST_RESTART_DELAY_S)
        return status

    async def _start_shipper(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *SHIPPER_COMMAND, *arguments, env=self._environment, start_new_session=True, preexec_fn=end_with_parent
        )

    async def _drain_log(self) -> None:
        """Ship the remaining records, if the shipper died or was stopped before it could listen."""
        process = await self._start_shipper(DRAIN)
        await self._wait_for_end(process, self._workers_ended)
        self._forget_metrics(process)

    async def _run_shipper(self) -> int:
        """Run the prediction log's shipper, which ends after the last worker, so that it ships all records."""
        process = await self._start_shipper()
        ending = asyncio.create_task(self._workers_ended.wait())
        ending.add_done_callback(lambda task: None if task.cancelled() else _terminate(process))
        try:
            return await self._wait_for_end(process, self._workers_ended)
        finally:
            ending.cancel()
            self._forget_metrics(process)

    async def _run_worker(self, arguments: Sequence[str]) -> int:
        ours, theirs = channel_pair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *arguments,
                "--control",
                str(theirs.fileno()),
                env=self._environment,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # so that a Ctrl-C reaches the workers only through us
            )
        worker = Worker(process, ours)
        self._model_change.workers.add(worker)
        if self._stopping.is_set():
            _terminate(process)
        listener = asyncio.create_task(self._model_change.listen(worker))
        try:
            return await self._wait_for_end(process, self._stopping)
        finally:
            self._model_change.workers.discard(worker)
            worker.answers.put_nowait(Done(error=f"worker process {process.pid} has ended"))
            await listener
            ours.close()
            self._forget_metrics(process)

    def _forget_metrics(self, process: asyncio.subprocess.Process) -> None:
        mark_process_dead(process.pid, self._environment[METRICS_DIR_VARIABLE])  # type: ignore[no-untyped-call]

    async def _wait_for_end(self, process: asyncio.subprocess.Process, stopping: asyncio.Event) -> int:
        ended = asyncio.create_task(process.wait())
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not ended.done():
            done, _ = await asyncio.wait({ended}, timeout=self._stop_timeout_s)
            if not done:
                logger.error("process %d does not stop and is killed", process.pid)
                process.kill()
        return await ended


def worker_command(host: str, port: int, threads: int, workers: int, desk: Path | None = None) -> tuple[str, ...]:
    """The command of one of `workers` workers, which listens on this address and scores with `threads` threads. With
    `desk`, the desk's socket, it forwards requests to the desk.
    """
    address = ("--host", host, "--port", str(port), *(("--desk", str(desk)) if desk else ()))
    return (
        sys.executable,
        "-m",
        "serve.workers.worker",
        *address,
        "--threads",
        str(threads),
        "--workers",
        str(workers),
    )


def _give_way() -> None:
    """Lower the priority: pages are less urgent than answers."""
    end_with_parent()
    give_way()


def _terminate(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        # It may have ended although the event loop has not reported it yet.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
