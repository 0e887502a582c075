"""Who a command acts for."""

from __future__ import annotations

import getpass
import os


def person_here(acting: str | None = None) -> str:
    """Who a command acts for: whom the settings name, or who is logged in on this machine."""
    if acting is not None:
        return acting
    try:
        return f"shell:{getpass.getuser()}"
    except (OSError, KeyError):  # nobody by name, as in a container that runs as some number
        return f"shell:{os.getuid()}"
