"""Lower the priority of a process, so that it yields its cores to scoring."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

AUTOGROUP: Final = Path("/proc/self/autogroup")
BACKGROUND: Final = 5
"""Niceness, 0 (usual) to 19 (last), of work that is less urgent than answers: pages, the registry, a compiler."""


def give_way(niceness: int = BACKGROUND) -> None:
    """Run below the priority of the processes that score. The process must have a session of its own.

    Where Linux shares its cores among sessions first (sched(7), "autogroup"), a process's niceness counts only among
    those of its own session: there the session gives way.
    """
    os.nice(niceness)
    with suppress(OSError):  # no such file: no such sharing
        AUTOGROUP.write_text(str(niceness), encoding="ascii")
