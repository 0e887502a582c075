"""Compiled code is pickles and machine code: it is read only from where nobody else could have put it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from serve.engine.code_cache import load_code, open_to_others

OTHER_USER = 54321
SOURCES = (Path(__file__),)


def load(folder: Path) -> bool:
    """Whether code may be read from the folder and kept there."""
    return load_code(folder, SOURCES, lambda cached: cached)


def test_a_folder_that_we_make_is_ours_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert load(tmp_path / "code")
    finally:
        os.umask(before)
    (kept,) = (tmp_path / "code").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o2770, 0o707, 0o777, 0o1777], ids=oct)
def test_a_folder_that_was_opened_to_others_is_made_anew(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert load(tmp_path)
    (kept,) = tmp_path.iterdir()
    (kept / "planted").write_bytes(b"pickle")
    (kept / "deeper").mkdir()
    kept.chmod(mode)
    with caplog.at_level(logging.WARNING):
        assert load(tmp_path)
    assert list(tmp_path.iterdir()) == [kept]
    assert list(kept.iterdir()) == []
    assert kept.stat().st_mode & 0o777 == 0o700
    assert f"users other than the owner might have written to {kept}" in caplog.text


def test_an_opened_folder_is_not_read_where_others_could_replace_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load(tmp_path / "code")
    (kept,) = (tmp_path / "code").iterdir()
    kept.chmod(0o770)
    (tmp_path / "code").chmod(0o777)
    with caplog.at_level(logging.ERROR):
        assert not load(tmp_path / "code")
    assert f"users other than its owner can write to {tmp_path / 'code'}" in caplog.text


def test_a_folder_in_one_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    assert load(tmp_path / "deep" / "code")
    (tmp_path / "deep").chmod(0o777)
    assert not load(tmp_path / "deep" / "code")
    (tmp_path / "deep").chmod(0o1777)  # as /tmp: nobody may rename what is not theirs
    assert load(tmp_path / "deep" / "code")


def test_a_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(real)
    assert open_to_others(tmp_path / "link") is None
    real.chmod(0o777)
    assert open_to_others(tmp_path / "link") == real


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o700)
    os.chown(folder, OTHER_USER, OTHER_USER)
    assert open_to_others(folder) == folder
    (folder / "ours").mkdir(mode=0o700)
    assert open_to_others(folder / "ours") == folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to a group that it is not in")
def test_a_folder_above_may_be_writable_for_our_own_group_only(tmp_path: Path) -> None:
    above = tmp_path / "above"
    (above / "code").mkdir(parents=True, mode=0o700)
    above.chmod(0o775)
    assert open_to_others(above / "code") is None
    os.chown(above, -1, OTHER_USER)
    assert open_to_others(above / "code") == above
