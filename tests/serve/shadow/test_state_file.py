"""What servers are told of the shadow; and nothing of it is worth an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from serve.shadow.state_file import ShadowState, StateFile, state_file

NOT_YET = ShadowState("candidate", fault="it has not started yet")


@pytest.fixture
def state(tmp_path: Path) -> StateFile:
    found = state_file(tmp_path, "candidate")
    assert found is not None
    return found


def test_state_is_the_one_that_was_written_last(state: StateFile) -> None:
    assert state.read() == NOT_YET
    state.write(None, "none there")
    assert state.read() == ShadowState("candidate", None, "none there")
    state.write(7)
    assert state.read() == ShadowState("candidate", 7)


@pytest.mark.parametrize("content", [b"", b"{", b'{"alias":"previous","model_version":3}', b'{"alias":3}'])
def test_state_that_says_nothing_of_this_alias_is_none(state: StateFile, tmp_path: Path, content: bytes) -> None:
    state.write(7)
    (tmp_path / "shadow" / "state.json").write_bytes(content)
    assert state.read() == NOT_YET


def test_each_asking_is_told_from_the_one_before(state: StateFile) -> None:
    told = [state.last_asked()]
    for _ in range(3):
        state.ask()
        told.append(state.last_asked())
    assert told[0] is None
    assert len(set(told)) == 4
    assert state.last_asked() == told[-1]


def test_folder_that_can_not_be_made_is_no_error(state: StateFile, tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("in the way")
    state.write(7)
    state.ask()
    assert (state.read(), state.last_asked()) == (NOT_YET, None)


def test_without_an_alias_nothing_shadows(tmp_path: Path) -> None:
    assert state_file(tmp_path, None) is None
