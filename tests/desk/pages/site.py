"""A server with pages, on a database, a model and people of its own: what every test of pages visits."""

from __future__ import annotations

import datetime as dt
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.gate.report.page import html_page as gate_page
from fraud.api_keys import Role
from fraud.database import connect
from fraud.registry import (
    CONTRIBUTIONS_SHA256_TAG,
    EXCLUDED_TAG,
    GATE_VERDICT_TAG,
    MODEL_FOLDER,
    PRODUCTION,
    RETRAINING_REASON_TAG,
    TEST_AP_TAG,
    ModelVersion,
    Registry,
    mlflow_client,
)
from fraud.report.stored import Report, ReportKind, store_report
from fraud.verdict import Verdict
from initdb.schema import apply_schema
from jenkins.drift.report.page import html_page as drift_page
from serve.audit.findings import Fault, Finding
from serve.audit.verify_report import told_of
from serve.cases.case import Act
from serve.keys import administration as keys
from serve.people.account import Account, PersonRole
from serve.people.accounts_table import add_account
from serve.people.passwords import hash_password
from serve.people.sessions import begin_session
from tests.bench.gate.report import gate_reports
from tests.databases import new_database
from tests.desk.browser import OWN_PASSWORD
from tests.desk.pages.hostile import hostile
from tests.desk.pages.page_table import PAGES, Listed, Visitor
from tests.jenkins.drift.report import drift_results
from tests.live_stack import LiveStack, server_beside, wait_until
from tests.serve.audit.test_verify_report import PLACE, VERSIONS, report_of
from tests.serve.desk_proxy.test_desk_proxy import get
from tests.serve.prediction_log_rows import execute, fetch
from tests.serve.some_cases import happen
from tests.serve.some_records import open_cases

MODEL: Final = "model-of-pages"
MADE_AT: Final = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
COOKIE: Final = "session"


@dataclass(frozen=True, slots=True)
class Site:
    """What tests need to know."""

    url: str
    dsn: str
    """Of the owner."""
    parts: Mapping[str, int | None]
    """What stands for the names in the table's paths."""
    secrets: Mapping[PersonRole, str]
    """Of a session for each role."""

    def address(self, page: Listed) -> str:
        """Where the page is."""
        return self.url + (page.path.format(**self.parts) if page.path else page.route)

    def form_address(self, route: str) -> str:
        """Where the route's form is sent."""
        return self.address(next(page for page in PAGES if page.route == route))

    def cookies(self, visitor: Visitor) -> dict[str, str]:
        """What the visitor's browser has."""
        return {} if visitor is None else {COOKIE: self.secrets[visitor]}

    def log_in(self, role: PersonRole) -> str:
        """Begin another session of the person with this role; returns its secret."""
        with connect(self.dsn) as connection:
            return begin_session(connection, name_of(role))


def name_of(role: PersonRole) -> str:
    """Of the person who has this role only; the password is `OWN_PASSWORD`."""
    return f"{role}.visitor"


@contextmanager
def running_site(stack: LiveStack, folder: Path) -> Iterator[Site]:
    """Beside a stack, whose registry and PostgreSQL it uses."""
    password = stack.secrets["DESK_DB_PASSWORD"]
    assert password is not None
    version = _register(stack)
    with new_database(stack.owner_dsn, f"pages_{uuid.uuid4().hex[:8]}") as dsn:
        apply_schema(dsn)
        secrets = _people(dsn)
        parts = {**_reports(dsn), "key": _key(dsn), "request": _request(dsn)}
        parts |= _cases(dsn, folder / "cases", version)
        _retraining(dsn)
        _model_change(dsn)
        settings = {"DATABASE_URL": dsn, "DESK_DB_PASSWORD": password, "MODEL_NAME": MODEL, "SERVE_WORKERS": "1"}
        with server_beside(stack, folder, **settings) as url:
            wait_until(lambda: get(url).status_code == 200, 60, "the pages are there")
            yield Site(url, dsn, parts, secrets)


def _register(stack: LiveStack) -> ModelVersion:
    """The stack's model once more, under another name, in a run and with tags that are hostile."""
    found = Registry(stack.tracking_uri, "divorce-model").version_of(PRODUCTION)
    assert found is not None
    ours = Registry(stack.tracking_uri, MODEL)
    client = mlflow_client(stack.tracking_uri, 30)
    experiment = client.get_run(found.run_id).info.experiment_id
    run = client.create_run(experiment, run_name=hostile("name of a run"))
    with tempfile.TemporaryDirectory() as folder:
        files = client.download_artifacts(found.run_id, MODEL_FOLDER, folder)
        client.log_artifacts(run.info.run_id, files, MODEL_FOLDER)
    tags = {
        GATE_VERDICT_TAG: hostile("verdict of a gate"),
        RETRAINING_REASON_TAG: hostile("reason of a version"),
        EXCLUDED_TAG: hostile("excluded features"),
        TEST_AP_TAG: "0.3340",
        **({CONTRIBUTIONS_SHA256_TAG: found.contributions_sha256} if found.contributions_sha256 else {}),
    }
    version = ours.register(run.info.run_id, found.sha256, found.data_cutoff, tags)
    ours.set_alias(PRODUCTION, version.version)
    return version


def _people(dsn: str) -> dict[PersonRole, str]:
    password = hash_password(OWN_PASSWORD)
    with connect(dsn) as connection:
        for role in PersonRole:
            add_account(connection, Account(name_of(role), frozenset({role}), password))
        return {role: begin_session(connection, name_of(role)) for role in PersonRole}


def _reports(dsn: str) -> dict[str, int | None]:
    """A usual one of each kind, and others that quote hostile text."""
    drift = drift_results.result(drift_results.window(Verdict.FAIL))
    gate = gate_reports.report(gate_reports.quality(), gate_reports.latency())
    bad_drift = drift_results.result(error=hostile("data of a drift check"))
    bad_gate = gate_reports.report(None, error=hostile("data of a gate"))
    finding = Finding(Fault.CHANGED, hostile("record of an application"), uuid.UUID(int=7), 3)
    stored = {
        "hostile_drift": _report(ReportKind.DRIFT, drift_page(bad_drift), "error"),
        "hostile_gate": _report(ReportKind.GATE, gate_page(bad_gate), "error"),
        "hostile_verify": told_of(report_of(finding), PLACE, VERSIONS, 0),
        "strange": Report(hostile("kind of a report"), MADE_AT, hostile("verdict of a report"), "page", "{}"),
        "gate": _report(ReportKind.GATE, gate_page(gate), "pass"),
        "verify": told_of(report_of(), PLACE, VERSIONS, 0),
        "drift": _report(ReportKind.DRIFT, drift_page(drift), hostile("verdict of a check")),
    }
    return {name: store_report(dsn, report) for name, report in stored.items()}


def _report(kind: ReportKind, page: str, verdict: str) -> Report:
    return Report(kind, MADE_AT, verdict, page, '{"verdict": "shown"}')


def _cases(dsn: str, folder: Path, version: ModelVersion) -> dict[str, int | None]:
    """One that the officer has not looked at, one that they have, and one that waits for a second officer."""
    about = {"model_version": version.version, "model_sha256": bytes.fromhex(version.sha256)}
    ids = ["A-1", "A-2", hostile("id of an application"), "A-4"]
    new, viewed, referred, _ = open_cases(dsn, folder, [0.44, 0.1, 0.9, 0.6], application_ids=ids, **about)
    officer = name_of(PersonRole.REVIEW)
    for number in (new, viewed):
        happen(dsn, number, officer, Act.TAKEN)
    happen(dsn, viewed, officer, Act.VIEWED_FIRST, is_concerned=True)
    happen(dsn, referred, "somebody.else", Act.TAKEN)
    happen(dsn, referred, "somebody.else", Act.REFERRED, hostile("words of an officer"), grounds=["papers"])
    return {"new_case": new, "viewed_case": viewed, "referred_case": referred}


def _retraining(dsn: str) -> None:
    """One that no drift check asked for: the foreign key is not looked at."""
    execute(
        dsn,
        "SET session_replication_role = replica; INSERT INTO retrainings (claimed_at, today, model_name, model_version,"
        " model_sha256, check_number, granted, reason) VALUES (%s, %s, %s, 1, '', 1, false, %s)",
        *(MADE_AT, MADE_AT.date(), MODEL, hostile("reason of a retraining")),
    )


def _key(dsn: str) -> int:
    """One that programs could use."""
    with connect(dsn) as connection:
        return keys.add(connection, "shell:tests", "client-of-pages", [Role.SCORE]).number


def _request(dsn: str) -> int:
    """One that has been done, by a schedule that is there."""
    execute(dsn, "INSERT INTO schedule_times (task, next_at) VALUES (%s, now() + interval '1 day')", hostile("task"))
    execute(
        dsn,
        "INSERT INTO operator_requests (act, person, begun_at, ended_at, exit_status, output)"
        " VALUES ('rollback', %s, %s, %s, 0, %s)",
        *(hostile("person of a request"), MADE_AT, MADE_AT, hostile("output of a command")),
    )
    ((number,),) = fetch(dsn, "SELECT number FROM operator_requests")
    return int(number)


def _model_change(dsn: str) -> None:
    change = "INSERT INTO model_changes (model_name, act, version, person) VALUES (%s, 'promotion', 1, %s)"
    execute(dsn, change, MODEL, hostile("person of a change"))
