"""How many files, connections included, this process may hold open."""

from __future__ import annotations

import resource

from fraud.errors import SettingsError


def allow_open_files(needed: int = 0) -> None:
    """Take all that the system allows: the usual limit of 1,024 is a default, not a rule.

    Raises:
        SettingsError: that is less than what is `needed`.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != most < needed:
        raise SettingsError(f"{needed} open files are needed and {most} allowed: raise the limit (`ulimit -Hn`)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
