"""A backup under load, and the way back: no fault, but what has to work while there is load."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.experiments.site.errors import SiteError
from bench.experiments.site.site import Site


def back_up_and_restore(site: Site) -> None:
    """A backup is taken, restored into a run folder of its own, and verified."""
    folder = Path(tempfile.mkdtemp(prefix="restored-", dir=site.folder))
    backup = str(folder / "backup")
    _audit(site, "backup", backup, SPOOL_DIR=str(site.server.spool))
    _audit(site, "restore", backup, RUN_DIR=str(folder / "run"), DATABASE_URL="", POSTGRES_HOST="", SPOOL_DIR="")


def _audit(site: Site, *command: str, **settings: str) -> None:
    environment = {**site.environment, **settings}
    whole = [sys.executable, "-m", "serve.audit", *command]
    done = subprocess.run(whole, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        told = (done.stdout + done.stderr).strip()[-300:]
        raise SiteError(f"`{' '.join(whole[1:4])}` ended with status {done.returncode}: {told}")
