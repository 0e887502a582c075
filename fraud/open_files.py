"""How many files, including connections, this process may have open."""

from __future__ import annotations

import resource
from typing import Final

from fraud.errors import SettingsError

RESERVED_FILES: Final = 128
"""Files that a server process opens besides connections: model, spool, saved answers, MLflow, and spare."""


def allow_open_files(needed: int = 0) -> int:
    """Raise the limit to the system's maximum, and return it: the usual limit of 1,024 is only a default.

    Raises:
        SettingsError: that is less than what is `needed`.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != most < needed:
        raise SettingsError(f"{needed} open files are needed and {most} allowed: raise the limit (`ulimit -Hn`)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def possible_connections(wanted: int) -> int:
    """Take all open files that the system allows; return how many connections they leave room for, `wanted` at most.

    Raises:
        SettingsError: they leave no room.
    """
    allowed = allow_open_files(needed=RESERVED_FILES + 1)
    return wanted if allowed == resource.RLIM_INFINITY else min(wanted, allowed - RESERVED_FILES)
