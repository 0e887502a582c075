"""Options of a Ray cluster that make no sense are refused before anything is asked of database or registry."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from train.__main__ import app


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(("--engine", "spark"), "expected one of threads, ray", id="unknown"),
        pytest.param(("--address", "here:1"), "expected --engine ray", id="address"),
        pytest.param(("--nodes", "2"), "expected --engine ray", id="nodes"),
        pytest.param(("--engine", "ray", "--nodes", "1"), "expected a whole number of 2 or more", id="one node"),
    ],
)
def test_contradictory_options_are_refused(arguments: tuple[str, ...], told: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
