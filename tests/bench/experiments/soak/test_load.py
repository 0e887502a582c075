"""The load process against a real server, and what it counts against what is on record."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, cast

from bench.applications import request_headers
from bench.experiments.site.site import Site
from bench.experiments.soak.load import load_process
from bench.experiments.soak.load_plan import Stretch
from bench.experiments.soak.plan import Cores
from bench.experiments.soak.records import compare_records, count_records
from tests.live_stack import API_KEY, LiveStack, wait_until
from tests.serve.prediction_log_rows import fetch


class Record:
    """Asked as a `Site` is."""

    def __init__(self, stack: LiveStack) -> None:
        self._dsn = stack.owner_dsn

    def fetch(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return fetch(self._dsn, query, *values)


def test_every_answer_of_either_loop_is_on_record_to_the_row(stack: LiveStack, tmp_path: Path) -> None:
    site, name = cast(Site, Record(stack)), f"soak{secrets.token_hex(4)}"
    port, cores = int(stack.environment["SERVE_PORT"]), Cores.of_this_process()
    with load_process(tmp_path, port, request_headers(API_KEY), cores.load, seed=1) as load:
        samples, done = load.run(name, Stretch("at a rate", 2.0, 50.0), Stretch("as fast as it is answered", 1.0))
    answered = int((samples.status == 200).sum())
    assert {samples.of_stretch(number).number.size > 0 for number in range(2)} == {True}
    assert len(done.efforts) == 2
    wait_until(lambda: count_records(site, name) >= answered, 60, "all answers are on record")
    records = compare_records(site, name, samples)
    assert records.answered == records.recorded == answered > 0
    assert records.are_whole
