"""Commands of the project that are measured, or that measure: each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from bench.experiments.site.errors import SiteError


def run_module(module: str, *arguments: object, environment: Mapping[str, str] | None = None) -> str:
    """What a module prints when it is run with arguments.

    Raises:
        SiteError: it did not end well.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        told = done.stderr.strip()[-300:]
        raise SiteError(f"{module} ended with status {done.returncode}: {told}")
    return done.stdout
