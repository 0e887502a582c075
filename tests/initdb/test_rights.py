"""No role can do more than its program needs."""

from __future__ import annotations

import pytest
from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import make_dsn

from fraud.database import connect
from fraud.errors import DatabaseError
from initdb.schema import set_passwords

SERVER, TRAINER, MLFLOW = "scoring_server", "scoring_trainer", "scoring_mlflow"
RECORD = (
    "INSERT INTO prediction_requests (record_id, request_id, received_at, endpoint, model_version, features,"
    " probabilities) VALUES (gen_random_uuid(), 'r', now(), '/predict', 1, array_fill(1::real, ARRAY[10]), '{0.5}')"
)


PASSWORD = 'it\'s "quoted" \\ %s'


def run(dsn: str, role: str, statement: str) -> None:
    set_passwords(dsn, {role: PASSWORD})
    with connect(make_dsn(dsn, user=role, password=PASSWORD)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        pytest.param(SERVER, RECORD, id="server records"),
        pytest.param(TRAINER, "SELECT * FROM divorce_predictions", id="trainer reads applications"),
        pytest.param(TRAINER, "SELECT * FROM prediction_requests", id="trainer reads requests"),
        pytest.param(TRAINER, "SELECT * FROM prediction_logs", id="trainer reads predictions"),
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
            for role in (SERVER, TRAINER, MLFLOW)
            for statement in (
                "UPDATE public.prediction_requests SET probabilities = '{0}'",
                "DELETE FROM public.prediction_requests",
                "TRUNCATE public.prediction_requests",
                "DELETE FROM public.divorce_predictions",
                'UPDATE public.divorce_predictions SET "Divorce" = 0',
                "INSERT INTO public.divorce_predictions (application_id) VALUES ('x')",
                "CREATE TABLE public.mine (x int)",
                "CREATE TEMPORARY TABLE mine (x int)",
                "CREATE SCHEMA mine",
                "CREATE ROLE mine",
                "SELECT rolpassword FROM pg_authid",
            )
        ),
        *(
            pytest.param(role, f"SELECT FROM public.{table}", id=f"{role[8:]} reads {table}")
            for role in (SERVER, MLFLOW)
            for table in ("divorce_predictions", "prediction_requests", "prediction_logs")
        ),
        pytest.param(TRAINER, RECORD, id="trainer records"),
        pytest.param(SERVER, "CREATE TABLE mlflow.mine (x int)", id="server in mlflow's schema"),
        pytest.param(TRAINER, "CREATE TABLE mlflow.mine (x int)", id="trainer in mlflow's schema"),
    ],
)
def test_a_role_can_do_no_more(database: str, role: str, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        run(database, role, statement)


def test_strangers_can_not_connect(database: str) -> None:
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stranger') THEN"
            " CREATE ROLE stranger LOGIN; END IF; END $$"
        )
    with pytest.raises(DatabaseError, match="permission denied for database"):
        run(database, "stranger", "SELECT 1")
