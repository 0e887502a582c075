"""Ours, ours without its log and the original's manner, really started and compared for a moment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.experiments.peers import contenders
from bench.experiments.peers.contenders import CONTENDERS, Contender
from bench.experiments.peers.cores import CLIENT_CORE, SERVER_CORE, resident_bytes, take_client_core
from bench.experiments.peers.errors import PeersError
from bench.experiments.peers.lineup import Lineup, make_environments
from bench.experiments.peers.measurements import Throughput, read_stage
from bench.experiments.peers.model import SharedModel, share_model
from bench.experiments.peers.report import THROUGHPUT_FILE, read_report, write_page
from bench.experiments.peers.requests import check_answers
from bench.experiments.peers.run import Comparison, Plan, Stage
from tests.live_stack import folder_for_postgres, wait_until

BOTH_CORES = {SERVER_CORE, CLIENT_CORE} <= os.sched_getaffinity(0)
needs_two_cores = pytest.mark.skipif(not BOTH_CORES, reason="cores 0 and 1 are not both there")
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")

SERVERS = (contenders.OURS, contenders.OURS_UNLOGGED, contenders.ORIGINAL)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with folder_for_postgres() as folder:
        yield folder


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """For a line-up beside the one that the other tests share."""
    with folder_for_postgres() as folder:
        yield folder


@pytest.fixture(scope="module")
def model(folder: Path) -> SharedModel:
    return share_model(None, folder / "model")


@pytest.fixture(scope="module")
def client_core() -> Iterator[None]:
    """The tests run where clients do; the servers have another core."""
    before = os.sched_getaffinity(0)
    take_client_core()
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture(scope="module")
def lineup(folder: Path, model: SharedModel, client_core: None) -> Iterator[Lineup]:
    with Lineup(folder, model) as lineup:
        for server in SERVERS:
            lineup.start(server, Path(sys.executable))
        yield lineup


def of(server: str, rows: int) -> list[Contender]:
    return [contender for contender in CONTENDERS if contender.server == server and rows in contender.batch_rows]


@needs_two_cores
def test_all_answer_alike_on_their_core_and_only_the_log_is_off(lineup: Lineup, model: SharedModel) -> None:
    for server in SERVERS:
        running = lineup.servers[server]
        assert os.sched_getaffinity(running.child.pid) == {SERVER_CORE}
        assert resident_bytes(running.child.pid) > 2**24
        for rows in (1, 100):
            for contender in of(server, rows):
                check_answers(contender, rows, running, model, seed=7)
        lineup.settle(running)
    asked = sum(len(of(contenders.OURS, rows)) for rows in (1, 100))
    assert asked > 2
    wait_until(lambda: lineup.recorded_requests() >= asked, 10, "ours has recorded what it answered")
    assert lineup.recorded_requests() == asked, "what the one without a log answered must not be on record"
    lineup.forget_records()
    assert lineup.recorded_requests() == 0


@needs_two_cores
def test_a_contender_with_another_model_is_not_compared_with(lineup: Lineup, model: SharedModel) -> None:
    other = SharedModel("other", model.native, model.onnx, model.booster[:10])
    server = lineup.servers[contenders.ORIGINAL]
    with pytest.raises(PeersError, match="other probabilities"):
        check_answers(of(contenders.ORIGINAL, 100)[0], 100, server, other, seed=7)


@pytest.mark.long
@needs_two_cores
@pytest.mark.usefixtures("client_core")
def test_mosec_answers_in_its_own_environment(folder: Path, model: SharedModel) -> None:
    try:
        pythons = make_environments([contenders.MOSEC], folder, lambda _: None)
    except PeersError as error:
        pytest.skip(str(error))
    with Lineup(folder, model) as lineup:
        running = lineup.start(contenders.MOSEC, pythons[contenders.MOSEC])
        for rows in contenders.BATCH_ROWS:
            (contender,) = of(contenders.MOSEC, rows)
            check_answers(contender, rows, running, model, seed=7)
        for path in ("/predict", "/batch_predict"):
            assert httpx.post(f"http://127.0.0.1:{running.port}{path}", content=b"[1").status_code == 400


@needs_two_cores
@needs_wrk
@pytest.mark.usefixtures("client_core")
def test_a_short_run_leaves_its_windows_and_a_page(
    own_folder: Path, model: SharedModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # No installs in tests: the original's manner needs nothing that we do not have.
    monkeypatch.setattr(
        "bench.experiments.peers.run.make_environments", lambda names, *_: dict.fromkeys(names, Path(sys.executable))
    )
    plan = Plan(
        servers=(*SERVERS, contenders.RESPONDER),
        sizes=(1, 100),
        stages=frozenset({Stage.THROUGHPUT}),
        rounds=1,
        seconds=1,
        latency_seconds=1.0,
        memory_minutes=0.0,
        seed=1,
    )
    done: list[int] = []
    comparison = Comparison(plan, model, own_folder, lambda _, finished: done.append(finished))
    comparison.run()
    stage = read_stage(own_folder / "results" / THROUGHPUT_FILE, Throughput)
    assert stage is not None
    assert comparison.faults == []
    assert sum(done) == len(stage.windows) == 10
    for window in stage.windows:
        assert window.requests > 0, window.contender
        assert window.failures == 0, window.contender
        assert 0 < window.usage.server < 1.2, window.contender
    page = tmp_path / "RESULTS.md"
    write_page(read_report(own_folder / "results"), page)
    assert "1,000 rows: ours / original's manner" not in page.read_text(), "it was not measured"
    assert "left with the log, 100 rows" in page.read_text()
    assert page.with_suffix(".png").stat().st_size > 10_000
