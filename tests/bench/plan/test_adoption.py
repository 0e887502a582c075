"""A plan's choice becomes a policy that two people have signed."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import numpy as np
import psycopg2
import pytest
from typer.testing import CliRunner, Result

from bench.__main__ import app
from bench.plan.evidence import Source
from bench.plan.forecast import Choice, Expected, Price
from bench.plan.plan import Limits, Plan
from fraud.api_keys import ApiKey, Role, new_key
from fraud.control_sample import fingerprint
from fraud.database import connect
from fraud.registry import ModelVersion, Registry
from fraud.review_policy import signed_policies
from fraud.review_policy_table import read_journal
from fraud.statistics.interval import Interval
from serve.keys import administration
from tests.serve.prediction_log_rows import execute

ANNA, BERT, SCORER = new_key(), new_key(), new_key()
PASSWORD = "administrators own"
CONTROL_KEY = "c" * 32
ONE = Interval(1.0, 0.0, 2.0)
THRESHOLD = float(np.float32(0.3123456))


def plan_of(version: ModelVersion) -> Plan:
    expected = {"all": Expected(ONE, ONE, ONE, ONE)}
    return Plan(
        made_at=dt.datetime(2024, 7, 19, tzinfo=dt.UTC),
        limits=Limits(10, Price(100, 5_000), 9),
        model_name=version.name,
        model_version=version.version,
        model_sha256=version.sha256,
        source=Source.TABLE,
        first_day=dt.date(2024, 6, 1),
        days=20,
        applications=800,
        labelled=800,
        days_ahead=28,
        choices=(Choice(5, THRESHOLD, expected), Choice(10, 0.25, expected), Choice(1, 1.5, expected)),
        recommended=0,
    )


@pytest.fixture
def plan_file(
    planned: tuple[str, Registry, ModelVersion],
    database: str,
    planned_model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A plan for the version in production; settings name an empty database, two people and a client."""
    _, registry, version = planned
    keys = [ApiKey.of(ANNA, "anna", [Role.OPERATE]), ApiKey.of(BERT, "bert", [Role.OPERATE])]
    settings = {
        "DATABASE_URL": database,
        "MLFLOW_TRACKING_URI": registry.tracking_uri,
        "MODEL_NAME": planned_model,
        "RUN_DIR": str(tmp_path),
        "ADMIN_PASSWORD": PASSWORD,
        "API_KEYS": ",".join(map(str, [*keys, ApiKey.of(SCORER, "desk", [Role.SCORE])])),
        "REVIEW_CONTROL_KEY": CONTROL_KEY,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "plan.json"
    path.write_bytes(plan_of(version).to_json())
    return path


def called(*arguments: str, by: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments], input=by + "\n")


def adopted(plan_file: Path, *arguments: str, by: str = ANNA) -> Result:
    return called("adopt", "--plan", str(plan_file), *arguments, by=by)


def test_policy_counts_once_a_second_person_has_signed(plan_file: Path, database: str) -> None:
    assert adopted(plan_file).exit_code == 0
    with connect(database) as connection:
        journal = read_journal(connection)
    assert signed_policies(journal) == ()
    assert called("sign", "1", by=BERT).exit_code == 0
    with connect(database) as connection:
        (policy,) = signed_policies(read_journal(connection))
    assert (policy.author, policy.signer) == ("anna", "bert")
    assert policy.threshold == np.float32(THRESHOLD)
    assert policy.terms.control_share == 0.01
    assert policy.terms.control_key == fingerprint(CONTROL_KEY.encode())
    assert policy.terms.max_wrongly_suspected == 9
    assert policy.in_force_from > policy.terms.valid_from, "no answer of before the second signature is under it"


def test_administrator_is_a_person_too(plan_file: Path, database: str) -> None:
    assert adopted(plan_file, by=PASSWORD).exit_code == 0
    assert called("sign", "1", by=ANNA).exit_code == 0
    with connect(database) as connection:
        assert signed_policies(read_journal(connection))[0].author == "admin"


def test_key_that_was_made_in_the_database_is_a_persons_too(plan_file: Path, database: str) -> None:
    with connect(database) as connection:
        made = administration.add(connection, "shell:tests", "carl", [Role.OPERATE])
    assert adopted(plan_file, by=made.key).exit_code == 0
    assert called("sign", "1", by=BERT).exit_code == 0
    with connect(database) as connection:
        assert signed_policies(read_journal(connection))[0].author == "carl"


@pytest.mark.parametrize(
    ("by", "told"),
    [
        pytest.param(ANNA, "second person", id="the author"),
        pytest.param(SCORER, "lacks the role `operate`", id="a client that scores"),
        pytest.param("guess", "serve.keys add NAME --role operate", id="nobody"),
        pytest.param("", "serve.keys add NAME --role operate", id="nothing"),
    ],
)
def test_signature_of_others_is_refused(plan_file: Path, database: str, by: str, told: str) -> None:
    adopted(plan_file)
    ended = called("sign", "1", by=by)
    assert ended.exit_code == 2
    assert told in " ".join(ended.output.split())
    with connect(database) as connection:
        assert len(read_journal(connection)) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--capacity", "7"], "the plan has no choice of 7 reviews a week: it has 5 (0.3123), 10"),
        (["--capacity", "1"], "reviews nobody"),
        (["--valid-from", "2024-01-01"], "only be valid from now on"),
    ],
)
def test_fault_says_what_to_do(plan_file: Path, arguments: list[str], told: str) -> None:
    ended = adopted(plan_file, *arguments)
    assert ended.exit_code == 2
    assert told in " ".join(ended.output.split())


def test_plan_of_another_model_is_refused(plan_file: Path) -> None:
    plan_file.write_text(re.sub('"model_sha256": "..', '"model_sha256": "zz', plan_file.read_text()))
    ended = adopted(plan_file)
    assert (ended.exit_code, "plan again" in ended.output) == (2, True)


@pytest.mark.parametrize("number", ["2", "3", "9"], ids=["a signature", "signed", "nothing"])
def test_only_a_policy_that_waits_is_signed(plan_file: Path, number: str) -> None:
    adopted(plan_file)
    called("sign", "1", by=BERT)
    adopted(plan_file, by=BERT)
    called("sign", "3", by=ANNA)
    adopted(plan_file)
    ended = called("sign", number, by=BERT)
    assert ended.exit_code == 2
    assert ("waiting for a second signature: 5" in ended.output) == (number != "3")


def test_journal_that_was_changed_is_refused(plan_file: Path, database: str) -> None:
    adopted(plan_file)
    execute(
        database,
        "ALTER TABLE review_policies DISABLE TRIGGER only_grows; UPDATE review_policies SET threshold = 0.9;"
        "ALTER TABLE review_policies ENABLE TRIGGER only_grows",
    )
    ended = called("sign", "1", by=BERT)
    assert ended.exit_code == 2
    assert "entry 1 of review_policies is not what was signed" in ended.output


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE review_policies SET threshold = 0.9", "only grows"),
        ("DELETE FROM review_policies", "only grows"),
        ("TRUNCATE review_policies", "only grows"),
        (
            "INSERT INTO review_policies (number, entered_at, person, signs, hash) "
            "VALUES (2, now(), 'anna', 1, sha256(''))",
            "a second person has to sign it",
        ),
        (
            "INSERT INTO review_policies (number, entered_at, person, signs, hash) "
            "VALUES (7, now(), 'bert', 1, sha256(''))",
            "the number after the last one",
        ),
    ],
)
def test_table_only_grows_and_takes_no_signature_of_the_author(
    plan_file: Path, database: str, statement: str, told: str
) -> None:
    adopted(plan_file)
    with pytest.raises(psycopg2.Error, match=told):
        execute(database, statement)
