"""Records have as many features as their process had declared; a process that has declared one more reads them all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fraud.features import FEATURE_COUNT, FEATURE_NAMES, OWN_FILE
from fraud.verdict import Verdict
from serve.audit.findings import Fault
from serve.prediction_log.pseudonym import Pseudonyms
from tests.initdb.test_feature_columns import ELEVENTH, upgrade
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log.landed_spools import WITHOUT_END_MARKS, unpack
from tests.serve.prediction_log_rows import fetch, record, running_spool

KEY = "k" * 32
REFS = Pseudonyms(KEY)
ADDED = "Number_of_Children"
SHIP = """
import sys
from pathlib import Path
from serve.prediction_log.pseudonym import Pseudonyms
from tests.serve.prediction_log_rows import record, running_spool, ship_all
folder, dsn, key, again = Path(sys.argv[1]), *sys.argv[2:]
if again:
    with running_spool(folder) as spool:
        spool.append(record(2, applicant_refs=[Pseudonyms(key).of("anna"), None]))
ship_all(folder, dsn)
"""


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Three records of ten features, in one segment."""
    folder = tmp_path / "spool"
    with running_spool(folder) as spool:
        for rows in (1, 3, 2):
            spool.append(record(rows, applicant_refs=[*[None] * (rows - 1), REFS.of("anna")]))
    return folder


def eleven(folder: Path) -> Path:
    """The declared features and one more at the end."""
    path = folder / "eleven.toml"
    path.write_text(OWN_FILE.read_text() + ELEVENTH.replace("Number of Children", ADDED) + "may_be_missing = true")
    return path


def run_with_eleven(dsn: str, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=Path(__file__).parents[3],
        env=project_environment(
            DATABASE_URL=dsn,
            SPOOL_DIR=str(folder / "spool"),
            APPLICANT_REF_KEY=KEY,
            FEATURES_FILE=str(eleven(folder)),
        ),
        capture_output=True,
        text=True,
        input="anna\n",
    )


def ship_with_eleven(dsn: str, folder: Path, *, again: bool) -> None:
    assert upgrade(dsn, folder, eleven(folder))[0] == 0
    shipped = run_with_eleven(dsn, folder, "-c", SHIP, str(folder / "spool"), dsn, KEY, "again" if again else "")
    assert shipped.returncode == 0, shipped.stderr


def verify_with_eleven(dsn: str, folder: Path) -> tuple[int, str]:
    done = run_with_eleven(dsn, folder, "-m", "serve.audit", "verify")
    return done.returncode, done.stdout + done.stderr


def test_a_spool_of_fewer_features_is_shipped_and_verified(database: str, tmp_path: Path, spool: Path) -> None:
    ship_with_eleven(database, tmp_path, again=True)
    widths = "SELECT cardinality(features) / cardinality(probabilities) FROM prediction_requests ORDER BY 1"
    assert fetch(database, widths) == [(10,), (10,), (10,), (11,)]
    status, told = verify_with_eleven(database, tmp_path)
    assert (status, "4 records in 2 chains" in told) == (0, True), told
    assert not list(spool.glob("*.sealed"))


def test_access_and_erasure_reach_the_features_that_were_sent(database: str, tmp_path: Path, spool: Path) -> None:
    assert spool.exists()
    ship_with_eleven(database, tmp_path, again=True)
    access = run_with_eleven(database, tmp_path, "-m", "serve.audit", "access")
    names = [tuple(row["features"]) for row in json.loads(access.stdout)["applications"]]
    assert sorted(names, key=len) == [FEATURE_NAMES] * 3 + [(*FEATURE_NAMES, ADDED)]
    erased = run_with_eleven(database, tmp_path, "-m", "serve.audit", "erase")
    assert erased.returncode == 0, erased.stderr
    left = "SELECT cardinality(array_remove(features, NULL)) FROM prediction_requests ORDER BY 1"
    assert fetch(database, left) == [(0,), (10,), (11,), (20,)]
    status, told = verify_with_eleven(database, tmp_path)
    assert status == 0, told


def test_a_damaged_header_does_not_hide_how_wide_records_are(database: str, tmp_path: Path, spool: Path) -> None:
    (path,) = spool.glob("*.sealed")
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    (spool / "damaged").mkdir()
    (spool / "damaged" / path.name).write_bytes(data)
    path.unlink()
    assert upgrade(database, tmp_path, eleven(tmp_path))[0] == 0
    salvaged = run_with_eleven(database, tmp_path, "-m", "serve.audit", "salvage")
    assert "3 records proven, 3 shipped; removed" in salvaged.stderr
    assert verify_with_eleven(database, tmp_path)[0] == 0


def test_more_features_than_are_declared_are_a_finding(database: str, tmp_path: Path, spool: Path) -> None:
    ship_with_eleven(database, tmp_path, again=True)
    report = audit(database, spool)
    assert report.verdict is Verdict.FAIL
    told = [finding.what for finding in report.findings if finding.fault is Fault.CHANGED]
    assert any(f"features has 11 elements a row, but {FEATURE_COUNT} are declared" in what for what in told), told


def test_a_segment_that_does_not_tell_its_width_has_that_of_its_time(database: str, tmp_path: Path) -> None:
    """Of the version before end marks, when all had ten features; also one that is damaged."""
    spool = tmp_path / "spool"
    unpack(WITHOUT_END_MARKS, spool)
    assert upgrade(database, tmp_path, eleven(tmp_path))[0] == 0
    status, told = verify_with_eleven(database, tmp_path)
    assert (status, "0 findings" in told) == (0, True), told
    second = sorted(spool.glob("*.sealed"))[1]
    (spool / "damaged").mkdir()
    second.rename(spool / "damaged" / second.name)
    salvaged = run_with_eleven(database, tmp_path, "-m", "serve.audit", "salvage")
    assert "1 record proven" in salvaged.stderr, salvaged.stderr
    (spool / "damaged" / second.name).rename(second)
    ship_with_eleven(database, tmp_path, again=True)
    shown = (
        "SELECT cardinality(features) / cardinality(probabilities), count(*)::int FROM prediction_requests GROUP BY 1"
    )
    assert fetch(database, shown + " ORDER BY 1") == [(10, 5), (11, 1)]
    status, told = verify_with_eleven(database, tmp_path)
    assert (status, "6 records in 3 chains" in told) == (0, True), told
    assert not list(spool.glob("*.sealed"))
