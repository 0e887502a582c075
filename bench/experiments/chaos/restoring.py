"""A backup under load, and the way back: no fault, but what has to work while there is load."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.experiments.chaos.audit import run_audit
from bench.experiments.site.site import Site


def back_up_and_restore(site: Site) -> None:
    """A backup is taken, restored into a run folder of its own, and verified."""
    folder = Path(tempfile.mkdtemp(prefix="restored-", dir=site.folder))
    backup = str(folder / "backup")
    run_audit(site, "backup", backup, SPOOL_DIR=str(site.server.spool))
    run_audit(site, "restore", backup, RUN_DIR=str(folder / "run"), DATABASE_URL="", SPOOL_DIR="")
