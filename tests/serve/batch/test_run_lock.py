"""An output is a run's until the last of its processes has ended, whichever that is."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from serve.batch import run_lock
from serve.batch.errors import OutputError
from serve.batch.run_lock import RunLock, alone
from serve.batch.work_folder import Output


def _live(_lock: RunLock, until: Connection) -> None:
    until.send("ready")
    until.recv()


def test_a_process_that_outlives_its_run_keeps_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "PATIENCE_S", 0.0)
    output = Output.of(f"{tmp_path}/out.csv", "parquet")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with alone(tmp_path, output) as lock:
        process = context.Process(target=_live, args=(lock, theirs))
        process.start()
        assert ours.recv() == "ready"
    with pytest.raises(OutputError, match="is being written by another run"), alone(tmp_path, output):
        pass
    ours.send("end")
    process.join()
    with alone(tmp_path, output):
        pass
