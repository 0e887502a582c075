"""What `/metrics` shows: checked by Prometheus's own tool, named alike, and bounded whatever is asked for."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from fraud.api_keys import ApiKey, Role, bearer, new_key
from fraud.features import EXAMPLE_INSTANCE
from serve.api.other_requests import group_of
from serve.http.tls import end_of_certificate
from serve.metrics import LATENCY_BUCKETS_S
from serve.prediction_log.report_gauges import ReportGauges
from serve.prediction_log.upkeep_table import UpkeepTable
from tests.live_stack import LiveStack, server_beside, wait_until
from tests.required_tools import need_program
from tests.serve.certificates import Certificate
from tests.serve.declared_metrics import declared_names, declared_page
from tests.serve.prediction_log_rows import execute

KEY = new_key()
LOGIN = bearer(KEY)
PREFIX = re.compile(r"scoring_|process_")
ENOUGH_FOR_A_THREAD = 20_000
REPORT = (
    "INSERT INTO reports (kind, made_at, verdict, page, facts, sha256)"
    " VALUES (%s, to_timestamp(%s), %s, '', '{}', sha256(''))"
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.issue(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def server(
    stack: LiveStack, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A server of two workers, by HTTPS, that nobody else asks."""
    entry = str(ApiKey.of(KEY, "agency", [Role.SCORE, Role.READ]))
    settings = {**certificate.settings, "API_KEYS": entry, "SERVE_WORKERS": "2"}
    with (
        server_beside(stack, tmp_path_factory.mktemp("metrics"), **settings) as url,
        httpx.Client(base_url=url, headers=LOGIN, verify=certificate.trust, timeout=30) as client,
    ):
        yield client


def families(server: httpx.Client) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(server.get("/metrics").text)}


def value(server: httpx.Client, name: str, **labels: str) -> float:
    samples = [sample for family in families(server).values() for sample in family.samples]
    return sum(found.value for found in samples if found.name == name and labels.items() <= found.labels.items())


def check(page: str) -> tuple[int, str]:
    tool = need_program("promtool", package="prometheus")
    done = subprocess.run([tool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr + done.stdout


def test_prometheus_has_nothing_to_say_about_a_server_s_page(server: httpx.Client) -> None:
    assert check(server.get("/metrics").text) == (0, "")


def test_prometheus_has_nothing_to_say_about_any_metric_there_may_be() -> None:
    lines = declared_page().splitlines(keepends=True)
    assert check("".join(line for line in lines if "_created" not in line)) == (0, "")


def test_prometheus_s_tool_finds_a_bad_name() -> None:
    status, told = check("# HELP scoring_wait_milliseconds wait\n# TYPE scoring_wait_milliseconds gauge\n"
                         "scoring_wait_milliseconds 1\n")  # fmt: skip
    assert (status, "base unit" in told) == (3, True), told


def test_every_name_has_one_of_two_prefixes(server: httpx.Client) -> None:
    assert {name for name in declared_names() | set(families(server)) if not PREFIX.match(name)} == set()


def test_a_server_shows_no_metric_that_is_not_declared(server: httpx.Client) -> None:
    shown = {sample.name for family in families(server).values() for sample in family.samples}
    assert shown <= declared_names()


def test_times_of_day_say_so_in_their_names() -> None:
    known = text_string_to_metric_families(declared_page())
    times = {family.name for family in known if family.type == "gauge" and family.documentation.startswith("when ")}
    assert times
    assert {name for name in times if not name.endswith("_timestamp_seconds")} == set()


def test_buckets_tell_what_a_single_row_takes(server: httpx.Client) -> None:
    """Some 0.2 ms: there have to be edges on both sides of it."""
    assert server.post("/predict", json=EXAMPLE_INSTANCE).status_code == 200
    edges = {
        float(sample.labels["le"])
        for sample in families(server)["scoring_request_duration_seconds"].samples
        if sample.name.endswith("_bucket")
    }
    assert edges == {*LATENCY_BUCKETS_S, float("inf")}
    assert min(edges) == 25e-6
    assert len([edge for edge in edges if edge < 0.0005]) >= 5


def test_every_process_of_the_server_is_measured(server: httpx.Client) -> None:
    for process in ("supervisor", "worker", "shipper"):
        assert value(server, "process_resident_memory_bytes", process=process) > 1e6
        assert value(server, "process_open_fds", process=process) > 0
        assert 0 <= time.time() - value(server, "process_start_time_seconds", process=process) < 3600
    assert value(server, "process_cpu_seconds_total", process="worker") > 0


def test_the_build_and_the_end_of_the_certificate_are_told(server: httpx.Client, certificate: Certificate) -> None:
    assert value(server, "scoring_build_info", version="0.1.0") == 1
    assert value(server, "scoring_certificate_end_timestamp_seconds") == end_of_certificate(certificate.chain)


def test_one_kernel_is_chosen_for_each_size_of_batch(server: httpx.Client) -> None:
    wait_until(lambda: "scoring_engine_chosen" in families(server), 10, "it is told")
    for rows in ("1", "16", "256", "4096", "any"):
        assert value(server, "scoring_engine_chosen", largest_rows=rows) == 1


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        pytest.param({"Authorization": "Bearer mls_wrong"}, "key", id="key"),
        pytest.param({"Authorization": httpx.BasicAuth("admin", "wrong")._auth_header}, "password", id="password"),
        pytest.param({"Authorization": "Other wrong"}, "unknown", id="unknown scheme"),
    ],
)
def test_failed_logins_are_counted_by_kind(server: httpx.Client, headers: dict[str, str], kind: str) -> None:
    before = value(server, "scoring_failed_logins_total", kind=kind)
    assert server.get("/model-info", headers=headers).status_code == 401
    wait_until(lambda: value(server, "scoring_failed_logins_total", kind=kind) == before + 1, 10, "it is counted")


def test_the_time_that_a_large_request_waited_for_a_thread_is_told(server: httpx.Client) -> None:
    before = value(server, "scoring_thread_wait_seconds_count")
    rows = [EXAMPLE_INSTANCE] * ENOUGH_FOR_A_THREAD
    assert server.post("/batch_predict", json={"instances": rows}).status_code == 200
    wait_until(lambda: value(server, "scoring_thread_wait_seconds_count") == before + 1, 10, "it is counted")
    assert value(server, "scoring_event_loop_lag_seconds_count") > 0


def test_other_requests_are_counted_by_group_whatever_their_address(server: httpx.Client) -> None:
    def series() -> int:
        return sum(len(family.samples) for family in families(server).values())

    assert server.get("/nowhere/at/all").status_code == 404
    shown, before = series(), value(server, "scoring_other_requests_total", group="other", status="404")
    for number in range(50):
        assert server.get(f"/nowhere/{number}").status_code == 404
    assert value(server, "scoring_other_requests_total", group="other", status="404") == before + 50
    assert series() - shown < 10  # what a first request of a kind brings, at most


@pytest.mark.parametrize(
    ("path", "group"),
    [
        *(("/health/live", "health"), ("/v2/models/m/ready", "health"), ("/metrics", "metrics")),
        *(("/v2/models/m/stats", "metrics"), ("/v2/models/m", "v2"), ("/update-model", "model")),
        *(("/mlflow/x", "mlflow"), ("/docs", "docs"), ("/", "desk"), ("/reports/1", "desk"), ("/reports1", "other")),
        *(("/prepare-model/7", "model"), ("/prepare-model/x", "other"), ("/health\n", "other")),
    ],
)
def test_an_address_is_in_one_group(path: str, group: str) -> None:
    assert group_of(path) == group


def test_upkeep_tells_when_it_was_done(server: httpx.Client) -> None:
    def done_at(task: str) -> float:
        return value(server, "scoring_upkeep_done_timestamp_seconds", task=task)

    for task in ("partitions", "retention", "drift", "verdicts", "api_keys", "journals"):
        wait_until(lambda task=task: done_at(task) > 0, 30, task)  # type: ignore[misc]
        assert abs(time.time() - done_at(task)) < 300


def test_the_newest_report_of_each_kind_is_told(database: str, tmp_path: Path) -> None:
    for kind, made_at, verdict in [("gate", 1e9, "pass"), ("gate", 1.5e9, "inconclusive"), ("backup", 1e9, "pass")]:
        execute(database, REPORT, kind, made_at, verdict)
    gauges = ReportGauges()
    gauges.show(UpkeepTable(database, 24).report_states())
    told = {
        (sample.name.removeprefix("scoring_report_"), *sample.labels.values()): sample.value
        for family in gauges.registry.collect()
        for sample in family.samples
        if sample.value
    }
    assert told == {
        ("made_timestamp_seconds", "gate"): 1.5e9,
        ("made_timestamp_seconds", "backup"): 1e9,
        ("verdict", "gate", "inconclusive"): 1,
        ("verdict", "backup", "pass"): 1,
    }
