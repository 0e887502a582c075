"""A program in an environment of its own, made once from its lock file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.experiments.peers.errors import PeersError

REQUIREMENTS: Final = Path(__file__).parents[3] / "requirements"
STAMP: Final = "installed"
INSTALL_TIMEOUT_S: Final = 600


def make_environment(lock: Path, folder: Path) -> Path:
    """Install what the lock file says into `folder/env`, unless it is there already.

    Returns:
        The environment's interpreter.

    Raises:
        PeersError: the packages can't be installed.
    """
    name = lock.stem
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    environment = folder / "env"
    python = environment.resolve() / "bin" / "python"
    stamp = environment / STAMP
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return python
    _uv(name, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment))
    sync = ("pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", "--python", str(python))
    _uv(name, *sync, str(lock))
    stamp.write_text(wanted, encoding="ascii")
    return python


def installed_version(python: Path, package: str) -> str:
    """The version of a package in an environment."""
    script = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([str(python), "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def _uv(name: str, *arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("uv")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S)
    if done.returncode != 0:
        raise PeersError(f"the environment of {name} can't be made: {done.stderr.strip()[-500:]}")
