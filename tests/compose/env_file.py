"""`.env` as `make env` writes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from dotenv import dotenv_values

from tests.compose.compose_file import ROOT, required_variables


def copy_what_make_env_reads(folder: Path) -> None:
    """Make a folder in which `make env` works."""
    for name in ("Makefile", ".env.example"):
        shutil.copy(ROOT / name, folder / name)


def make_env(folder: Path) -> dict[str, str]:
    """Run `make env`; what is in `.env` then."""
    made = subprocess.run(["/usr/bin/env", "make", "env"], cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    values = {name: value or "" for name, value in dotenv_values(folder / ".env").items()}
    secrets = {values[name] for name in required_variables()}
    assert not any(secret in made.stdout + made.stderr for secret in secrets), "a secret was shown"
    return values
