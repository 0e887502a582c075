"""`python -m serve.audit`, as an operator of the site runs it."""

from __future__ import annotations

import subprocess
import sys

from bench.experiments.site.errors import SiteError
from bench.experiments.site.site import Site


def run_audit(site: Site, *command: str, status: int = 0, **settings: str) -> None:
    """Run one of the audit's commands for a site.

    Raises:
        SiteError: it ended with another status than `status`.
    """
    environment = {**site.environment, **settings}
    whole = [sys.executable, "-m", "serve.audit", *command]
    done = subprocess.run(whole, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != status:
        told = f"{done.stdout.strip()}\n{done.stderr.strip()[-300:]}"  # findings, then how it ended
        raise SiteError(f"`{' '.join(whole[1:4])}` ended with status {done.returncode}: {told}")
