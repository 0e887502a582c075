"""A run that was killed at any moment goes on: no row twice, none missing, and the answers are the same."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serve.batch import csv_file, publishing, work_folder
from serve.batch.errors import BatchError, InputError
from serve.batch.worker import ModelChoice, Worker
from serve.scoring.asks import Asks
from tests.live_stack import wait_until
from tests.serve.batch.scoring_files import (
    Told,
    batch_command,
    good_rows,
    make_model,
    score,
    table_of,
    write_table,
)

ROWS = good_rows(3_000, seed=6)
ROWS[1_700, 3] = -1
IDS = [f"a-{number}" for number in range(len(ROWS))]


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(csv_file, "BLOCKS_A_PART", 2)


@pytest.fixture(params=[".csv", "/"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{tmp_path}/out{request.param}"


def _answers(output: str) -> bytes:
    """All that a run has left, but for what tells it from others."""
    place = Path(output)
    files = sorted(place.glob("part-*")) if output.endswith("/") else [place]
    return b"".join(path.read_bytes() for path in [*files, Path(f"{output.rstrip('/')}.rejected.csv")])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_table(table_of(ROWS, IDS), tmp_path / "in.csv")


def _dying(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, calls: int, *, after: bool) -> None:
    """The process ends at the call of that number, before or after it is done."""
    real: Callable[..., object] = getattr(owner, name)
    count = 0

    def call(*arguments: object, **named: object) -> object:
        nonlocal count
        count += 1
        if count == calls and not after:
            raise Killed
        result = real(*arguments, **named)
        if count == calls:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize(
    ("owner", "name", "calls", "after"),
    [
        pytest.param(work_folder.Output, "begin", 1, True, id="when the job is begun"),
        pytest.param(Worker, "_batch", 3, False, id="within a part"),
        pytest.param("serve.batch.locations.Location", "replace", 3, True, id="between facts and part"),
        pytest.param(Worker, "score", 4, True, id="after a part"),
        pytest.param("serve.batch.run", "write_rejected", 1, True, id="after the side file"),
        pytest.param(publishing, "join", 1, True, id="when the file is joined"),
    ],
)
def test_a_run_that_ended_anywhere_goes_on(
    model: ModelChoice,
    source: Path,
    output: str,
    tmp_path: Path,
    owner: object,
    name: str,
    calls: int,
    after: bool,
) -> None:
    if name == "join" and output.endswith("/"):
        pytest.skip("a folder is not joined")
    score(model, [source], whole := output.replace("out", "whole"))
    with pytest.MonkeyPatch.context() as patch:
        _dying(patch, _resolved(owner) if isinstance(owner, str) else owner, name, calls, after=after)
        with pytest.raises(Killed):
            score(model, [source], output)
    told = Told()
    result = score(model, [source], output, told=told)
    assert (result.rows, result.rejected) == (len(ROWS), 1)
    assert _answers(output) == _answers(whole)
    if name == "score":
        assert told.skipped == 4


def _resolved(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(module), attribute)


def test_processes_that_are_killed_lose_nothing(model: ModelChoice, tmp_path: Path) -> None:
    rows = good_rows(60_000, seed=8)
    files = [write_table(table_of(rows), tmp_path / f"in-{number:02d}.parquet") for number in range(20)]
    arguments = [*files, f"{tmp_path}/out/", "--workers", 2, "--format", "csv"]
    process = batch_command(model.run_dir, *arguments)
    wait_until(lambda: process.poll() is not None or bool(_parts(tmp_path)), 120, "a part is there")
    children = _children(process.pid)
    assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    wait_until(lambda: not any(map(_is_there, children)), 20, "the processes that scored have ended")
    assert len(_parts(tmp_path)) < len(files)
    process = batch_command(model.run_dir, *arguments)
    _, told = process.communicate(timeout=200)
    assert process.returncode == 0, told
    score(model, files[:1], tmp_path / "one.csv")
    expected = (tmp_path / "one.csv").read_bytes()
    parts = _parts(tmp_path)
    assert [path.read_bytes() == expected for path in parts] == [True] * len(files)


def _parts(folder: Path) -> list[Path]:
    return sorted((folder / "out").glob("part-??????.csv"))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def killed(model: ModelChoice, source: Path, tmp_path: Path) -> Path:
    """Where a run was killed."""
    with pytest.MonkeyPatch.context() as patch:
        _dying(patch, Worker, "score", 2, after=True)
        with pytest.raises(Killed):
            score(model, [source], tmp_path / "out.csv")
    return tmp_path / "out.csv"


def _grow(source: Path) -> None:
    with source.open("a") as file:
        file.write(source.read_text().splitlines()[-1] + "\n")


def _change(source: Path) -> None:
    text = source.read_text()
    source.write_text(text[:-3] + text[-2] + text[-3] + "\n")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(_grow, r"in.csv had \d+ bytes and has \d+; expected the same inputs and options", id="grown"),
        pytest.param(_change, r"in.csv was changed; expected the same", id="changed"),
        pytest.param(lambda source: os.utime(source, ns=(1, 1)), r"in.csv was changed", id="written again"),
    ],
)
def test_another_input_is_not_gone_on_with(
    model: ModelChoice, source: Path, killed: Path, change: Callable[[Path], None], told: str
) -> None:
    change(source)
    with pytest.raises(BatchError, match=told):
        score(model, [source], killed)


def test_other_files_and_options_are_not_gone_on_with(model: ModelChoice, source: Path, killed: Path) -> None:
    other = write_table(table_of(ROWS), source.with_name("other.csv"))
    with pytest.raises(BatchError, match=r"can't be resumed: .*other.csv is new"):
        score(model, [source, other], killed)
    with pytest.raises(BatchError, match=r"reasons was 0 and is 2"):
        score(model, [source], killed, asks=Asks(report=True, reasons=2))


def test_the_version_that_began_goes_on(source: Path, tmp_path: Path) -> None:
    model = make_model(tmp_path / "run", 4)
    with pytest.MonkeyPatch.context() as patch:
        _dying(patch, Worker, "score", 2, after=True)
        with pytest.raises(Killed):
            score(model, [source], tmp_path / "out.csv")
    make_model(tmp_path / "run", 5, base_score=0.7)
    with pytest.raises(BatchError, match="model_version was 4 and is 5"):
        score(model, [source], tmp_path / "out.csv", version=5)
    assert score(model, [source], tmp_path / "out.csv").version == 4


def test_an_input_that_changes_meanwhile_is_told(model: ModelChoice, source: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        real = Worker.score

        def score_and_change(worker: Worker, part: object) -> object:
            os.utime(source, ns=(time.time_ns(), time.time_ns()))
            return real(worker, part)  # type: ignore[arg-type]

        patch.setattr(Worker, "score", score_and_change)
        with pytest.raises(InputError, match=r"in.csv was changed while it was scored"):
            score(model, [source], tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
