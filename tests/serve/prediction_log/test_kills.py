"""Whatever is killed while requests come: what was answered is on record, each answer once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.verification import verify
from serve.prediction_log.segment import list_segments
from tests.live_stack import API_KEY, LiveStack, wait_until
from tests.serve.prediction_log_rows import fetch
from tests.serve.prediction_log_server import SHIPPER, WORKER, Load, LogServer, log_server


def kill_a_worker(server: LogServer) -> None:
    server.processes(WORKER)[0].kill()


def kill_the_workers(server: LogServer) -> None:
    for worker in server.processes(WORKER):
        worker.kill()


def kill_the_shipper(server: LogServer) -> None:
    server.processes(SHIPPER)[0].kill()


def kill_all(server: LogServer) -> None:
    server.kill_all()
    server.start()


def end_connections(server: LogServer) -> None:
    """What a restart of PostgreSQL does to a COPY that is under way."""
    for _ in range(20):
        fetch(
            server.stack.owner_dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prediction-log'",
        )


def hold_a_lock(server: LogServer) -> None:
    """The table can't be written for a while; no statement of the shipper gets through."""
    with connect(server.stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE prediction_requests")
        before = sum(path.stat().st_size for path in list_segments(server.spool).values())
        wait_until(
            lambda: sum(path.stat().st_size for path in list_segments(server.spool).values()) > before + 100_000,
            30,
            "the spool grows",
        )


@pytest.fixture(scope="module")
def shared_server(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogServer]:
    with log_server(stack, tmp_path_factory.mktemp("killed")) as server:
        yield server


@pytest.fixture
def server(shared_server: LogServer) -> LogServer:
    """One for all that is killed, well again after the test before."""
    if shared_server.process.poll() is not None:
        shared_server.start()
    wait_until(shared_server.is_whole, 60, "all its processes run")
    return shared_server


def gauge(server: LogServer, name: str) -> float:
    lines = server.get("/metrics").splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name)), -1.0)


def waiting_after_an_attempt(server: LogServer) -> float:
    """Records that wait. The shipper tells between two attempts, so one is ended that would last until its timeout."""
    fetch(
        server.stack.owner_dsn,
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'prediction-log' AND wait_event_type = 'Lock'",
    )
    return gauge(server, "scoring_prediction_log_waiting_records")


def has_answered(load: Load, goal: int) -> bool:
    return len(load.answered) > goal


def wait_for_the_record(server: LogServer, load: Load) -> None:
    """Until all that was answered is there, and nothing waits that could come on top."""
    wait_until(lambda: load.answered <= dict(server.recorded(load)).keys(), 60, "what was answered is on record")
    wait_until(lambda: gauge(server, "scoring_prediction_log_waiting_records") == 0, 40, "nothing waits")


def assert_on_record_once(server: LogServer, load: Load) -> None:
    recorded = server.recorded(load)
    assert {count for _, count in recorded} == {1}
    assert load.answered <= {request_id for request_id, _ in recorded}


@pytest.mark.parametrize(
    "fault", [kill_a_worker, kill_the_workers, kill_the_shipper, kill_all, end_connections, hold_a_lock]
)
def test_killed_workers_answers_are_recorded_once(server: LogServer, fault: Callable[[LogServer], None]) -> None:
    load = Load(server.port, API_KEY)
    with load.running():
        wait_until(lambda: len(load.answered) > 100, 30, "requests are answered")
        fault(server)
        before = len(load.answered)
        wait_until(lambda: len(load.answered) > before + 100, 60, "requests are answered again")
    assert load.statuses == {200}
    wait_for_the_record(server, load)
    assert_on_record_once(server, load)


@pytest.mark.parametrize("fault", [kill_a_worker, kill_the_workers, kill_all])
def test_a_request_that_is_sent_with_its_key_until_it_is_answered_is_on_record_exactly_once(
    server: LogServer, fault: Callable[[LogServer], None]
) -> None:
    load = Load(server.port, API_KEY, keys=True)
    with load.running(clients=8):
        for _ in range(2):
            before = len(load.answered)
            wait_until(partial(has_answered, load, before + 100), 60, "requests are answered")
            fault(server)
            wait_until(lambda: len(server.processes(WORKER)) == 2, 30, "workers run again")
    assert load.statuses <= {200, 409}
    wait_for_the_record(server, load)
    assert dict(server.recorded(load)) == dict.fromkeys(load.answered, 1)


def test_a_stop_after_all_that_was_killed_ships_what_there_is_and_the_record_verifies(
    stack: LiveStack, server: LogServer
) -> None:
    kill_all(server)
    load = Load(server.port, API_KEY)
    with load.running():
        wait_until(lambda: len(load.answered) > 100, 30, "requests are answered")
        kill_a_worker(server)
    assert server.stop() == 0
    assert not list_segments(server.spool), "a stop ships all there is"
    assert_on_record_once(server, load)
    with connect(stack.owner_dsn) as connection:
        report = verify(connection, server.spool)
    assert {str(finding) for finding in report.findings if "no anchor here" not in finding.what} == set()
    assert report.verdict in {Verdict.PASS, Verdict.INCONCLUSIVE}


def test_without_a_database_requests_are_answered_up_to_the_bound_and_then_refused(
    stack: LiveStack, tmp_path: Path
) -> None:
    settings = {"SPOOL_MAX_BYTES": str(36 * 1024 * 1024)}
    with log_server(stack, tmp_path, **settings) as server:
        load = Load(server.port, API_KEY)
        with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLE prediction_requests")
            with load.running():
                wait_until(lambda: 503 in load.statuses, 60, "requests are refused")
            assert load.statuses == {200, 503}
            assert sum(path.stat().st_size for path in list_segments(tmp_path).values()) <= 36 * 1024 * 1024
        again = Load(server.port, API_KEY)
        with again.running():
            wait_until(lambda: len(again.answered) > 100, 60, "requests are answered again")
        assert server.stop() == 0
        assert_on_record_once(server, load)
        assert_on_record_once(server, again)


def test_a_stop_without_a_database_leaves_the_spool_for_the_next_start(stack: LiveStack, tmp_path: Path) -> None:
    nowhere = {"DATABASE_URL": "host=/nowhere dbname=none", "DRAIN_TIMEOUT_S": "2"}
    load = Load(0, API_KEY)
    with log_server(stack, tmp_path, **nowhere) as server:
        load.port = server.port
        with load.running():
            wait_until(lambda: len(load.answered) > 100, 30, "requests are answered")
        assert server.stop() == 0
        assert list_segments(tmp_path)
        assert server.recorded(load) == []
    with log_server(stack, tmp_path) as server:
        wait_until(lambda: not list_segments(tmp_path), 30, "the spool is shipped")
        assert_on_record_once(server, load)


def test_the_metrics_tell_how_much_waits_and_for_how_long(server: LogServer) -> None:
    load, dsn = Load(server.port, API_KEY), server.stack.owner_dsn
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE prediction_requests")
        with load.running():
            wait_until(lambda: len(load.answered) > 100, 30, "requests are answered")
        wait_until(lambda: waiting_after_an_attempt(server) > 100, 40, "records wait")
        assert gauge(server, "scoring_prediction_log_spool_bytes") > 100 * 20 * 44
        assert gauge(server, "scoring_prediction_log_oldest_record_seconds") > 0
    wait_until(lambda: gauge(server, "scoring_prediction_log_waiting_records") == 0, 40, "nothing waits")
    assert gauge(server, "scoring_prediction_log_oldest_record_seconds") == 0
    assert gauge(server, "scoring_prediction_log_shipped_records_total") >= len(load.answered)
