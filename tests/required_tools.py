"""Programs of the system that some tests need: skipped where one is missing, failed where none may be."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final, NoReturn

import pytest

REQUIRE_TOOLS: Final = "REQUIRE_TOOLS"
"""Where it is 1, none may be missing; CI sets it."""
_SYSTEM_FOLDERS: Final = "/usr/sbin:/sbin"
"""Where servers are, which not every user's PATH names."""


def need_program(*names: str, package: str) -> str:
    """Path of the first of these programs that is here; `package` is Debian's that has it."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), _SYSTEM_FOLDERS))
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    return found or _lack(names, package)


def need_file(path: Path, package: str) -> Path:
    """The file, if it is here; `package` is Debian's that has it."""
    return path if path.exists() else _lack([path.name], package)


def _lack(names: Collection[str], package: str) -> NoReturn:
    message = f"{' or '.join(names)} is missing: apt-get install {package}"
    if os.environ.get(REQUIRE_TOOLS) == "1":
        pytest.fail(message)
    pytest.skip(message)
