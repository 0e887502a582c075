"""A backup has the recorded answers of streams as one file, while bridges use it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from serve.audit.backup.spool_copy import SpoolCopy
from serve.idempotency.store_key import KEY_FILE
from serve.stream.messages import Answer, Message
from serve.stream.recorded_answers import DATABASE_FILE, FOLDER, RecordedAnswers, boot_time
from tests.serve.prediction_log_rows import record, running_spool

MESSAGE = Message("lane", 1, b"body")


def test_recorded_answers_are_copied_whole_and_without_their_owners(tmp_path: Path) -> None:
    spool, target = tmp_path / "spool", tmp_path / "copy"
    with closing(RecordedAnswers(spool, "broker")) as answers, running_spool(spool) as log:
        log.append(record(), lambda place: answers.promise([Answer(MESSAGE, b"answer")], place, boot_time()))
        files = SpoolCopy(spool, target).copy_rest()
    copied = {path.relative_to(target / FOLDER) for path in files if path.is_relative_to(target / FOLDER)}
    assert copied == {Path(DATABASE_FILE), Path(KEY_FILE)}
    assert copied == {path.relative_to(target / FOLDER) for path in (target / FOLDER).rglob("*")}
    with closing(RecordedAnswers(target, "broker")) as restored:
        assert restored.recorded([MESSAGE]) == {MESSAGE: b"answer"}
