"""Generated passwords are private, kept, and never replaced."""

from __future__ import annotations

import stat
from pathlib import Path

from fraud.stack.credentials import generate_missing


def test_generated_secrets_are_random_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "run" / ".env"
    generated = generate_missing(path, ["A_PASSWORD", "B_PASSWORD"])
    assert path.read_text() == "".join(f"{name}={value}\n" for name, value in generated.items())
    assert len(set(generated.values())) == 2
    assert all(len(value) >= 32 for value in generated.values())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_existing_secrets_are_kept(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nA_PASSWORD=kept\n")
    generate_missing(path, ["B_PASSWORD"])
    assert path.read_text().startswith("# mine\nA_PASSWORD=kept\nB_PASSWORD=")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_missing_writes_nothing(tmp_path: Path) -> None:
    assert generate_missing(tmp_path / ".env", []) == {}
    assert list(tmp_path.iterdir()) == []
