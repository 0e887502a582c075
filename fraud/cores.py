"""How many cores there are to use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that this process may run on, of those that the machine has (`taskset`, a container's cpuset)."""
    return len(os.sched_getaffinity(0))
