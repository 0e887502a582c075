"""Curves of running servers: batch size, workers, servers behind a balancer, start-up, the log and its verification."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import httpx

from bench.applications import request_headers
from bench.experiments.scale.balancer import balanced
from bench.experiments.scale.commands import run_module
from bench.experiments.scale.curve import Curve
from bench.experiments.scale.sizes import Sizes
from bench.experiments.site.server import ScoringServer
from bench.experiments.site.site import START_TIMEOUT_S, Site
from bench.experiments.soak.load import load_process
from bench.experiments.soak.load_plan import Stretch
from bench.experiments.soak.records import compare_records, count_records
from fraud.stack.ports import hold_port

WORKER_ROWS: Final = 100
"""Of a request, where workers and servers are compared."""
DRAIN_TIMEOUT_S: Final = 600.0
_LOGGED_ROWS: Final = "SELECT coalesce(sum(cardinality(probabilities)), 0)::bigint FROM prediction_requests"

Tell = Callable[[str], None]


def serving_curves(sizes: Sizes, folder: Path, tell: Tell) -> Iterator[Curve]:
    """All of them, on a site of its own."""
    with Site(folder, tell) as site:
        log = _LogCurves(site, sizes.seconds)
        log.measure(sizes.rates, tell)
        tell("batch sizes")
        found = _load(site, site.server.url, sizes.batch_rows, sizes.seconds)
        for key, name, title in (
            ("rows_per_s", "batch_rows_per_s", "a server of two workers by batch size"),
            ("p99_ms", "batch_p99", "p99 by batch size"),
        ):
            label = "rows/s" if key == "rows_per_s" else "p99, ms"
            yield _curve(name, title, ("rows a request", label), sizes.batch_rows, [one[key] for one in found])
        yield from log.curves(tell)
        site.server.stop()
        yield from _worker_curves(site, sizes, tell)
        yield from _server_curves(site, sizes, tell)


class _LogCurves:
    """How long answers wait for the database by the rate of rows, and verification by rows on record."""

    def __init__(self, site: Site, seconds: float) -> None:
        self._site, self._seconds = site, seconds
        self._rates: list[float] = []
        self._lags_s: list[float] = []
        self._logged: list[float] = []
        self._verified_s: list[float] = []

    def measure(self, rates: Sequence[float], tell: Tell) -> None:
        """Load the server at each of the rates, requests/s; verify the log after each."""
        site = self._site
        headers, cores = request_headers(site.api_key), os.sched_getaffinity(0)
        with load_process(site.folder, site.server.port, headers, cores, seed=1) as load:
            for number, rate in enumerate(rates):
                tell(f"log at {rate:g} requests/s")
                name = f"scale{number}"
                samples, done = load.run(name, Stretch("rate", self._seconds, rate))
                ended_s = time.perf_counter()
                answered = int((samples.status == 200).sum())
                self._wait_for(name, answered)
                self._lags_s.append(time.perf_counter() - ended_s)
                rows = compare_records(site, name, samples).answered_rows
                self._rates.append(rows / (ended_s - done.began_s))
                self._verify(tell)

    def curves(self, tell: Tell) -> Iterator[Curve]:
        """With one more verification, of all that was answered meanwhile."""
        self._verify(tell)
        labels = ("rows/s answered", "seconds after the load")
        yield _curve("drain", "time until all is on record", labels, self._rates, self._lags_s)
        labels = ("logged rows", "seconds")
        yield _curve("verify", "verification by logged rows", labels, self._logged, self._verified_s)

    def _wait_for(self, name: str, answered: int) -> None:
        self._site.wait_until(lambda: count_records(self._site, name) >= answered, DRAIN_TIMEOUT_S, "all is on record")

    def _verify(self, tell: Tell) -> None:
        tell("verification")
        site = self._site
        began_s = time.perf_counter()
        run_module("serve.audit", "verify", environment={**site.environment, "SPOOL_DIR": str(site.server.spool)})
        self._verified_s.append(time.perf_counter() - began_s)
        self._logged.append(float(site.fetch(_LOGGED_ROWS)[0][0]))


def _worker_curves(site: Site, sizes: Sizes, tell: Tell) -> Iterator[Curve]:
    rates, starts_s = [], []
    for count in sizes.workers:
        tell(f"{count} worker(s)")
        name = f"workers-{count}"
        with _started(site, name, count) as server:
            _ready_after(site, server)  # it fetches the model
        with _started(site, name, count) as server:
            starts_s.append(_ready_after(site, server))
            rates.append(_load(site, server.url, (WORKER_ROWS,), sizes.seconds)[0]["rows_per_s"])
    title = f"a server by workers, {WORKER_ROWS} rows a request"
    yield _curve("workers", title, ("workers", "rows/s"), sizes.workers, rates)
    yield _curve("start", "start of a server with its model on disk", ("workers", "seconds"), sizes.workers, starts_s)


def _server_curves(site: Site, sizes: Sizes, tell: Tell) -> Iterator[Curve]:
    rates, p99_ms = [], []
    for count in sizes.servers:
        tell(f"{count} server(s) behind a balancer")
        with ExitStack() as stack:
            servers = [stack.enter_context(_started(site, f"server-{number}", 1)) for number in range(count)]
            for server in servers:
                _ready_after(site, server)
            url = stack.enter_context(balanced(site, servers, site.folder))
            (found,) = _load(site, url, (WORKER_ROWS,), sizes.seconds)
            rates.append(found["rows_per_s"])
            p99_ms.append(found["p99_ms"])
    title = f"servers of one worker behind a balancer, {WORKER_ROWS} rows a request"
    yield _curve("servers", title, ("servers", "rows/s"), sizes.servers, rates)
    yield _curve("servers_p99", "p99 behind a balancer", ("servers", "p99, ms"), sizes.servers, p99_ms)


@contextmanager
def _started(site: Site, name: str, workers: int) -> Iterator[ScoringServer]:
    """A server with a folder of its own, which takes its model from the registry where the folder is new."""
    folder = site.folder / name
    folder.mkdir(exist_ok=True)
    compiled = str(site.folder / "compiled")  # where the first server has it
    environment = {**site.environment, "RUN_DIR": str(folder), "COMPILED_DIR": compiled}
    server = ScoringServer(environment, folder, folder / "spool", hold_port(), workers)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _ready_after(site: Site, server: ScoringServer) -> float:
    """Seconds from now until it answers."""

    def is_ready() -> bool:
        try:
            return httpx.get(server.url + "/health/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    return site.wait_until(is_ready, START_TIMEOUT_S, "a server is ready")


def _load(site: Site, url: str, batch_rows: Sequence[int], seconds: float) -> list[dict[str, float]]:
    """`python -m bench` for each batch size."""
    figures = site.folder / "throughput.json"
    batches = [word for rows in batch_rows for word in ("--rows", rows)]
    times = ("--seconds", seconds, "--warmup", seconds / 5)
    run_module("bench", "--url", url, *times, *batches, "--json", figures, environment=site.environment)
    found: list[dict[str, float]] = json.loads(figures.read_text(encoding="utf-8"))
    return found


def _curve(name: str, title: str, labels: tuple[str, str], x: Sequence[float], y: Sequence[float]) -> Curve:
    return Curve(name, title, *labels, tuple(map(float, x)), tuple(map(float, y)))
