"""No role can do more than its program needs."""

from __future__ import annotations

import contextlib

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import make_dsn

from fraud.database import connect
from fraud.errors import DatabaseError
from initdb.schema import set_passwords

SERVER, TRAINER, AUDITOR, MLFLOW = "scoring_server", "scoring_trainer", "scoring_auditor", "scoring_mlflow"
DESK = "scoring_desk"
RECORD = (
    "INSERT INTO prediction_requests (chain_id, sequence, recorded_at, received_at, request_id, endpoint, caller,"
    " model_version, model_sha256, load_test, features, probabilities, salt, content_digest, hash) VALUES"
    " (gen_random_uuid(), 1, now(), now(), 'r', '/predict', 'c', 1, '', false, array_fill(1::real, ARRAY[10]),"
    " '{0.5}', '', '', '')"
)
MARK = "INSERT INTO prediction_chains VALUES (gen_random_uuid(), 1, ''); UPDATE prediction_chains SET sequence = 2"
SHADOW = (
    "INSERT INTO public.shadow_predictions VALUES (gen_random_uuid(), 1, now(), 1, '', '{0.5}') ON CONFLICT DO NOTHING"
)
HOUR = "INSERT INTO drift_hours VALUES ('', 1, now(), 1, '{1}')"
AGAIN = "ON CONFLICT (model_sha256, model_version, hour) DO UPDATE SET counts = add_counts(drift_hours.counts, '{2}')"
BINS = "INSERT INTO drift_bins VALUES ('', 1, 0, 'Age_Days', '{1}')"
CHECK = (
    "INSERT INTO drift_checks (checked_at, today, model_name, verdict, reasons, windows)"
    " VALUES (now(), now(), 'm', 'pass', '{}', '[]')"
)
PERSON = (
    "INSERT INTO people (name, roles, password) VALUES ('anna', '{review}', '$argon2id$x');"
    " UPDATE people SET is_disabled = true; INSERT INTO people_sessions (digest, person) VALUES (sha256(''), 'anna');"
    " UPDATE people_sessions SET seen_at = now(); DELETE FROM people_sessions; SELECT * FROM person_events;"
    " INSERT INTO person_events VALUES (1, now(), 'anna', 'login', '{}', sha256(''))"
)
KEYS = (
    "SELECT number, client, last_used_at FROM api_keys FOR UPDATE;"
    " INSERT INTO api_keys (client, roles, sha256, made_by) VALUES ('a', '{score}', sha256(''), 'b') RETURNING number;"
    " UPDATE api_keys SET expires_at = now(), replaced_by = 1, revoked_at = now(), revoked_by = 'anna'"
)
REPORT = (
    "INSERT INTO reports (kind, made_at, verdict, page, facts, sha256)"
    " VALUES ('drift', now(), 'pass', '', '{}', sha256('')) RETURNING number"
)
MINUTE = (
    "INSERT INTO service_minutes (seconds, answered, refused, rows, buckets) VALUES (60, 1, 0, 1, '{1}');"
    " DELETE FROM service_minutes WHERE at < now() - interval '8 days'; SELECT * FROM service_minutes"
)
ASK = "INSERT INTO public.operator_requests (act, person) VALUES ('rollback', 'anna')"
DO = (
    "SELECT number FROM operator_requests FOR UPDATE SKIP LOCKED;"
    " UPDATE operator_requests SET begun_at = now(), seen_at = now(), output = '';"
    " INSERT INTO schedule_times (task) VALUES ('retrain'); UPDATE schedule_times SET told_at = now()"
)
MODEL_CHANGE = (
    "INSERT INTO public.model_changes (model_name, act, version, person) VALUES ('m', 'promotion', 1, 'anna')"
)
OPENING = (
    "SELECT * FROM decided_requests(gen_random_uuid(), 0, 100); SELECT chain_id, sequence FROM prediction_chains;"
    " INSERT INTO case_marks VALUES (gen_random_uuid(), 1); UPDATE case_marks SET sequence = 2;"
    " INSERT INTO case_events (number, at, person, kind, facts, hash)"
    " VALUES (1, now(), 'serve', 'opened', '{}', sha256(''));"
    " INSERT INTO case_contents VALUES (1, '{}', '0123456789abcdef');"
    " INSERT INTO cases (number, chain_id, sequence, row_number, recorded_at, state, opened_at, due_at, last_event)"
    " VALUES (1, gen_random_uuid(), 1, 0, now(), 'new', now(), now(), 1)"
)
CASEWORK = (
    "SELECT * FROM cases ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED;"
    " SELECT * FROM case_events, case_contents, case_answers, features;"
    " SELECT FROM applications_beside(1, 10), case_outcomes(), case_groups();"
    " UPDATE cases SET state = 'taken', holder = 'anna', due_at = now(), last_event = 1;"
    " INSERT INTO case_events (number, at, person, kind, facts, hash)"
    " VALUES (1, now(), 'anna', 'taken', '{}', sha256(''));"
    " INSERT INTO case_contents VALUES (1, '{}', '0123456789abcdef')"
)
LABELS = "SELECT * FROM public.record_outcomes('x', 'k', sha256(''), '{A}', '{1}', '{2026-03-01}', '{court}')"
MONTHS = "SELECT FROM expired_prediction_partitions(1), detached_prediction_months()"
OLD_MONTH = (
    "SELECT expired_chain_ends(1, 'prediction_requests_200102', NULL, 10),"
    " note_expired_chains(1, 'prediction_requests_200102', '{}', '{}', '{}'),"
    " detach_expired_predictions(1, 'prediction_requests_200102'),"
    " drop_detached_predictions('prediction_requests_200102_expired')"
)

PASSWORD = 'it\'s "quoted" \\ %s'


def run(dsn: str, role: str, statement: str) -> None:
    set_passwords(dsn, {role: PASSWORD})
    login = make_dsn(dsn, user=role, password=PASSWORD)
    # MLflow's connections are its own, and find its schema by what is set for the role.
    opened = contextlib.closing(psycopg2.connect(login)) if role == MLFLOW else connect(login)
    with opened as connection, connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        pytest.param(SERVER, f"SELECT make_prediction_partition(now()); {RECORD}; {MARK}", id="server records"),
        pytest.param(SERVER, MONTHS, id="server lists old months"),
        pytest.param(SERVER, f"SELECT make_prediction_partition('2001-02-03 UTC'); {OLD_MONTH}", id="and drops them"),
        pytest.param(
            SERVER,
            f"SELECT make_prediction_partition(now()); SELECT make_shadow_partition(now()); {SHADOW}",
            id="server shadows",
        ),
        pytest.param(TRAINER, "SELECT * FROM shadow_predictions, shadow_logs", id="trainer reads shadows"),
        pytest.param(AUDITOR, "SELECT * FROM shadow_predictions, shadow_logs", id="auditor reads shadows"),
        pytest.param(AUDITOR, "SELECT * FROM prediction_requests, prediction_chains", id="auditor reads chains"),
        pytest.param(AUDITOR, "SELECT * FROM prediction_erasures, prediction_logs", id="auditor reads erasures"),
        pytest.param(SERVER, "SELECT * FROM schema_version", id="server reads the version"),
        pytest.param(SERVER, "SELECT * FROM review_policies", id="server reads policies"),
        pytest.param(TRAINER, "SELECT * FROM review_policies", id="trainer reads policies"),
        pytest.param(AUDITOR, "SELECT * FROM review_policies", id="auditor reads policies"),
        pytest.param(AUDITOR, "SELECT * FROM person_events", id="auditor reads what people did"),
        pytest.param(TRAINER, "SELECT * FROM schema_version", id="trainer reads the version"),
        pytest.param(AUDITOR, "SELECT * FROM schema_version", id="auditor reads the version"),
        pytest.param(TRAINER, "SELECT * FROM divorce_predictions", id="trainer reads applications"),
        pytest.param(TRAINER, "SELECT * FROM prediction_requests", id="trainer reads requests"),
        pytest.param(TRAINER, "SELECT * FROM prediction_logs", id="trainer reads predictions"),
        pytest.param(SERVER, "; ".join((HOUR, f"{HOUR} {AGAIN}")), id="server counts"),
        pytest.param(SERVER, "SELECT FROM drift_bins, drift_checks, retrainings", id="server reads bins and checks"),
        pytest.param(TRAINER, BINS, id="trainer writes bins"),
        pytest.param(TRAINER, "SELECT FROM drift_hours, drift_counts", id="trainer reads counts"),
        pytest.param(TRAINER, "SELECT rebuild_drift_hours('2026-05-01 00:00Z', '2026-05-02 00:00Z')", id="rebuild"),
        pytest.param(TRAINER, CHECK, id="monitor writes checks"),
        pytest.param(TRAINER, "SELECT * FROM labelled_predictions", id="trainer reads outcomes"),
        pytest.param(SERVER, LABELS, id="server records labels"),
        pytest.param(DESK, f"{LABELS}; SELECT FROM label_submissions, label_delays", id="desk records labels"),
        pytest.param(
            TRAINER, "SELECT FROM labelled_predictions_known(now()), outcomes_known(now())", id="trainer knows"
        ),
        pytest.param(AUDITOR, "SELECT FROM outcomes, label_submissions, label_delays", id="auditor reads outcomes"),
        pytest.param(TRAINER, "SELECT * FROM applicant_groups", id="trainer reads groups"),
        pytest.param(DESK, "SELECT FROM drift_checks, retrainings, review_policies", id="desk reads checks"),
        pytest.param(DESK, PERSON, id="desk keeps people"),
        pytest.param(DESK, KEYS, id="desk makes and revokes keys"),
        pytest.param(
            SERVER,
            "SELECT number, client, roles, sha256, expires_at, revoked_at FROM api_keys;"
            " UPDATE api_keys SET last_used_at = greatest(last_used_at, now())",
            id="server reads keys and tells uses",
        ),
        pytest.param(DESK, "SELECT * FROM reports", id="desk reads reports"),
        pytest.param(DESK, MINUTE, id="desk keeps minutes"),
        pytest.param(DESK, ASK, id="desk asks"),
        pytest.param(
            DESK, "SELECT FROM operator_requests, schedule_times, model_changes", id="desk reads what is done"
        ),
        pytest.param(TRAINER, DO, id="schedule does what is asked for"),
        pytest.param(TRAINER, MODEL_CHANGE, id="promotions are noted"),
        pytest.param(AUDITOR, "SELECT * FROM model_changes", id="auditor reads promotions"),
        pytest.param(SERVER, OPENING, id="server opens cases"),
        pytest.param(DESK, CASEWORK, id="desk works cases"),
        pytest.param(
            AUDITOR, "SELECT * FROM cases, case_events, case_contents, case_answers", id="auditor reads cases"
        ),
        pytest.param(TRAINER, REPORT, id="checks store reports"),
        pytest.param(AUDITOR, REPORT, id="verify stores reports"),
        pytest.param(SERVER, "SELECT remove_old_reports(24)", id="server removes old reports"),
        pytest.param(MLFLOW, "CREATE TABLE runs (id int); DROP TABLE mlflow.runs", id="mlflow makes its tables"),
    ],
)
def test_a_role_can_do_its_work(database: str, role: str, statement: str) -> None:
    run(database, role, statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        *(
            pytest.param(role, statement, id=f"{role[8:]}: {statement[:45]}")
            for role in (SERVER, TRAINER, AUDITOR, DESK, MLFLOW)
            for statement in (
                "UPDATE public.prediction_requests SET probabilities = '{0}'",
                "DELETE FROM public.prediction_requests",
                "TRUNCATE public.prediction_requests",
                "DELETE FROM public.prediction_chains",
                "UPDATE public.prediction_erasures SET number = 2",
                "UPDATE public.schema_version SET version_num = '0001'",
                "DELETE FROM public.schema_version",
                "DELETE FROM public.divorce_predictions",
                'UPDATE public.divorce_predictions SET "Divorce" = 0',
                "INSERT INTO public.divorce_predictions (application_id) VALUES ('x')",
                "CREATE TABLE public.mine (x int)",
                "CREATE TEMPORARY TABLE mine (x int)",
                "CREATE SCHEMA mine",
                "CREATE ROLE mine",
                "SELECT rolpassword FROM pg_authid",
                "UPDATE public.drift_bins SET thresholds = '{0}'",
                "DELETE FROM public.drift_hours",
                "UPDATE public.drift_checks SET verdict = 'pass'",
                "DELETE FROM public.retrainings",
                "INSERT INTO public.application_outcomes VALUES ('x', 1, now())",
                "INSERT INTO public.outcomes (number) VALUES (1)",
                "UPDATE public.outcomes SET author = 'x'",
                "DELETE FROM public.outcomes",
                "DELETE FROM public.label_submissions",
                "SELECT public.append_outcome(now(), 'x', 'outcome', NULL, 'x', 1, current_date, 'x', 1)",
                "SELECT public.erase_outcomes('x', '{x}')",
                "INSERT INTO public.applicant_groups VALUES ('x', 'region', 'north')",
                "DELETE FROM public.applicant_groups",
                "INSERT INTO public.review_policies (number) VALUES (1)",
                "UPDATE public.review_policies SET threshold = 0",
                "DELETE FROM public.review_policies",
                "TRUNCATE public.review_policies",
                "UPDATE public.person_events SET person = 'x'",
                "DELETE FROM public.person_events",
                "TRUNCATE public.person_events",
                "UPDATE public.case_events SET person = 'x'",
                "DELETE FROM public.case_events",
                "TRUNCATE public.case_events CASCADE",
                "UPDATE public.case_contents SET content = '{}'",
                "DELETE FROM public.case_contents",
                "DELETE FROM public.cases",
                "UPDATE public.cases SET application_id = 'x'",
                "UPDATE public.cases SET row_number = 1",
                "DELETE FROM public.case_marks",
                "DELETE FROM public.people",
                "DELETE FROM public.api_keys",
                "TRUNCATE public.api_keys",
                "UPDATE public.api_keys SET roles = '{operate}'",
                "UPDATE public.api_keys SET client = 'x'",
                "UPDATE public.api_keys SET sha256 = sha256('')",
                "UPDATE public.reports SET verdict = 'pass'",
                "DELETE FROM public.reports",
                "UPDATE public.shadow_predictions SET probabilities = '{0}'",
                "DELETE FROM public.shadow_predictions",
            )
        ),
        *(
            pytest.param(role, statement, id=f"{role[8:]}: {statement[:45]}")
            for role in (SERVER, TRAINER, AUDITOR, MLFLOW)
            for statement in (
                "INSERT INTO public.person_events (number) VALUES (1)",
                "SELECT password FROM public.people",
                "UPDATE public.people SET roles = '{admin}'",
                "SELECT FROM public.people_sessions",
                "INSERT INTO public.api_keys (client, roles, sha256, made_by) VALUES ('a', '{score}', '', 'x')",
                "UPDATE public.api_keys SET revoked_at = NULL",
                "UPDATE public.api_keys SET expires_at = NULL",
            )
        ),
        *(
            pytest.param(role, statement, id=f"{role[8:]}: {statement[:45]}")
            for role in (SERVER, TRAINER, AUDITOR, MLFLOW)
            for statement in (
                "UPDATE public.cases SET state = 'closed'",
                "SELECT FROM public.applications_beside(1, 10)",
                "SELECT FROM public.case_outcomes()",
                "SELECT FROM public.case_groups()",
            )
        ),
        *(
            pytest.param(role, statement, id=f"{role[8:]}: {statement[:45]}")
            for role in (TRAINER, AUDITOR, DESK, MLFLOW)
            for statement in (
                "SELECT FROM public.decided_requests(gen_random_uuid(), 0, 100)",
                "INSERT INTO public.cases (number) VALUES (1)",
                "INSERT INTO public.case_marks VALUES (gen_random_uuid(), 1)",
            )
        ),
        *(
            pytest.param(role, statement, id=f"{role[8:]}: {statement[:45]}")
            for role in (TRAINER, AUDITOR, MLFLOW)
            for statement in (
                "INSERT INTO public.case_events (number) VALUES (1)",
                "INSERT INTO public.case_contents (event) VALUES (1)",
            )
        ),
        *(
            pytest.param(role, f"SELECT FROM public.{table}", id=f"{role[8:]} reads {table}")
            for role in (SERVER, TRAINER, MLFLOW)
            for table in ("case_contents", "case_answers")
        ),
        *(
            pytest.param(role, "SELECT client FROM public.api_keys", id=f"{role[8:]} reads keys")
            for role in (TRAINER, AUDITOR, MLFLOW)
        ),
        pytest.param(DESK, "SELECT sha256 FROM public.api_keys", id="desk reads hashes of keys"),
        pytest.param(DESK, "UPDATE public.api_keys SET last_used_at = now()", id="desk tells uses of keys"),
        *(
            pytest.param(role, f"SELECT FROM public.{table}", id=f"{role[8:]} reads {table}")
            for role in (SERVER, DESK, MLFLOW)
            for table in (
                "divorce_predictions",
                "prediction_requests",
                "prediction_logs",
                "shadow_predictions",
                "shadow_logs",
            )
        ),
        *(
            pytest.param(role, "SELECT FROM public.applicant_groups", id=f"{role[8:]} reads groups")
            for role in (SERVER, AUDITOR, MLFLOW)
        ),
        *(pytest.param(role, ASK, id=f"{role[8:]} asks for a rollback") for role in (SERVER, TRAINER, AUDITOR, MLFLOW)),
        *(
            pytest.param(role, MODEL_CHANGE, id=f"{role[8:]} notes a promotion")
            for role in (SERVER, AUDITOR, DESK, MLFLOW)
        ),
        pytest.param(DESK, "UPDATE operator_requests SET ended_at = now()", id="desk ends a request"),
        pytest.param(DESK, "DELETE FROM operator_requests", id="desk removes a request"),
        pytest.param(
            DESK,
            "INSERT INTO operator_requests (act, person, begun_at) VALUES ('rollback', 'a', now())",
            id="desk does",
        ),
        pytest.param(TRAINER, "UPDATE operator_requests SET person = 'x'", id="trainer asks as somebody else"),
        pytest.param(DESK, "INSERT INTO schedule_times (task) VALUES ('x')", id="desk makes up a schedule"),
        pytest.param(TRAINER, RECORD, id="trainer records"),
        pytest.param(AUDITOR, RECORD, id="auditor records"),
        pytest.param(TRAINER, SHADOW, id="trainer shadows"),
        pytest.param(AUDITOR, SHADOW, id="auditor shadows"),
        pytest.param(AUDITOR, "SELECT make_shadow_partition(now())", id="auditor makes months of shadows"),
        pytest.param(TRAINER, HOUR, id="trainer counts"),
        pytest.param(SERVER, BINS, id="server writes bins"),
        pytest.param(SERVER, CHECK, id="server writes checks"),
        pytest.param(AUDITOR, "UPDATE prediction_chains SET sequence = 2", id="auditor moves a mark"),
        pytest.param(AUDITOR, "SELECT drop_detached_predictions('x')", id="auditor drops months"),
        pytest.param(AUDITOR, "SELECT detach_expired_predictions(1, 'x')", id="auditor detaches months"),
        pytest.param(AUDITOR, "SELECT make_prediction_partition(now())", id="auditor makes partitions"),
        pytest.param(SERVER, "DROP TABLE public.prediction_requests", id="server drops the table"),
        pytest.param(SERVER, "CREATE TABLE mlflow.mine (x int)", id="server in mlflow's schema"),
        pytest.param(TRAINER, "CREATE TABLE mlflow.mine (x int)", id="trainer in mlflow's schema"),
    ],
)
def test_a_role_can_do_no_more(module_database: str, role: str, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        run(module_database, role, statement)  # refused, it changes nothing for the next


def test_strangers_can_not_connect(database: str) -> None:
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stranger') THEN"
            " CREATE ROLE stranger LOGIN; END IF; END $$"
        )
    with pytest.raises(DatabaseError, match="permission denied for database"):
        run(database, "stranger", "SELECT 1")
