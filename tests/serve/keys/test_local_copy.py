"""The local copy of the keys: whole, private, and rewritten where it is damaged."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from fraud.api_keys import Role, sha256_of
from serve.keys.errors import KeysError
from serve.keys.local_copy import LocalCopy
from serve.keys.stored_key import ValidKey

KEYS = [
    ValidKey(1, "agency", frozenset({Role.SCORE, Role.READ}), sha256_of("1"), None),
    ValidKey(2, "bank", frozenset({Role.SCORE}), sha256_of("2"), dt.datetime(2030, 1, 2, 3, 4, 5, 6, dt.UTC)),
]


@pytest.fixture
def copy(tmp_path: Path) -> LocalCopy:
    return LocalCopy(tmp_path / "run" / "api_keys.json")


def test_copy_is_what_was_kept_and_its_owners_alone(copy: LocalCopy) -> None:
    assert (copy.version(), copy.read()) == (None, [])
    copy.keep(KEYS)
    assert copy.read() == KEYS
    assert copy.path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in copy.path.parent.iterdir()] == [copy.path.name]


def test_copy_is_replaced_only_by_something_else(copy: LocalCopy) -> None:
    copy.keep(KEYS)
    first = copy.version()
    copy.keep(KEYS)
    assert copy.version() == first
    copy.keep([])
    assert copy.version() != first
    assert copy.read() == []


@pytest.mark.parametrize("content", [b"", b"[{}]", b"\xff", b'[{"number": 1}]'])
def test_damaged_copy_is_refused_and_written_anew(copy: LocalCopy, content: bytes) -> None:
    copy.keep(KEYS)
    copy.path.write_bytes(content)
    with pytest.raises(KeysError, match="rewritten"):
        copy.read()
    copy.keep(KEYS)
    assert copy.read() == KEYS
