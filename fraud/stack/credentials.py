"""Secrets that are not set: generated once and stored in `<run_dir>/.env`, readable only by their owner."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

PASSWORD_BYTES: Final = 24
OWNER_ONLY: Final = 0o600


def write_private(path: Path, lines: Iterable[str], owner: int | None = None) -> None:
    """Replace a file as a whole; at no time is it readable by others, or half there.

    Args:
        path: the file.
        lines: its lines, without their ends.
        owner: its owner; the present user by default.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(path.name + ".new")
    staging.unlink(missing_ok=True)
    descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        if owner is not None:
            os.fchown(descriptor, owner, -1)
        os.fsync(descriptor)
    staging.replace(path)


def generate_missing(path: Path, missing: Iterable[str]) -> dict[str, str]:
    """Add a random password for each of the `missing` settings to the file `path`.

    Returns:
        The generated values by name of the setting; empty if nothing was missing.
    """
    generated = {name: secrets.token_urlsafe(PASSWORD_BYTES) for name in missing}
    add_settings(path, generated)
    return generated


def add_settings(path: Path, added: Mapping[str, str]) -> None:
    """Add settings to the file `path`; what it says already stays."""
    if added:
        kept = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        write_private(path, [*kept, *(f"{name}={value}" for name, value in added.items())])
