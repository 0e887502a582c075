"""`python -m jenkins.drift` beside a real PostgreSQL and a real registry: every way in which it can end."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from fraud.features import DATE, FEATURE_NAMES, LABEL
from fraud.reference_profile import PREDICTION, PROFILE_FILE, VARIABLES, ReferenceProfile, VariableReference
from fraud.registry import PRODUCTION, PROFILE_SHA256_TAG, ModelVersion, Registry
from fraud.stack.ports import hold_port
from fraud.statistics.binning import choose_bins
from jenkins.drift.__main__ import app
from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all
from train.bins_table import store_bins
from train.tracking import record_run

ROWS = 20_000
INCOME = FEATURE_NAMES.index("Client_Income")
AGE = FEATURE_NAMES.index("Age_Days")
MODEL = b"not a real model: the monitor never runs it"
DAY = dt.timedelta(days=1)

FIRST_DAY = dt.datetime.now(dt.UTC).date() - 400 * DAY
"""A rebuild counts each day from the first on which something is logged, so that is not long ago."""

_days = iter(range(10, 390, 10))


def applications(rows: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).lognormal(6, 1, (rows, 10)).astype(np.float32)


def probabilities(rows: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).beta(1, 9, rows).astype(np.float32)


def profile_of(sha256: str) -> ReferenceProfile:
    variables = []
    for number, name in enumerate(VARIABLES):
        values = probabilities(ROWS, 1) if name == PREDICTION else applications(ROWS, 1)[:, number]
        bins = choose_bins(values)
        plain, counts = bins.to_plain(), bins.count(values).tolist()
        training = None if name == PREDICTION else counts
        variables.append(VariableReference(name, plain["thresholds"], plain["kinds"], counts, training, None))
    divorces = [count // 10 for count in variables[-1].counts]
    day = dt.date(2020, 1, 1)
    return ReferenceProfile(sha256, day, day, day, ROWS, sum(divorces), ROWS, 0, variables, divorces)


@dataclass(frozen=True)
class Site:
    """What the command under test finds: a database, a registry with a version in production, a run folder."""

    dsn: str
    registry: Registry
    version: ModelVersion
    folder: Path

    def log(self, day: dt.date, features: NDArray[np.float32], **changes: Any) -> None:
        """Have these applications answered by the version at noon of a day."""
        noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
        facts = {
            "features": features,
            "probabilities": probabilities(len(features), len(features)),
            "received_at": microseconds(noon),
            "model_version": self.version.version,
            "model_sha256": bytes.fromhex(self.version.sha256),
        }
        with running_spool(self.folder / "spool") as spool:
            spool.append(record(len(features), **(facts | changes)))
        ship_all(self.folder / "spool", self.dsn)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--report", str(self.folder / "drift")])

    def check(self, today: dt.date) -> Result:
        return self.run("check", "--today", today.isoformat())

    def verdict(self) -> dict[str, Any]:
        verdict: dict[str, Any] = json.loads((self.folder / "drift" / "verdict.json").read_bytes())
        return verdict


@pytest.fixture(scope="module")
def _version(module_database: str, mlflow_uri: str, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    registry = Registry(mlflow_uri, "drift-command")
    sha256 = hashlib.sha256(MODEL).hexdigest()
    profile = profile_of(sha256)
    files = tmp_path_factory.mktemp("files")
    (files / "model.onnx").write_bytes(MODEL)
    (files / PROFILE_FILE).write_bytes(profile.to_json())
    run_id = record_run(registry, {}, {}, files)
    tags = {PROFILE_SHA256_TAG: hashlib.sha256(profile.to_json()).hexdigest()}
    version = registry.register(run_id, sha256, dt.date(2020, 1, 1), tags)
    store_bins(module_database, version, profile)
    registry.set_alias(PRODUCTION, version.version)
    return version


@pytest.fixture
def site(
    _version: ModelVersion, module_database: str, mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Site:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", module_database)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    monkeypatch.setenv("MODEL_NAME", _version.name)
    monkeypatch.delenv("TRAINER_DB_PASSWORD", raising=False)
    return Site(module_database, Registry(mlflow_uri, _version.name), _version, tmp_path)


@pytest.fixture
def today() -> dt.date:
    """A day of each test's own, so that none sees what another has logged."""
    return FIRST_DAY + next(_days) * DAY


def test_like_applications_pass_and_everything_is_written(site: Site, today: dt.date) -> None:
    site.log(today - DAY, applications(3000, 2))
    result = site.check(today)
    assert result.exit_code == 0, result.output
    verdict = site.verdict()
    assert (verdict["verdict"], verdict["exit_status"], verdict["model_version"]) == ("pass", 0, site.version.version)
    assert [(window["name"], window["rows"]) for window in verdict["windows"]] == [
        ("last day", 3000),
        ("last 7 days", 3000),
    ]
    assert verdict["windows"][0]["performance"] is not None
    assert b"<html" in (site.folder / "drift" / "report.html").read_bytes()
    assert ET.parse(site.folder / "drift" / "junit.xml").getroot().tag == "testsuites"  # noqa: S314 - our own file
    stored = fetch(
        site.dsn, "SELECT verdict, model_version, windows FROM drift_checks WHERE today = %s ORDER BY number", today
    )
    assert [row[:2] for row in stored] == [("pass", site.version.version)]
    assert set(stored[0][2][0]["psi"]) == set(VARIABLES)
    page, facts = ((site.folder / "drift" / name).read_text() for name in ("report.html", "verdict.json"))
    newest = fetch(site.dsn, "SELECT kind, verdict, page, facts FROM reports ORDER BY number DESC LIMIT 1")
    assert newest == [("drift", "pass", page, facts)]


def test_other_applicants_are_drift_and_one_retraining_is_granted(site: Site, today: dt.date) -> None:
    young = applications(3000, 3)
    young[:600, AGE] = np.minimum(young[:600, AGE], 200)
    site.log(today - DAY, young)
    assert site.check(today).exit_code == 10
    assert any("Age_Days" in reason for reason in site.verdict()["reasons"])
    day = ("--today", today.isoformat())
    assert site.run("claim", *day).exit_code == 0
    assert site.verdict()["retraining"]["granted"] is True
    assert site.run("claim", *day).exit_code == 10
    assert site.verdict()["retraining"]["granted"] is False
    assert site.verdict()["verdict"] == "fail", "what the check said stays"
    assert site.run("claim", "--again", *day).exit_code == 0


def test_a_retraining_that_decided_nothing_gives_its_claim_back(site: Site, today: dt.date) -> None:
    young = applications(3000, 22)
    young[:600, AGE] = np.minimum(young[:600, AGE], 200)
    site.log(today - DAY, young)
    day = ("--today", today.isoformat())
    execute(site.dsn, "DELETE FROM retrainings")
    assert site.check(today).exit_code == 10
    assert site.run("give-back", *day).exit_code == 10, "nothing was granted"
    assert site.run("claim", *day).exit_code == 0
    returned = site.run("give-back", "--reason", "the machine was busy", *day)
    assert (returned.exit_code, "given back: the machine was busy" in returned.output) == (0, True)
    assert site.verdict()["retraining"] == {"granted": False, "reason": "given back: the machine was busy"}
    assert site.run("give-back", *day).exit_code == 10
    assert site.run("claim", *day).exit_code == 0


def test_without_drift_nothing_can_be_claimed(site: Site, today: dt.date) -> None:
    site.log(today - DAY, applications(3000, 4))
    assert site.check(today).exit_code == 0
    result = site.run("claim", "--today", today.isoformat())
    assert result.exit_code == 2
    assert "not drift" in result.output


def test_missing_values_are_a_fault_of_the_feed(site: Site, today: dt.date) -> None:
    broken = applications(3000, 5)
    broken[:100, AGE] = np.nan
    site.log(today - DAY, broken)
    assert site.check(today).exit_code == 30
    assert site.verdict()["verdict"] == "data_quality_fault"


def test_drift_and_a_feed_s_fault_are_told_at_once_and_the_training_data_decide(site: Site, today: dt.date) -> None:
    changed = applications(3000, 20)
    changed[:2000, INCOME] *= 1e6
    changed[:900, AGE] = np.minimum(changed[:900, AGE], 200)
    site.log(today - DAY, changed)
    blocked = site.check(today)
    assert blocked.exit_code == 30
    assert "DRIFT, AND A DATA-QUALITY FAULT" in blocked.output
    reasons = " ".join(site.verdict()["reasons"])
    assert "Age_Days: distribution changed" in reasons
    assert "Client_Income: 66.67% lie beyond all reference values" in reasons
    assert "the training data have 0 such applications" in reasons
    known = applications(200, 21)
    known[:150, INCOME] *= 1e6
    labelled = [(f"{today}-{n}", today - DAY, *row, n % 2) for n, row in enumerate(known.astype(float).tolist())]
    names = ", ".join(f'"{name}"' for name in ("application_id", DATE, *FEATURE_NAMES, LABEL))
    places = ", ".join(["%s"] * 13)
    try:
        for row in labelled:
            execute(site.dsn, f"INSERT INTO divorce_predictions ({names}) VALUES ({places})", *row)  # noqa: S608
        assert site.check(today).exit_code == 10
    finally:
        execute(site.dsn, "DELETE FROM divorce_predictions")
    reasons = " ".join(site.verdict()["reasons"])
    assert "Age_Days: distribution changed" in reasons
    assert "the training data have 150 such applications, so a retraining learns them" in reasons


@pytest.mark.parametrize(("rows", "status"), [(999, 20), (1000, 0)], ids=["one too few", "just enough"])
def test_too_few_applications_tell_nothing(site: Site, today: dt.date, rows: int, status: int) -> None:
    site.log(today - DAY, applications(rows, 6))
    assert site.check(today).exit_code == status


def test_a_window_holds_full_days_of_the_week_before(site: Site, today: dt.date) -> None:
    site.log(today - DAY, applications(1000, 7))
    site.log(today - 7 * DAY, applications(1100, 8))
    site.log(today - 8 * DAY, applications(1300, 9))
    site.log(today, applications(1700, 10))
    site.check(today)
    assert [window["rows"] for window in site.verdict()["windows"]] == [1000, 2100]


def now_and_then(site: Site, monkeypatch: pytest.MonkeyPatch) -> dt.date:
    """The day that runs, without a server to ask."""
    monkeypatch.setenv("SERVE_PORT", str(hold_port()))
    monkeypatch.setenv("ADMIN_PASSWORD", "nobody is asked")
    execute(site.dsn, "DELETE FROM drift_hours WHERE hour >= now() - interval '2 days'")
    return dt.datetime.now(dt.UTC).date()


def test_the_running_day_is_looked_at_on_demand_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    running = now_and_then(site, monkeypatch)
    now = dt.datetime.now(dt.UTC)
    young = applications(1001, 18)
    young[:, AGE] = np.minimum(young[:, AGE], 200)
    site.log(running, young, received_at=microseconds(now))
    waiting = site.run("check")
    assert waiting.exit_code == 20, waiting.output
    assert site.verdict()["notes"] == ["1,001 of today are waiting: `python -m jenkins.drift check --now` checks them"]
    looked = site.run("check", "--now")
    assert looked.exit_code == 10, looked.output
    assert [window["name"] for window in site.verdict()["windows"]] == ["today so far", "last day", "last 7 days"]
    assert site.verdict()["reasons"][0].startswith("today so far: Age_Days: distribution changed")
    assert "does not say whether records wait" in site.verdict()["notes"][0], "nobody could be asked"
    assert fetch(site.dsn, "SELECT sum(applications)::int FROM drift_hours WHERE hour::date = %s", running) == [(1001,)]


def test_each_look_at_a_day_may_spend_half_of_what_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    running = now_and_then(site, monkeypatch)
    execute(site.dsn, "DELETE FROM drift_checks WHERE today = %s", running)
    site.log(running, applications(1500, 19), received_at=microseconds(dt.datetime.now(dt.UTC)))
    levels = []
    for _ in range(3):
        assert site.run("check", "--now").exit_code == 0
        page = (site.folder / "drift" / "report.html").read_text()
        levels.append(float(page[page.index("adjusted p at most") :].split()[4]))
    assert levels == [0.0005, 0.00025, 0.000125]


def test_a_look_at_the_running_day_as_of_another_day_is_refused(site: Site, today: dt.date) -> None:
    assert site.run("check", "--now", "--today", today.isoformat()).exit_code == 2
    assert "--now checks" in site.verdict()["error"]


def test_load_tests_are_no_applicants(site: Site, today: dt.date) -> None:
    site.log(today - DAY, applications(3000, 11), load_test=True)
    assert site.check(today).exit_code == 20
    assert site.verdict()["windows"][0]["rows"] == 0


def test_answers_of_another_version_are_counted_in_the_bins_of_production(
    site: Site, today: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"model_version": 77, "model_sha256": bytes(32)}
    site.log(today - DAY, applications(1500, 12))
    site.log(today - DAY, applications(1500, 13), probabilities=np.full(1500, 0.9, np.float32), **other)
    assert site.check(today).exit_code == 0, "their probabilities are another model's, and are left out"
    day = site.verdict()["windows"][0]
    assert day["rows"] == 3000
    monkeypatch.setenv("DRIFT_OWN_VERSION_ONLY", "true")
    site.check(today)
    assert site.verdict()["windows"][0]["rows"] == 1500


def test_other_applicants_answered_by_another_version_are_drift_too(site: Site, today: dt.date) -> None:
    young = applications(2000, 14)
    young[:, AGE] = 200
    site.log(today - DAY, young, model_version=77, model_sha256=bytes(32))
    assert site.check(today).exit_code == 10


def test_answers_that_were_not_counted_in_time_are_counted_from_the_log(site: Site, today: dt.date) -> None:
    site.log(today - DAY, applications(3000, 15))
    execute(site.dsn, "UPDATE drift_hours SET counts = NULL WHERE hour::date = %s", today - DAY)
    assert site.check(today).exit_code == 0
    rebuilt = CliRunner().invoke(app, ["rebuild"])
    assert rebuilt.exit_code == 0, rebuilt.output
    empty = "SELECT count(*) FROM drift_hours WHERE counts IS NULL AND model_version = %s"
    assert fetch(site.dsn, empty, site.version.version) == [(0,)]


def test_known_outcomes_are_compared_with_the_reference(site: Site, today: dt.date) -> None:
    ids = [f"{today}-{number}" for number in range(2000)]
    site.log(today - DAY, applications(2000, 16), application_ids=ids)
    site.check(today)
    assert site.verdict()["windows"][0]["positive_rate"] is None, "no labels yet"
    execute(
        site.dsn,
        "SELECT append_outcome(%s, 'court', 'outcome', NULL, id, (random() < 0.5)::int, %s, 'register', 1) "
        "FROM unnest(%s) AS id",
        *(dt.datetime.combine(today, dt.time(6), dt.UTC), today - DAY, ids),
    )
    assert site.check(today).exit_code == 10
    assert any("positive rate" in reason for reason in site.verdict()["reasons"])


def test_a_registry_that_does_not_answer_is_an_error(
    site: Site, today: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.log(today - DAY, applications(3000, 17))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{hold_port()}/mlflow")
    assert site.check(today).exit_code == 2
    assert site.verdict()["verdict"] == "error"
    assert fetch(site.dsn, "SELECT verdict FROM drift_checks WHERE today = %s", today) == [("error",)]


def test_no_production_version_is_an_error(site: Site, today: dt.date, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_NAME", "nobody-trained-this")
    assert site.check(today).exit_code == 2
    assert "no version of nobody-trained-this is in production" in site.verdict()["error"]


def test_a_database_that_does_not_answer_is_an_error(
    site: Site, today: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"host=127.0.0.1 port={hold_port()} dbname=any user=any")
    assert site.check(today).exit_code == 2
    assert site.verdict()["verdict"] == "error"


def test_a_profile_that_was_changed_is_refused(site: Site, today: dt.date) -> None:
    number, right = site.version.version, site.version.tags[PROFILE_SHA256_TAG]
    site.registry.set_tag(number, PROFILE_SHA256_TAG, "0" * 64)
    try:
        assert site.check(today).exit_code == 2
    finally:
        site.registry.set_tag(number, PROFILE_SHA256_TAG, right)
    assert "find out who changed the artifact store" in site.verdict()["error"]


def test_other_bins_in_the_database_are_refused(site: Site, today: dt.date) -> None:
    execute(site.dsn, "UPDATE drift_bins SET thresholds[1] = thresholds[1] / 2 WHERE number = 0")
    try:
        assert site.check(today).exit_code == 2
    finally:
        execute(site.dsn, "UPDATE drift_bins SET thresholds[1] = thresholds[1] * 2 WHERE number = 0")
    assert "other bins" in site.verdict()["error"]
