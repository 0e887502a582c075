"""What the owner of the database can do to views, functions, triggers and columns is found as well."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.definitions import FILE, read_definitions
from serve.audit.findings import Fault
from tests.serve.audit.log_audit import audit
from tests.serve.audit.write_definitions import encode
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """A log of three records."""
    with running_spool(tmp_path) as spool:
        for _ in range(3):
            spool.append(record(rows=2))
    ship_all(tmp_path, database)
    return database


def test_the_definitions_are_those_of_a_fresh_database(database: str) -> None:
    with connect(database) as connection:
        found = read_definitions(connection)
    assert encode(found) == FILE.read_bytes(), "run `python -m tests.serve.audit.write_definitions`"
    assert {"view", "function", "constraint", "column"} <= found.by_kind.keys()
    assert msgspec.json.decode(FILE.read_bytes())["postgres"] == found.postgres


@pytest.mark.parametrize(
    ("fault", "statement", "said"),
    [
        pytest.param(
            Fault.CHANGED,
            "DROP VIEW labelled_predictions; CREATE OR REPLACE VIEW labelled_predictions AS SELECT 1 AS one",
            "view public.labelled_predictions",
            id="a view replaced",
        ),
        pytest.param(
            Fault.CHANGED,
            "DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW prediction_logs AS '"
            " || replace(pg_get_viewdef('prediction_logs'), 'answer.probability', '0.1::real'); END $$",
            "view public.prediction_logs",
            id="a view that shows another probability",
        ),
        pytest.param(
            Fault.CHANGED,
            "UPDATE features SET position = CASE position WHEN 4 THEN 107 ELSE 104 END WHERE position IN (4, 7);"
            " UPDATE features SET position = position - 100 WHERE position > 100",
            "under wrong names",
            id="two features' names exchanged",
        ),
        pytest.param(
            Fault.MISSING,
            "DROP VIEW labelled_predictions",
            "view public.labelled_predictions is missing",
            id="a view dropped",
        ),
        pytest.param(
            Fault.CHANGED,
            "CREATE OR REPLACE FUNCTION add_counts(mine bigint[], others bigint[]) RETURNS bigint[]"
            " IMMUTABLE LANGUAGE sql AS 'SELECT mine'",
            "function public.add_counts",
            id="a function that counts nothing",
        ),
        pytest.param(
            Fault.CHANGED,
            "ALTER FUNCTION make_prediction_partition(timestamptz) RESET search_path",
            "function public.make_prediction_partition",
            id="a function without its search path",
        ),
        pytest.param(
            Fault.FORGED,
            "CREATE FUNCTION lie() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.caller := 'nobody'; RETURN NEW; END $$;"
            "CREATE TRIGGER lies BEFORE INSERT ON prediction_requests FOR EACH ROW EXECUTE FUNCTION lie()",
            "trigger public.prediction_requests lies",
            id="a trigger on the log",
        ),
        pytest.param(
            Fault.FORGED,
            "CREATE FUNCTION lie() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
            "DO $$ BEGIN EXECUTE format('CREATE TRIGGER lies BEFORE INSERT ON %%s FOR EACH ROW EXECUTE FUNCTION lie()',"
            " (SELECT max(inhrelid::regclass::text) FROM pg_inherits"
            " WHERE inhparent = 'prediction_requests'::regclass)); END $$",
            "was not installed",
            id="a trigger on a month",
        ),
        pytest.param(
            Fault.FORGED,
            "CREATE RULE hides AS ON INSERT TO prediction_erasures DO INSTEAD NOTHING",
            "rule public.prediction_erasures hides",
            id="a rule",
        ),
        pytest.param(
            Fault.FORGED,
            "ALTER TABLE prediction_requests ENABLE ROW LEVEL SECURITY;"
            "CREATE POLICY hides ON prediction_requests USING (caller <> 'friend')",
            "policy public.prediction_requests hides",
            id="a policy that hides rows",
        ),
        pytest.param(
            Fault.MISSING,
            "ALTER TABLE prediction_requests DROP CONSTRAINT as_many_features_a_row",
            "constraint public.prediction_requests as_many_features_a_row is missing",
            id="a constraint dropped",
        ),
        pytest.param(
            Fault.CHANGED,
            "ALTER TABLE prediction_requests ALTER COLUMN caller DROP NOT NULL",
            "column public.prediction_requests.caller",
            id="a column that may be empty",
        ),
        pytest.param(
            Fault.CHANGED,
            "ALTER TABLE prediction_requests ALTER COLUMN load_test SET DEFAULT true",
            "column public.prediction_requests.load_test",
            id="a default",
        ),
        pytest.param(
            Fault.CHANGED,
            "ALTER TABLE prediction_chains ALTER COLUMN sequence TYPE numeric",
            "column public.prediction_chains.sequence",
            id="a type",
        ),
    ],
)
def test_a_change_of_a_definition_is_found(log: str, tmp_path: Path, fault: Fault, statement: str, said: str) -> None:
    execute(log, statement)
    report = audit(log, tmp_path)
    assert report.verdict is Verdict.FAIL
    assert any(finding.fault is fault and said in finding.what for finding in report.findings), report.findings


def test_views_and_functions_of_others_are_their_own_business(log: str, tmp_path: Path) -> None:
    execute(log, "CREATE VIEW mine AS SELECT 1 AS one; CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    assert audit(log, tmp_path).verdict is Verdict.PASS


def test_a_table_earlier_in_the_search_path_deceives_nobody(log: str, tmp_path: Path) -> None:
    execute(
        log,
        "CREATE SCHEMA decoy;"
        "CREATE TABLE decoy.prediction_requests AS SELECT * FROM prediction_requests;"
        "CREATE TABLE decoy.prediction_chains AS SELECT * FROM prediction_chains;"
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET search_path = decoy, public', current_database()); END $$;"
        "UPDATE public.prediction_requests SET caller = 'me' WHERE sequence = 2",
    )
    assert [finding.sequence for finding in audit(log, tmp_path).findings] == [2]


def test_an_older_schema_is_verified_but_for_its_definitions(log: str, tmp_path: Path) -> None:
    execute(log, "UPDATE schema_version SET version_num = '0005'")
    report = audit(log, tmp_path)
    assert (report.verdict, report.records) == (Verdict.INCONCLUSIVE, 3)
    assert "initdb upgrade" in report.findings[-1].what
