"""An erasure reaches recorded answers that are not published yet."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from serve.batch.worker import ModelChoice
from tests.live_stack import project_environment
from tests.serve.prediction_log_rows import fetch, ship_all
from tests.serve.stream.postgres_queue import make_queue, read_queue
from tests.serve.stream.streams import bodies_of, bridge, drain, killed_at

KEY = "k" * 32


def test_an_answer_that_was_erased_before_it_was_published_is_a_dead_letter(
    model: ModelChoice, database: str, tmp_path: Path
) -> None:
    body = json.dumps(json.loads(bodies_of(60)[0]) | {"applicant_ref": "anna"}).encode()
    make_queue(database, [body, body])
    arguments = ("--source", "postgres", "--record")
    settings = {"DATABASE_URL": database, "SPOOL_DIR": str(tmp_path), "APPLICANT_REF_KEY": KEY}
    killed_at(["serve.prediction_log.spool:Spool.append:1:after"], model.run_dir, *arguments, **settings)
    ship_all(tmp_path, database)
    erased = subprocess.run(
        [sys.executable, "-m", "serve.audit", "erase", "--applicant-ref", "anna"],
        env=project_environment(RUN_DIR=str(model.run_dir), **settings),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "2 answers of streams" in erased.stdout
    drain(lambda *more: bridge(model.run_dir, *arguments, *more, **settings))
    answers, dead = read_queue(database)
    assert answers == []
    assert ["its answer was erased" in reason for _, reason in dead] == [True, True]
    assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(1,)]
