"""What goes wrong, one function each: it breaks the site while requests come, and mends what no machine mends."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import httpx
import psutil

from bench.experiments.chaos.record_faults import (
    claim_another_encoding,
    expire_a_large_month,
    flip_a_bit_of_an_end_mark,
    read_over_the_months_turn,
)
from bench.experiments.chaos.restoring import back_up_and_restore
from bench.experiments.site.errors import SiteError
from bench.experiments.site.registry_relay import RelayFault
from bench.experiments.site.server import SHIPPER, WORKER, WORKERS
from bench.experiments.site.site import START_TIMEOUT_S, Site
from fraud.database import connect

OUTAGE_S: Final = 3.0
CROWD: Final = 10_000
"""Connections that stay open and say nothing, or too little."""
TRICKLE_ROUNDS: Final = 5
RESTARTS: Final = 5
CLOCK_OFFSET_S: Final = 3600
KILL_AFTER_S: Final = 0.3
DONE: Final = 200
UPSTREAM_FAILED: Final = 502
SHIPPER_CONNECTIONS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prediction-log'"
)


COPIES: Final = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY prediction%%'"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and what the service promises while it lasts."""

    name: str
    act: Callable[[Site], None]
    may_refuse: bool = False
    """Whether 503 is what is promised meanwhile."""


def kill_a_worker(site: Site) -> None:
    """kill -9 of one of the workers."""
    site.server.kill(site.server.processes(WORKER)[:1])


def kill_the_workers(site: Site) -> None:
    """kill -9 of all workers."""
    site.server.kill(site.server.processes(WORKER))


def kill_the_shipper(site: Site) -> None:
    """kill -9 of the shipper."""
    site.server.kill(site.server.processes(SHIPPER))


def kill_everything(site: Site) -> None:
    """kill -9 of supervisor, workers and shipper, as when the machine's memory runs out; then a new start."""
    site.server.kill_all()
    site.server.start()


def stop_under_load(site: Site) -> None:
    """SIGTERM, as when the service is deployed again."""
    if site.server.stop() != 0:
        raise SiteError("the server did not end with status 0 after SIGTERM")
    site.server.start()


def kill_postgres(site: Site) -> None:
    """kill -9 of PostgreSQL, and its start some time later."""
    site.kill_postgres()
    time.sleep(OUTAGE_S)
    site.start_postgres()


def restart_in_copy(site: Site) -> None:
    """PostgreSQL goes down in the middle of a COPY, again and again."""

    def is_copying() -> bool:
        return site.fetch(COPIES) != [(0,)]

    for _ in range(RESTARTS):
        with contextlib.suppress(SiteError):  # a COPY is short: now and then none is seen, and any moment will do
            site.wait_until(is_copying, OUTAGE_S, "a COPY is under way")
        site.kill_postgres()
        site.start_postgres()


def lock_the_table(site: Site) -> None:
    """PostgreSQL takes no record for a while, since somebody holds a lock."""
    with connect(site.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE prediction_requests")
        time.sleep(OUTAGE_S)


def refuse_the_login(site: Site) -> None:
    """PostgreSQL answers, but refuses the shipper's login."""
    site.execute("ALTER ROLE scoring_server NOLOGIN")
    site.fetch(SHIPPER_CONNECTIONS)
    time.sleep(OUTAGE_S)
    site.execute("ALTER ROLE scoring_server LOGIN")


def kill_mlflow(site: Site) -> None:
    """kill -9 of MLflow; a model update fails, answers don't."""
    for process in _mlflow_processes(site):
        process.kill()
    _expect_update(site, UPSTREAM_FAILED, "without MLflow")
    site.start_mlflow()
    _expect_update(site, DONE, "once MLflow was back")


def hang_mlflow(site: Site) -> None:
    """MLflow takes connections and answers nothing."""
    processes = _mlflow_processes(site)
    for process in processes:
        process.suspend()
    try:
        _expect_update(site, UPSTREAM_FAILED, "while MLflow hung")
    finally:
        for process in processes:
            process.resume()
    _expect_update(site, DONE, "once MLflow answered")


def damage_the_model(site: Site) -> None:
    """The file of a new version has another byte in it."""
    _spoil_the_model(site, lambda content: content[:-1] + bytes([content[-1] ^ 1]))


def cut_off_the_model(site: Site) -> None:
    """The file of a new version ends in the middle."""
    _spoil_the_model(site, lambda content: content[: len(content) // 2])


def registry_fails(site: Site) -> None:
    """MLflow answers 500 to everything."""
    _relay_fault(site, RelayFault.ANSWERS_500, "while MLflow answered 500")


def cut_off_the_download(site: Site) -> None:
    """The download of a new version ends in the middle; the file in the registry is whole."""
    _relay_fault(site, RelayFault.CUTS_DOWNLOADS, "while downloads were cut off")


def _relay_fault(site: Site, fault: RelayFault, when: str) -> None:
    site.promote_again()
    site.registry_relay.fault = fault
    try:
        _expect_update(site, UPSTREAM_FAILED, when)
    finally:
        site.registry_relay.fault = RelayFault.NONE
    _expect_update(site, DONE, "once that was over")


def kill_in_update(site: Site) -> None:
    """kill -9 of everything that serves, in the middle of a model update; then a new start, and the update again."""
    site.promote_again()
    with ThreadPoolExecutor(1) as pool:
        update = pool.submit(site.update_model)
        time.sleep(KILL_AFTER_S)
        site.server.kill_all()
        site.server.start()
        with contextlib.suppress(httpx.HTTPError):  # its server was killed
            update.result()
    site.wait_until(site.is_ready, START_TIMEOUT_S, "the server is ready")
    _expect_update(site, DONE, "after the kill")


def _mlflow_processes(site: Site) -> list[psutil.Process]:
    parent = psutil.Process(site.mlflow.pid)
    return [parent, *parent.children(recursive=True)]


def _spoil_the_model(site: Site, spoil: Callable[[bytes], bytes]) -> None:
    site.promote_again()
    path = site.model_artifact()
    content = path.read_bytes()
    path.write_bytes(spoil(content))
    _expect_update(site, UPSTREAM_FAILED, "with a spoilt model in the registry")
    path.write_bytes(content)
    _expect_update(site, DONE, "once the model was whole again")


def _expect_update(site: Site, status: int, when: str) -> None:
    found = site.update_model()
    if found != status:
        raise SiteError(f"/update-model answered {found} {when}, not {status}")


def fill_the_disk(site: Site) -> None:
    """For a while the spool's files can't grow."""
    workers = site.server.processes(WORKER)
    for worker in workers:
        worker.rlimit(psutil.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    time.sleep(OUTAGE_S)
    for worker in workers:
        worker.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def set_the_clock_back(site: Site) -> None:
    """The machine's clock goes back by an hour, and forward again."""
    site.clock.set_offset(-CLOCK_OFFSET_S)
    time.sleep(OUTAGE_S)
    site.clock.set_offset(0)


def crowd_of_silent_clients(site: Site) -> None:
    """Thousands of connections that say nothing."""
    with _crowd(site):
        time.sleep(OUTAGE_S)


def crowd_of_slow_clients(site: Site) -> None:
    """Thousands of requests that come a few bytes at a time ("slowloris")."""
    with _crowd(site) as crowd:
        for piece in (b"POST /batch_predict HTTP/1.1\r\nHost: here\r\n", *[b"X-Slow: yes\r\n"] * TRICKLE_ROUNDS):
            for connection in crowd:
                with contextlib.suppress(OSError):
                    connection.send(piece)
            time.sleep(OUTAGE_S / TRICKLE_ROUNDS)


def crowd_of_half_closed_clients(site: Site) -> None:
    """Thousands of clients that break off in the middle of a request and keep their side open."""
    with _crowd(site) as crowd:
        for connection in crowd:
            with contextlib.suppress(OSError):
                connection.send(b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n{")
                connection.shutdown(socket.SHUT_WR)
        time.sleep(OUTAGE_S)


@contextlib.contextmanager
def _crowd(site: Site) -> Iterator[list[socket.socket]]:
    """So many connections, each left open; those that the server refuses are gone."""
    with contextlib.ExitStack() as stack:
        crowd = []
        for _ in range(CROWD):
            connection = stack.enter_context(socket.socket())
            connection.settimeout(START_TIMEOUT_S)
            connection.connect(("127.0.0.1", site.server.port))
            connection.setblocking(False)
            crowd.append(connection)
        yield crowd


FAULTS: Final = (
    Fault("kill -9 of a worker", kill_a_worker),
    Fault(f"kill -9 of all {WORKERS} workers", kill_the_workers),
    Fault("kill -9 of the shipper", kill_the_shipper),
    Fault("kill -9 of everything that serves", kill_everything),
    Fault("SIGTERM under load, then a start", stop_under_load, may_refuse=True),
    Fault("kill -9 of PostgreSQL", kill_postgres),
    Fault("PostgreSQL restarts in the middle of a COPY", restart_in_copy),
    Fault("PostgreSQL is slow: the table is locked", lock_the_table),
    Fault("PostgreSQL refuses the login", refuse_the_login),
    Fault("kill -9 of MLflow, and a model update", kill_mlflow),
    Fault("MLflow hangs, and a model update", hang_mlflow),
    Fault("MLflow answers 500, and a model update", registry_fails),
    Fault("a model's download that is cut off", cut_off_the_download),
    Fault("a model file with a wrong byte", damage_the_model),
    Fault("a model file that is cut off", cut_off_the_model),
    Fault("kill -9 in the middle of a model update", kill_in_update),
    Fault("the disk of the spool is full", fill_the_disk, may_refuse=True),
    Fault("the clock goes back by an hour", set_the_clock_back),
    Fault("the database claims another encoding", claim_another_encoding),
    Fault("an expired month of 1,000,000 requests", expire_a_large_month),
    Fault("a flipped bit in a segment's end mark", flip_a_bit_of_an_end_mark),
    Fault("a backup, restored elsewhere and verified", back_up_and_restore),
    Fault(f"{CROWD:,} silent connections", crowd_of_silent_clients),
    Fault(f"{CROWD:,} slow clients (slowloris)", crowd_of_slow_clients),
    Fault(f"{CROWD:,} half-closed connections", crowd_of_half_closed_clients),
    Fault("a long reader at the month's turn", read_over_the_months_turn),
)
