"""The compliance pack: what it says is in it, what is not known is asked, and each named test is there."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fraud.database import connect
from fraud.registry import Registry
from fraud.report.stored import Report, ReportKind, store_report
from serve.audit.errors import AuditError
from serve.audit.pack.collecting import collect
from serve.audit.pack.documents import NAMES, DeclaredItem, Duty, declared, duties
from serve.audit.pack.evidence import Shelf
from serve.audit.pack.writing import pack_files, write_pack
from tests.live_stack import LiveStack
from tests.serve.audit.dossier.test_commands import run
from tests.serve.prediction_log_rows import execute

ROOT = Path(__file__).parents[4]
MADE_AT = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
HIGH_RISK = (*(f"Article {number}" for number in range(9, 16)), "Article 26", "Article 27", "Article 86")


def small_shelf() -> Shelf:
    shelf = Shelf()
    shelf.add("model_card", "model card", "md", b"# card")
    shelf.add_json("version", "version in the registry", {"version": 7})
    shelf.know({"model": "divorce", "version": 7, "sha256": "ab" * 32, "data_cutoff": "2026-04-01"})
    return shelf


def items(files: dict[str, bytes], name: str) -> list[dict[str, Any]]:
    document = json.loads(files[f"{name}.json"])
    if name == "register":
        return [{"point": point, "statement": one["value"], **one} for point, one in document.items()]
    return [item for chapter in document["chapters"] for item in chapter["items"]]


@pytest.mark.parametrize("duty", duties(), ids=lambda duty: duty.article)
def test_each_duty_names_paths_and_tests_that_exist(duty: Duty) -> None:
    assert duty.paths
    assert duty.tests
    for path in duty.paths:
        assert (ROOT / path).exists(), path
    for named in duty.tests:
        path, _, name = named.partition("::")
        assert re.search(rf"^(async )?def {re.escape(name)}\(", (ROOT / path).read_text(), re.MULTILINE), named


def test_the_duties_of_a_high_risk_system_are_all_in_the_table() -> None:
    assert tuple(duty.article for duty in duties()) == HIGH_RISK


def test_chapters_are_in_the_order_of_annex_iv() -> None:
    assert [chapter.title.split(".")[0] for chapter in declared("technical").chapter] == list("123456789")
    points = [item.point for chapter in declared("technical").chapter for item in chapter.item]
    assert [point for point in points if point[0] in "12"] == sorted(
        (point for point in points if point[0] in "12"), key=lambda point: point.split(" ")[0]
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_statement_names_evidence_that_is_in_the_pack(name: str) -> None:
    files = pack_files(small_shelf(), MADE_AT)
    found = items(files, name)
    assert any(item["statement"] for item in found)
    page = files[f"{name}.html"].decode()
    for item in found:
        assert (item["statement"] is None) != (item["question"] is None)
        assert bool(item["evidence"]) == (item["statement"] is not None)
        for piece in item["evidence"]:
            assert hashlib.sha256(files[piece["file"]]).hexdigest() == piece["sha256"]
            assert f'href="{piece["file"]}"' in page
    assert page.count("Question:") == sum(item["question"] is not None for item in found)


def test_unknown_facts_are_left_as_questions() -> None:
    told = {item["point"]: item for item in items(pack_files(small_shelf(), MADE_AT), "impact")}
    assert told["purpose"]["statement"]
    assert told["groups"]["statement"] is None
    assert "There is no evidence of this yet (groups, gate" in told["groups"]["question"]
    assert told["legal basis"]["question"].startswith("Which law")


def test_the_manifest_has_every_file(tmp_path: Path) -> None:
    files = pack_files(small_shelf(), MADE_AT)
    write_pack(tmp_path, files)
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    on_disk = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert on_disk == {"manifest.json", *manifest["sha256"]}
    for name, expected in manifest["sha256"].items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == expected


@pytest.mark.parametrize(
    "given", [{}, {"says": "a", "asks": "b", "evidence": ["c"]}, {"says": "a"}, {"asks": "b", "evidence": ["c"]}]
)
def test_an_item_says_with_evidence_or_asks(given: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match="expected `says` with `evidence`, or `asks`"):
        msgspec.convert({"point": "1", **given}, DeclaredItem)


def test_a_running_system_documents_itself(stack: LiveStack, tmp_path: Path) -> None:
    made = run(stack, "pack", str(tmp_path))
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "evidence" / "model_card.md").read_text().startswith("# Probability of a quick divorce")
    register = json.loads((tmp_path / "register.json").read_bytes())
    assert register["status"]["value"].startswith("Version ")
    assert register["organization"]["value"] is None
    assert " open question" in made.stdout


def test_a_report_that_was_changed_is_refused(stack: LiveStack, database: str) -> None:
    registry = Registry(stack.tracking_uri, "divorce-model")
    number = store_report(database, Report(ReportKind.DRIFT, MADE_AT, "pass", "<p>page</p>", "{}"))
    with connect(database) as connection:
        shelf = collect(connection, registry, 24)
    assert shelf.pieces["drift"].address == f"/reports/{number}"
    assert shelf.facts["drift_verdict"] == "pass"
    execute(database, "SET session_replication_role = replica; UPDATE reports SET page = '<p>other</p>'")
    with connect(database) as connection, pytest.raises(AuditError, match="was changed"):
        collect(connection, registry, 24)


def test_without_a_version_in_production_there_is_nothing_to_document(stack: LiveStack, database: str) -> None:
    with connect(database) as connection, pytest.raises(AuditError, match="no version in production"):
        collect(connection, Registry(stack.tracking_uri, "nothing-here"), 24)
