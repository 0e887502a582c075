"""Tests of what this machine lacks are skipped, and fail where nothing may be lacking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.required_tools import REQUIRE_TOOLS, need_file, need_program


def lack_program() -> None:
    need_program("no-such-program", "nor-this-one", package="nothing")


def lack_file() -> None:
    need_file(Path("/no/such/file"), "nothing")


@pytest.mark.parametrize("lack", [lack_program, lack_file])
@pytest.mark.parametrize(
    ("required", "outcome"),
    [(None, pytest.skip.Exception), ("0", pytest.skip.Exception), ("1", pytest.fail.Exception)],
    ids=["unset", "not required", "required"],
)
def test_missing_tools_are_named(
    monkeypatch: pytest.MonkeyPatch, lack: Callable[[], None], required: str | None, outcome: type[BaseException]
) -> None:
    monkeypatch.delenv(REQUIRE_TOOLS, raising=False)
    if required is not None:
        monkeypatch.setenv(REQUIRE_TOOLS, required)
    with pytest.raises(outcome, match="apt-get install nothing"):
        lack()


def test_installed_tools_are_found() -> None:
    assert Path(need_program("no-such-program", "sh", package="dash")).name == "sh"
    assert need_file(Path("/"), "base-files") == Path("/")
