"""Scoring goes before shipping, however the machine shares its cores."""

from __future__ import annotations

import subprocess
import sys

from serve.prediction_log.priority import AUTOGROUP, NICENESS

LOOK = """
import os
from serve.prediction_log.priority import AUTOGROUP, give_way
os.setsid()
give_way()
print(os.getpriority(os.PRIO_PROCESS, 0))
print(AUTOGROUP.read_text() if AUTOGROUP.exists() else "")
"""


def test_the_shipper_and_its_session_give_way() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    own, session = done.stdout.splitlines()[:2]
    assert int(own) == NICENESS
    assert session.endswith(f"nice {NICENESS}") or not AUTOGROUP.exists()
