"""`.env` as `make env` writes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from dotenv import dotenv_values

from tests.compose.compose_file import ROOT


def copy_what_make_env_reads(folder: Path) -> None:
    """Make a folder in which `make env` works."""
    for name in ("Makefile", ".env.example"):
        shutil.copy(ROOT / name, folder / name)


def make_env(folder: Path) -> dict[str, str]:
    """Run `make env`; what is in `.env` then."""
    made = subprocess.run(["/usr/bin/env", "make", "env"], cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    values = {name: value or "" for name, value in dotenv_values(folder / ".env").items()}
    assert not any(value in made.stdout + made.stderr for value in values.values()), "a secret was shown"
    return values
