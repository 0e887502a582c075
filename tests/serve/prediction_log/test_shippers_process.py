"""What the shipper's process does beside shipping."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fraud.database import connect
from fraud.report.stored import Report, ReportKind, store_report
from serve.journal.ends import PERSON_EVENTS as EVENTS_END
from serve.journal.table import PERSON_EVENTS
from serve.prediction_log.anchors import Anchors
from tests.live_stack import wait_until
from tests.serve.notices.receiver import KEY, Receiver, receiving
from tests.serve.notices.test_sender import NOON


def test_the_shipper_anchors_journals_and_sends_notices(database: str, tmp_path: Path) -> None:
    with connect(database) as connection:
        PERSON_EVENTS.append(connection, "anna", "login", {})
    store_report(database, Report(ReportKind.DRIFT, NOON, "fail", "page", "{}"))
    receiver = Receiver()
    with receiving(receiver):
        settings = {"DATABASE_URL": database, "RUN_DIR": str(tmp_path), "NOTIFY_URL": receiver.url}
        environment = {"PATH": os.environ["PATH"], **settings, "NOTIFY_KEY": KEY.decode()}
        with subprocess.Popen([sys.executable, "-m", "serve.prediction_log"], env=environment) as process:
            try:
                wait_until(lambda: Anchors(tmp_path / "spool").of(EVENTS_END.chain_id) is not None, 90, "anchored")
                wait_until(lambda: bool(receiver.taken), 90, "told")
            finally:
                process.terminate()
    assert receiver.taken[0]["headline"] == "Drift check: fail"
