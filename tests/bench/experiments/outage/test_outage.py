"""The outage experiment: a short one with real parts, and what its judgement makes of broken promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.experiments.outage.run import Outage, judge
from bench.experiments.soak.judge import MIB
from bench.experiments.soak.records import Records
from fraud.verdict import Verdict
from tests.bench.experiments.conftest import Experiment

WHOLE = Records(answered=9, answered_rows=90, recorded=9, recorded_rows=90, lost=0, twice=0, unanswered=0)
KEPT = Outage(
    seconds=60,
    answered=9,
    refused=0,
    strange=0,
    first_refusal_s=None,
    largest_spool_bytes=600 * MIB,
    most_segments=40,
    growth_bytes_per_answer=(1_000.0, 1_050.0),
    worker_growth_mib=1,
    shipper_growth_mib=0,
    catch_up_s=20,
    catch_up_rows_per_s=100,
    records=WHOLE,
)


# In `make test`, `bench chaos` kills PostgreSQL, and tests/serve/prediction_log/test_kills.py fills the spool.
@pytest.mark.long
def test_answers_of_an_outage_are_recorded_once(experiment: Experiment, tmp_path: Path) -> None:
    figures, bound_mib = tmp_path / "outage.json", 64
    done = experiment("outage", "--minutes", "0.1", "--spool-mib", str(bound_mib), "--json", str(figures))
    assert figures.exists(), done.stdout + done.stderr
    found = json.loads(figures.read_text())["outage"]
    records = found["records"]
    assert records["answered"] == records["recorded"] > 0
    assert records["answered_rows"] == records["recorded_rows"]
    assert (records["lost"], records["twice"], records["unanswered"], found["strange"]) == (0, 0, 0, 0)
    assert found["largest_spool_bytes"] <= bound_mib * MIB


@pytest.mark.parametrize(
    ("broken_promise", "verdict"),
    [
        ({}, Verdict.PASS),
        ({"records": msgspec.convert({**msgspec.to_builtins(WHOLE), "lost": 1}, Records)}, Verdict.FAIL),
        ({"strange": 1}, Verdict.FAIL),
        ({"growth_bytes_per_answer": (1_000.0, 2_000.0)}, Verdict.FAIL),
        ({"worker_growth_mib": 100.0}, Verdict.FAIL),
        ({"shipper_growth_mib": 100.0}, Verdict.FAIL),
    ],
    ids=["kept", "lost", "strange", "faster and faster", "worker grows", "shipper grows"],
)
def test_a_broken_promise_fails(broken_promise: dict[str, Any], verdict: Verdict) -> None:
    assert judge(msgspec.structs.replace(KEPT, **broken_promise))[0] is verdict
