"""`--record`: answers of files are on record once, however often the run is killed, and the record verifies."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.verification import verify
from serve.batch.worker import ModelChoice
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.segment import list_segments
from tests.live_stack import wait_until
from tests.serve.batch.scoring_files import (
    VERSION,
    bits,
    good_rows,
    make_model,
    read_table,
    table_of,
    write_table,
)
from tests.serve.batch.scoring_files import batch_command as start
from tests.serve.prediction_log_rows import fetch

FILES = 3
BATCHES = 20
"""Of each Arrow file, each of which is a record."""
BATCH_ROWS = 50
ROWS = """
    SELECT request_id, application_ids, probabilities, endpoint, caller, model_version, features
    FROM prediction_requests WHERE application_ids[1] LIKE %s
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelChoice:
    """With a spool of its own, as its database is."""
    return make_model(tmp_path_factory.mktemp("recording"))


@pytest.fixture
def spool(model: ModelChoice) -> Path:
    return model.run_dir / "spool"


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    return list(_write_sources(tmp_path))


def _write_sources(folder: Path, files: int = FILES) -> Iterator[Path]:
    for number in range(files):
        rows = good_rows(BATCHES * BATCH_ROWS, seed=number)
        rows[7, 3] = -1
        ids = [f"{folder.name}-{number}-{row}" for row in range(len(rows))]
        yield write_table(table_of(rows, ids), folder / f"in-{number}.arrow", BATCH_ROWS)


def _ids_of(sources: Sequence[Path]) -> list[str]:
    """All but that of the bad row in each."""
    ids = [read_table(source)["application_id"].to_pylist() for source in sources]
    return [name for names in ids for row, name in enumerate(names) if row != 7]


def _end(process: subprocess.Popen[str], status: int) -> str:
    told, errors = process.communicate(timeout=280)
    assert process.returncode == status, (told, errors)
    return told + errors


def _assert_recorded_once(dsn: str, sources: Sequence[Path], output: Path) -> None:
    """Each good row is on record once, with the very answer that was written."""
    rows = fetch(
        dsn,
        "SELECT application_id, divorce_probability FROM prediction_logs WHERE application_id LIKE %s",
        f"{sources[0].parent.name}-%",
    )
    assert Counter(name for name, _ in rows) == Counter(_ids_of(sources))
    written = read_table(output)
    answers = dict(zip(written["application_id"].to_pylist(), bits(written), strict=True))
    assert {name: int(np.float32(value).view(np.uint32)) for name, value in rows} == {
        name: answers[name] for name, _ in rows
    }


def _assert_verified(dsn: str, spool: Path) -> None:
    assert not list_segments(spool), "chains that have ended are shipped to their end"
    with connect(dsn) as connection:
        report = verify(connection, spool)
    assert (report.verdict, report.findings) == (Verdict.PASS, ())


def test_answers_are_on_record_as_those_of_a_batch(
    model: ModelChoice, module_database: str, spool: Path, sources: list[Path], tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    _end(start(model.run_dir, *sources, output, "--record", "--workers", 2, DATABASE_URL=module_database), 30)
    _assert_recorded_once(module_database, sources, output)
    rows = fetch(module_database, ROWS, f"{tmp_path.name}-%")
    assert len(rows) == FILES * BATCHES
    assert {row[3] for row in rows} == {"serve.batch", "serve.batch?errors=report&rows=50&faulty=1&at=7"}
    assert {row[4].partition(":")[0] for row in rows} == {"batch"}
    assert {row[5] for row in rows} == {VERSION}
    first = next(row for row in rows if row[1][0].endswith("-1-50"))
    expected = good_rows(BATCHES * BATCH_ROWS, seed=1)[50:100]
    assert np.array(first[6], np.float32).tolist() == expected.ravel().tolist()
    assert not list(model.run_dir.glob("batch/*.places")), "what a complete run needs no more is removed"
    _assert_verified(module_database, spool)


SITES = (
    "serve.batch.places:JobPlaces.begin:1:after",
    "serve.batch.places:PlaceJournal.claim:1:after",
    "serve.prediction_log.spool:Spool.append:5:after",
    "serve.prediction_log.spool:Spool._write:4:before",
    "serve.batch.worker:Worker.score:1:after",
    "serve.batch.locations:Location.rename:2:before",
    "serve.batch.run:wait_until_shipped:1:before",
    "serve.batch.run:publish:1:before",
)
"""Where a run is killed, one after the other: each goes on where the one before was."""


def _killed_at(sites: Sequence[str], model: ModelChoice, arguments: Sequence[object], **settings: str) -> None:
    """Runs that are killed, each at its site."""
    dying = ("tests.serve.batch.dying_run", *sites, "--")
    told = _end(start(model.run_dir, *arguments, module=dying, **settings), 0)
    assert [line for line in told.splitlines() if line.startswith("serve.")] == [f"{site} -9" for site in sites], told


def test_a_run_that_is_killed_anywhere_again_and_again_records_each_row_once(
    model: ModelChoice, module_database: str, spool: Path, sources: list[Path], tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    arguments = [*sources, output, "--record", "--workers", 1]
    _killed_at(SITES, model, arguments, DATABASE_URL=module_database)
    assert not output.exists()
    _end(start(model.run_dir, *arguments, DATABASE_URL=module_database), 30)
    _assert_recorded_once(module_database, sources, output)
    _assert_verified(module_database, spool)


def _claims(run_dir: Path) -> int:
    return sum(path.stat().st_size for path in run_dir.glob("batch/*.places/*/*"))


def _kill_at_random(
    model: ModelChoice, dsn: str, arguments: Sequence[object], kills: int, chance: random.Random
) -> int:
    """Kill so many runs, each after it has recorded some more; gives how many were killed."""
    for killed in range(kills):
        goal = _claims(model.run_dir) + chance.randrange(20, 200)
        process = start(model.run_dir, *arguments, DATABASE_URL=dsn)
        wait_until(lambda: process.poll() is not None or _claims(model.run_dir) >= goal, 120, "it records")  # noqa: B023
        if process.poll() is not None:
            process.communicate()
            return killed
        process.kill()
        process.communicate()
    return kills


@pytest.mark.parametrize(
    ("files", "kills"),
    [
        pytest.param(3, 2, id="2 kills"),
        pytest.param(60, 40, id="40 kills", marks=[pytest.mark.long, pytest.mark.timeout(3_600)]),
    ],
)
def test_processes_that_are_killed_record_each_row_once(
    model: ModelChoice, module_database: str, spool: Path, tmp_path: Path, files: int, kills: int
) -> None:
    sources = list(_write_sources(tmp_path, files))
    output = tmp_path / "out.parquet"
    arguments = [*sources, output, "--record", "--workers", 2]
    assert _kill_at_random(model, module_database, arguments, kills, random.Random(files)) >= min(kills, 2)
    if not output.exists():
        _end(start(model.run_dir, *arguments, DATABASE_URL=module_database), 30)
    _assert_recorded_once(module_database, sources, output)
    _assert_verified(module_database, spool)


def test_without_a_database_nothing_is_scored(model: ModelChoice, sources: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    told = _end(start(model.run_dir, *sources, output, "--record", DATABASE_URL="host=/nowhere dbname=none"), 2)
    assert "/nowhere" in told
    assert not list(tmp_path.glob("out*"))


def test_a_person_is_on_record_by_a_pseudonym(
    model: ModelChoice, module_database: str, sources: list[Path], tmp_path: Path
) -> None:
    table = read_table(sources[0]).append_column("applicant_ref", pa.array(["p-1"] * BATCHES * BATCH_ROWS))
    source = write_table(table, tmp_path / "persons.csv")
    arguments = (source, tmp_path / "out.csv", "--record")
    told = _end(start(model.run_dir, *arguments, DATABASE_URL=module_database), 2)
    assert "applicant_ref can't be recorded: remove the column, or set APPLICANT_REF_KEY" in told
    assert not list(tmp_path.glob("out*"))
    key = "k" * 32
    _end(start(model.run_dir, *arguments, DATABASE_URL=module_database, APPLICANT_REF_KEY=key), 30)
    rows = fetch(
        module_database,
        "SELECT applicant_refs FROM prediction_requests WHERE application_ids[1] LIKE %s",
        f"{tmp_path.name}-%",
    )
    assert [bytes(ref) for (refs,) in rows for ref in refs] == [Pseudonyms(key).of("p-1")] * (BATCHES * BATCH_ROWS - 1)


def test_a_run_is_gone_on_with_only_where_it_is_known_what_is_recorded(
    model: ModelChoice, module_database: str, sources: list[Path], tmp_path: Path
) -> None:
    arguments = [*sources, tmp_path / "out.csv", "--workers", 1]
    site = "serve.batch.worker:Worker.score:1:after"
    _killed_at([site], model, [*arguments, "--record"], DATABASE_URL=module_database)
    told = _end(start(model.run_dir, *arguments, DATABASE_URL=module_database), 2)
    assert "recorded was True and is False; expected the same inputs and options" in told
    (places,) = model.run_dir.glob("batch/*.places")
    shutil.rmtree(places)
    told = _end(start(model.run_dir, *arguments, "--record", DATABASE_URL=module_database), 2)
    assert "but in another RUN_DIR or on another machine" in told
