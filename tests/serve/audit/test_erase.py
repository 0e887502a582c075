"""One person's features go everywhere, everybody else's stay, and the chains still verify."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fraud.database import connect
from fraud.features import FEATURE_NAMES
from fraud.settings import load_settings
from fraud.verdict import Verdict
from serve.audit import erase_command
from serve.audit.erasure import erase, wait_for_spool
from serve.audit.errors import AuditError
from serve.audit.ledger import LEDGER
from serve.audit.rewriting import Rewritten
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.segment import list_segments
from tests.live_stack import project_environment
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, fetch, new_shipper, record, running_spool, ship_all, some_reasons

KEY = "k" * 32
PSEUDONYMS = Pseudonyms(KEY)


def erase_person(dsn: str, spool: Path, reference: str) -> tuple[int, int]:
    """Gives numbers of records and rows."""
    with connect(dsn) as connection:
        erased = erase(connection, Anchors(spool), PSEUDONYMS.all_of(reference))
    return erased.records, erased.rows


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """Anna in three rows of two requests, Berta beside her, and a request without any reference."""
    with running_spool(tmp_path) as spool:
        for request_id, references in (("both", ["anna", "berta", None, "anna"]), ("anna", ["anna"]), ("none", None)):
            rows = len(references) if references else 2
            ids = [f"A-{row}" for row in range(rows)]
            refs = PSEUDONYMS.of_rows(references)
            reasons = None if request_id == "none" else some_reasons(rows)
            spool.append(
                record(rows=rows, request_id=request_id, application_ids=ids, applicant_refs=refs, reasons=reasons)
            )
    ship_all(tmp_path, database)
    return database


ROWS = """
    SELECT request_id, row_number, divorce_probability, features, application_id, reasons
    FROM prediction_logs ORDER BY 1, 2
"""


def test_a_person_is_gone_everybody_else_stays_and_the_log_still_verifies(log: str, tmp_path: Path) -> None:
    before = fetch(log, ROWS)
    assert erase_person(log, tmp_path, "anna") == (2, 3)
    for old, new in zip(before, fetch(log, ROWS), strict=True):
        assert new[:3] == old[:3], "the answers stay"
        if new[:2] in {("anna", 0), ("both", 0), ("both", 3)}:
            assert new[3:] == (None, None, None), "nothing of the row is left"
        else:
            assert new == old
    pseudonym = PSEUDONYMS.of("anna")
    assert fetch(log, "SELECT FROM prediction_requests WHERE applicant_refs @> ARRAY[%s]::bytea[]", pseudonym) == []
    report = audit(log, tmp_path)
    assert (report.verdict, report.erasures, report.findings) == (Verdict.PASS, 2, ())


def test_one_person_after_the_other_can_be_erased_from_the_same_record(log: str, tmp_path: Path) -> None:
    erase_person(log, tmp_path, "anna")
    assert erase_person(log, tmp_path, "anna") == (0, 0)
    assert erase_person(log, tmp_path, "berta") == (1, 1)
    assert audit(log, tmp_path).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE prediction_requests SET features[11] = 0 WHERE request_id = 'both'",
        "UPDATE prediction_requests SET features[1:10] = array_fill(1::real, ARRAY[10]) WHERE request_id = 'anna'",
        "UPDATE prediction_requests SET reasons[1:4] = ARRAY[1, 0.5, 2, 0.5] WHERE request_id = 'anna'",
        "UPDATE prediction_requests SET reasons = NULL WHERE request_id = 'both'",
        "UPDATE prediction_requests SET salt = '' WHERE request_id = 'anna'",
        "DELETE FROM prediction_erasures WHERE number = 2",
        "DELETE FROM prediction_erasures",
        "UPDATE prediction_erasures SET content_digest = decode(repeat('00', 32), 'hex')",
        "UPDATE prediction_erasures SET erased_at = erased_at - interval '1 day'",
        "UPDATE prediction_erasures SET row_numbers = '{0}' WHERE sequence = 1",
    ],
)
def test_after_an_erasure_nothing_can_change_either(log: str, tmp_path: Path, statement: str) -> None:
    erase_person(log, tmp_path, "anna")
    execute(log, statement)
    assert audit(log, tmp_path).verdict is Verdict.FAIL


def test_nothing_is_erased_of_a_log_that_was_changed(log: str, tmp_path: Path) -> None:
    """An entry in the ledger would make the change look right."""
    execute(log, "UPDATE prediction_requests SET features[11] = 0 WHERE request_id = 'both'")
    before = fetch(log, ROWS)
    with pytest.raises(AuditError, match="is not as answered"):
        erase_person(log, tmp_path, "anna")
    assert fetch(log, ROWS) == before


def test_a_kill_between_commit_and_anchor_leaves_a_log_that_verifies(log: str, tmp_path: Path) -> None:
    anchors = Anchors(tmp_path)
    erase_person(log, tmp_path, "anna")
    anchors.write(LEDGER, Anchor())
    assert audit(log, tmp_path).verdict is Verdict.PASS
    erase_person(log, tmp_path, "berta")
    assert audit(log, tmp_path).verdict is Verdict.PASS


def test_erasure_waits_for_spooled_records(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record(applicant_refs=[PSEUDONYMS.of("anna")]))
    with pytest.raises(AuditError, match="start the server"):
        wait_for_spool(tmp_path, timeout_s=0.05)
    stop = threading.Event()
    shipper = threading.Thread(target=new_shipper(tmp_path, database).run, args=(stop,))
    shipper.start()
    try:
        wait_for_spool(tmp_path, timeout_s=10)
    finally:
        stop.set()
        shipper.join()
    assert not list_segments(tmp_path)
    assert erase_person(database, tmp_path, "anna") == (1, 1)


def test_damaged_files_are_not_forgotten(log: str, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    (folder / "some.sealed").write_bytes(b"features of somebody")
    with pytest.raises(AuditError, match="examine them"):
        wait_for_spool(tmp_path, timeout_s=0)


def run_audit(log: str, spool: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command, which asks for the person."""
    return subprocess.run(
        [sys.executable, "-m", "serve.audit", *command],
        input="anna\n",
        env=project_environment(RUN_DIR=str(spool), SPOOL_DIR=str(spool), DATABASE_URL=log, **settings),
        cwd=spool,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("settings", "status", "said"),
    [
        pytest.param({"APPLICANT_REF_KEY": KEY}, 0, "erased: 3 rows in 2 records", id="erased"),
        pytest.param(
            {"APPLICANT_REF_KEY": "other" * 5}, 10, "nothing is on record under that reference", id="another key"
        ),
        pytest.param({}, 2, "error: APPLICANT_REF_KEY is not set", id="no key"),
    ],
)
def test_the_command(log: str, tmp_path: Path, settings: dict[str, str], status: int, said: str) -> None:
    run = run_audit(log, tmp_path, "erase", **settings)
    assert run.returncode == status, run.stderr
    assert said in run.stdout + run.stderr


def test_a_dry_run_tells_and_changes_nothing(log: str, tmp_path: Path) -> None:
    before = fetch(log, ROWS)
    run = run_audit(log, tmp_path, "erase", "--dry-run", APPLICANT_REF_KEY=KEY)
    assert run.returncode == 0, run.stderr
    assert "would be erased: 3 rows in 2 records" in run.stdout
    assert run.stdout.count("request both row") == 2
    assert fetch(log, ROWS) == before


def test_a_receipt_says_where_and_nothing_of_what(log: str, tmp_path: Path) -> None:
    run = run_audit(log, tmp_path, "erase", "--receipt", str(tmp_path / "kept" / "anna.json"), APPLICANT_REF_KEY=KEY)
    assert run.returncode == 0, run.stderr
    text = (tmp_path / "kept" / "anna.json").read_text()
    receipt = json.loads(text)
    assert (receipt["records"], receipt["rows"]) == (2, 3)
    places = {(place["request_id"], place["row_number"]) for place in receipt["places"]}
    assert places == {("both", 0), ("both", 3), ("anna", 0)}
    assert not any(word in text for word in ("anna.json", "A-0", PSEUDONYMS.of("anna").hex(), *FEATURE_NAMES))


def test_nothing_is_erased_where_its_receipt_can_not_be_written(log: str, tmp_path: Path) -> None:
    before = fetch(log, ROWS)
    (tmp_path / "file").touch()
    run = run_audit(log, tmp_path, "erase", "--receipt", str(tmp_path / "file" / "anna.json"), APPLICANT_REF_KEY=KEY)
    assert run.returncode == 2, run.stdout
    assert "erased:" not in run.stdout
    assert fetch(log, ROWS) == before


def test_access_tells_everything_of_the_person_and_nothing_of_others(log: str, tmp_path: Path) -> None:
    execute(log, "INSERT INTO application_outcomes VALUES ('A-3', 1, '2026-03-01')")
    execute(log, "UPDATE application_outcomes SET \"Divorce\" = 0, decided_on = '2026-03-02'")
    execute(log, "DELETE FROM application_outcomes")
    execute(log, "INSERT INTO applicant_groups VALUES ('A-3', 'region', 'north')")
    run = run_audit(log, tmp_path, "access", APPLICANT_REF_KEY=KEY)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)["applications"]
    rows = {(row["request_id"], row["row_number"]): row for row in told}
    assert rows.keys() == {("both", 0), ("both", 3), ("anna", 0)}
    shown = {(request, number): values for request, number, *values in fetch(log, ROWS)}
    for place, row in rows.items():
        probability, features, application_id, reasons = shown[place]
        assert row["probability"] == pytest.approx(probability, abs=1e-7)
        assert row["features"] == pytest.approx(features)
        assert row["application_id"] == application_id
        assert [(one["field"], one["effect"]) for one in row["reasons"]] == [
            (one["field"], pytest.approx(one["effect"], rel=1e-6)) for one in reasons
        ]
    assert [(one["act"], one["decided_on"], one["divorce"]) for one in rows["both", 3]["outcomes"]] == [
        ("outcome", "2026-03-01", 1),
        ("correction", "2026-03-02", 0),
        ("withdrawal", f"{dt.datetime.now(dt.UTC):%Y-%m-%d}", None),
    ]
    assert {one["source"] for one in rows["both", 3]["outcomes"]} == {"application_outcomes"}
    assert rows["anna", 0]["outcomes"] == []
    assert (rows["both", 3]["groups"], rows["anna", 0]["groups"]) == ({"region": "north"}, {})


def test_access_after_an_erasure_finds_nothing(log: str, tmp_path: Path) -> None:
    erase_person(log, tmp_path, "anna")
    run = run_audit(log, tmp_path, "access", APPLICANT_REF_KEY=KEY)
    assert run.returncode == 10, run.stderr
    assert json.loads(run.stdout) == {"applications": []}


def test_the_person_is_asked_for_on_standard_error(log: str, tmp_path: Path) -> None:
    """Before JSON that a program reads nothing may stand."""
    run = run_audit(log, tmp_path, "access", APPLICANT_REF_KEY=KEY)
    assert "Applicant ref" in run.stderr
    assert run.stdout.startswith("{")


def test_pages_say_what_the_json_says_and_take_no_markup_from_it(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(
            record(application_ids=["<b>bold</b>"], applicant_refs=[PSEUDONYMS.of("anna")], reasons=some_reasons(1))
        )
    ship_all(tmp_path, database)
    execute(database, "INSERT INTO application_outcomes VALUES ('<b>bold</b>', 1, '2026-03-01')")
    page = tmp_path / "kept" / "anna.html"
    shown = run_audit(database, tmp_path, "access", "--page", str(page), APPLICANT_REF_KEY=KEY)
    assert shown.returncode == 0, shown.stderr
    text = page.read_text()
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "<b>" not in text
    assert all(name in text for name in FEATURE_NAMES)
    assert "Outcome, 2026-03-01" in text
    assert "Reason 2 given" in text
    assert "the score (effect on the log-odds" in text
    run = run_audit(database, tmp_path, "erase", "--receipt", str(page.with_suffix(".json")), APPLICANT_REF_KEY=KEY)
    assert run.returncode == 0, run.stderr
    receipt = page.read_text()
    assert "Receipt of an erasure" in receipt
    assert "serve.audit rewrite" in receipt
    assert "bold" not in receipt
    assert json.loads(page.with_suffix(".json").read_text())["outcomes"] == 1
    assert fetch(database, "SELECT count(*) FROM application_outcomes") == [(0,)]


def test_a_rewrite_that_does_not_come_to_its_end_leaves_a_receipt_that_says_so(
    log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_use(*_: object) -> Rewritten:
        raise AuditError("a table is constantly in use: run `rewrite` again at a time of low load")

    settings = {"RUN_DIR": str(tmp_path), "SPOOL_DIR": str(tmp_path), "DATABASE_URL": log, "APPLICANT_REF_KEY": KEY}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(erase_command, "audit_settings", load_settings)  # leaves this process's log lines alone
    monkeypatch.setattr(erase_command, "rewrite", in_use)
    receipt = tmp_path / "kept" / "anna.json"
    with pytest.raises(AuditError, match="run `rewrite` again"):
        erase_command.erase("anna", rewrite_now=True, receipt=receipt)
    told = json.loads(receipt.read_text())
    assert told["rows"] == 3
    assert told["rewritten"] == []
    assert "until `python -m serve.audit rewrite` has run" in told["remains"][0]
    run = run_audit(log, tmp_path, "rewrite", APPLICANT_REF_KEY=KEY)
    assert run.returncode == 0, run.stderr
    assert "rewritten: prediction_requests_" in run.stdout
