"""Who a command acts for."""

from __future__ import annotations

import getpass
import os

import pytest

from fraud.acting_person import person_here


def test_a_command_acts_for_whom_the_settings_name() -> None:
    assert person_here("anna") == "anna"
    assert person_here(None).startswith("shell:")


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert person_here() == f"shell:{os.getuid()}"
