"""What wrk says is understood, and what it does not say is an error."""

from __future__ import annotations

import pytest

from bench.experiments.peers.errors import PeersError
from bench.experiments.peers.wrk import Load, find_wrk, parse_summary

OUTPUT = """\
Running 2s test @ http://127.0.0.1:8080
  1 threads and 4 connections
Requests/sec:    204.51

summary {"requests":411,"duration_us":2009674,"p50_us":18755,"p99_us":41210,"refused":2,"broken":1}
"""


def test_the_summary_is_read() -> None:
    expected = Load(requests=411, duration_us=2_009_674, p50_us=18_755, p99_us=41_210, refused=2, broken=1)
    assert parse_summary(OUTPUT) == expected


def test_no_summary_is_an_error_that_shows_what_wrk_said() -> None:
    with pytest.raises(PeersError, match="unable to connect"):
        parse_summary("unable to connect to 127.0.0.1:8080 Connection refused\n")


def test_a_missing_wrk_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PeersError, match="apt-get install wrk"):
        find_wrk()
