"""How much of a core the shipper leaves to scoring where both want it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

NICENESS: Final = 3
"""Gives way to scoring, and still keeps up with it where all cores are busy."""
AUTOGROUP: Final = Path("/proc/self/autogroup")


def give_way() -> None:
    """Run below the priority of the processes that score.

    Where Linux shares its cores among sessions first (sched(7), "autogroup"), a process's niceness counts only among
    those of its own session, and the shipper has one to itself: there the session gives way.
    """
    os.nice(NICENESS)
    with suppress(OSError):  # no such file: no such sharing
        AUTOGROUP.write_text(str(NICENESS), encoding="ascii")
