"""What an intruder with a role's login would try: to read, change, run or become something else."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege, RaiseException
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from fraud.database import connect
from fraud.settings import DatabaseRole
from initdb.schema import set_passwords

ROLES = tuple(role.value for role in DatabaseRole)
SERVER, TRAINER, AUDITOR, MLFLOW = ROLES[:4]
DESK = DatabaseRole.DESK.value
PASSWORD = "of-the-test"

BECOMING = (
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    *(f"SET ROLE {role}" for role in ROLES),
    "SET SESSION AUTHORIZATION scoring_auditor",
    "GRANT scoring_auditor TO CURRENT_USER",
    "GRANT pg_read_all_data TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEROLE",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "ALTER ROLE scoring_auditor PASSWORD 'mine'",
    "ALTER ROLE ALL SET search_path = mine",
    "REASSIGN OWNED BY scoring_mlflow TO scoring_auditor",
    "ALTER TABLE public.prediction_requests OWNER TO CURRENT_USER",
    "ALTER DEFAULT PRIVILEGES FOR ROLE scoring_mlflow GRANT SELECT ON TABLES TO PUBLIC",
    "CREATE DATABASE mine",
    "UPDATE pg_catalog.pg_authid SET rolsuper = true",
    "UPDATE pg_catalog.pg_class SET relacl = NULL",
)
RUNNING = (
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/out'",
    "COPY public.prediction_requests FROM PROGRAM 'id'",
    "COPY public.prediction_requests FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_stat_file('postgresql.conf')",
    "SELECT pg_current_logfile()",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/out')",
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')",
    "CREATE LANGUAGE mine HANDLER plpgsql_call_handler",
    "DROP EXTENSION plpgsql CASCADE",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE c AS '/tmp/mine.so', 'mine'",
    "CREATE OR REPLACE FUNCTION public.drop_detached_predictions(month text) RETURNS void LANGUAGE sql AS 'SELECT 1'",
    "ALTER FUNCTION public.make_prediction_partition(timestamptz) SECURITY INVOKER",
    "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION mine()",
    "ALTER SYSTEM SET archive_command = 'id'",
    "SET session_replication_role = replica",
    "SET log_statement = 'none'",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_physical_replication_slot('mine')",
)
CHANGING = (
    "UPDATE public.prediction_requests SET caller = 'x'",
    "DELETE FROM public.prediction_requests",
    "TRUNCATE public.prediction_requests CASCADE",
    "DROP TABLE public.prediction_requests CASCADE",
    "DROP TABLE public.divorce_predictions",
    "DROP FUNCTION public.make_prediction_partition(timestamptz)",
    "DROP SCHEMA public CASCADE",
    "DROP VIEW public.prediction_logs",
    "ALTER TABLE public.prediction_requests DROP COLUMN features",
    "ALTER TABLE public.prediction_requests DISABLE TRIGGER ALL",
    "ALTER TABLE public.prediction_requests ENABLE ROW LEVEL SECURITY",
    "CREATE TRIGGER mine BEFORE INSERT ON public.prediction_requests EXECUTE FUNCTION mine()",
    "CREATE RULE mine AS ON INSERT TO public.prediction_requests DO INSTEAD NOTHING",
    "CREATE INDEX mine ON public.prediction_requests ((1 / 0))",
    "DO $$ BEGIN LOCK TABLE public.prediction_requests IN ACCESS EXCLUSIVE MODE; END $$",
    "INSERT INTO public.prediction_erasures SELECT FROM generate_series(1, 1)",
    "DELETE FROM public.prediction_chains",
    "COMMENT ON TABLE public.divorce_predictions IS 'mine'",
    "INSERT INTO public.{partition} SELECT FROM generate_series(1, 1)",
    "DROP TABLE public.{partition}",
)
READING = (
    "SELECT FROM pg_catalog.pg_authid",
    "SELECT FROM pg_catalog.pg_statistic",
    "SELECT FROM pg_catalog.pg_user_mapping, pg_catalog.pg_largeobject",
    "SELECT FROM public.{partition}",
)
READING_AS = {
    SERVER: (
        "SELECT FROM public.prediction_requests",
        "COPY public.prediction_requests TO STDOUT",
        "INSERT INTO public.prediction_requests SELECT * FROM public.prediction_requests RETURNING features",
        "INSERT INTO public.prediction_requests (request_id) VALUES ('x') RETURNING *",
        "SELECT FROM public.prediction_logs",
        "SELECT FROM public.prediction_erasures",
        "SELECT FROM public.divorce_predictions",
        "SELECT FROM mlflow.runs",
    ),
    TRAINER: ("SELECT FROM mlflow.runs", "SELECT FROM public.prediction_chains"),
    AUDITOR: ("SELECT FROM mlflow.runs", "SELECT FROM public.divorce_predictions"),
    MLFLOW: (
        "SELECT FROM public.prediction_requests",
        "SELECT FROM public.divorce_predictions",
        "SELECT FROM public.prediction_chains",
    ),
}
THIS_MONTH = "'prediction_requests_' || to_char(now(), 'YYYYMM')"
FUNCTIONS = (
    "make_prediction_partition(now())",
    "expired_prediction_partitions(1)",
    "detached_prediction_months()",
    "expired_chain_ends(1, 'x', NULL, 1)",
    "note_expired_chains(1, 'x', '{}', '{}', '{}')",
    "detach_expired_predictions(1, 'x')",
    "drop_detached_predictions('x')",
    "make_shadow_partition(now())",
)


@pytest.fixture(scope="module")
def logins(module_database: str) -> Iterator[dict[str, Connection]]:
    """A connection of each role to a database with a month of predictions and a table of MLflow."""
    set_passwords(module_database, dict.fromkeys(ROLES, PASSWORD))
    with connect(module_database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT make_prediction_partition(now()); CREATE TABLE mlflow.runs (id int)")
    opened = {role: psycopg2.connect(make_dsn(module_database, user=role, password=PASSWORD)) for role in ROLES}
    for connection in opened.values():
        connection.autocommit = True  # some statements can't run in a transaction
    yield opened
    for connection in opened.values():
        connection.close()


@pytest.fixture(scope="module")
def names(module_database: str, logins: dict[str, Connection]) -> dict[str, str]:
    """Of the owner and of a month's partition, which statements name in braces."""
    with connect(module_database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'prediction_requests'::regclass"
        )
        ((partition,),) = cursor.fetchall()
        cursor.execute("SELECT current_user")
        ((owner,),) = cursor.fetchall()
        return {"{partition}": str(partition), "{owner}": str(owner)}


def attempt(connection: Connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def attempts() -> Iterator[object]:
    for role in ROLES:
        own = {f"SET ROLE {role}", f"ALTER ROLE {role} PASSWORD 'mine'"}
        statements = {*BECOMING, *RUNNING, *CHANGING, *READING, *READING_AS.get(role, ())} - own
        if role == AUDITOR:
            statements -= {"SET SESSION AUTHORIZATION scoring_auditor"}  # who one is already
        if role == MLFLOW:
            statements = {statement for statement in statements if "ROLE scoring_mlflow GRANT" not in statement}
        for statement in sorted(statements):
            yield pytest.param(role, statement, id=f"{role[8:]}: {statement[:60]}")


@pytest.mark.parametrize(("role", "statement"), list(attempts()))
def test_an_intruder_is_refused(
    logins: dict[str, Connection], names: dict[str, str], role: str, statement: str
) -> None:
    for name, value in names.items():
        statement = statement.replace(name, value)
    with pytest.raises(psycopg2.Error) as refusal:
        attempt(logins[role], statement)
    assert isinstance(refusal.value, InsufficientPrivilege), refusal.value


@pytest.mark.parametrize("role", sorted({*ROLES} - {SERVER}))
@pytest.mark.parametrize("call", FUNCTIONS)
def test_functions_with_the_owners_rights_are_for_the_server_only(
    logins: dict[str, Connection], role: str, call: str
) -> None:
    with pytest.raises(InsufficientPrivilege):
        attempt(logins[role], f"SELECT public.{call}")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("make_prediction_partition('infinity')", id="the end of time"),
        pytest.param("make_prediction_partition('-infinity')", id="the beginning of time"),
        pytest.param("make_prediction_partition('4713-01-01 BC')", id="before Christ"),
        pytest.param("make_prediction_partition('99999-01-01')", id="far away"),
        pytest.param("make_prediction_partition('1969-12-31 23:59:59.999999+00')", id="before any clock of ours"),
        pytest.param("make_prediction_partition('2200-01-01 00:00+00')", id="after the last year"),
        pytest.param("make_prediction_partition(NULL)", id="no moment"),
        pytest.param("make_shadow_partition('infinity')", id="shadows of the end of time"),
        pytest.param("make_shadow_partition('1999-12-31')", id="shadows of a month that is not in the log"),
        pytest.param("make_shadow_partition(NULL)", id="shadows of no moment"),
        pytest.param("expired_prediction_partitions(0)", id="the current month"),
        pytest.param("expired_prediction_partitions(-2147483648)", id="months to come"),
        pytest.param("expired_prediction_partitions(NULL)", id="no number"),
        *(
            pytest.param(call.format(month), id=f"{call[:22]} of {month}")
            for call in (
                "expired_chain_ends(1, {}, NULL, 1)",
                "note_expired_chains(1, {}, '{{}}', '{{}}', '{{}}')",
                "detach_expired_predictions(1, {})",
                "drop_detached_predictions({})",
            )
            for month in ("NULL", "'prediction_chains'", "'prediction_requests'", THIS_MONTH, "'x\"; DROP TABLE y; --'")
        ),
        pytest.param(f"detach_expired_predictions(0, {THIS_MONTH})", id="detach, keep nothing"),
        pytest.param(f"expired_chain_ends(0, {THIS_MONTH}, NULL, 1)", id="ends, keep nothing"),
    ],
)
def test_hostile_arguments_of_the_server_are_refused(logins: dict[str, Connection], call: str) -> None:
    with pytest.raises(RaiseException, match="expected"):
        attempt(logins[SERVER], f"SELECT public.{call}")


def test_the_functions_look_up_nothing_where_a_caller_could_put_something(
    module_database: str, logins: dict[str, Connection]
) -> None:
    with connect(module_database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
            " AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(proconfig, '{}'))"
        )
        assert cursor.fetchall() == []


def test_each_function_with_the_owners_rights_is_for_who_needs_it(
    module_database: str, logins: dict[str, Connection]
) -> None:
    with connect(module_database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, array_agg(role ORDER BY role)"
            " FILTER (WHERE has_function_privilege(role, pg_proc.oid, 'EXECUTE'))"
            " FROM pg_proc, unnest(%s) AS role WHERE prosecdef AND pronamespace = 'public'::regnamespace GROUP BY 1",
            (list(ROLES),),
        )
        allowed = dict(cursor.fetchall())
    assert allowed == {
        "make_prediction_partition": [SERVER],
        "expired_prediction_partitions": [SERVER],
        "detached_prediction_months": [SERVER],
        "expired_chain_ends": [SERVER],
        "note_expired_chains": [SERVER],
        "detach_expired_predictions": [SERVER],
        "drop_detached_predictions": [SERVER],
        "make_shadow_partition": [SERVER],
        "count_predictions": [TRAINER],
        "rebuild_drift_hours": [TRAINER],
        "remove_old_reports": [SERVER],
        "decided_requests": [SERVER],
        "applications_beside": [DESK],
        "case_outcomes": [DESK],
        "case_groups": [DESK],
        "record_outcomes": [DESK, SERVER],
    }


def test_no_role_has_a_right_beyond_its_login(module_database: str, logins: dict[str, Connection]) -> None:
    with connect(module_database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND"
            " (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)",
            (list(ROLES),),
        )
        assert cursor.fetchall() == []
        cursor.execute(
            "SELECT member::regrole, roleid::regrole FROM pg_auth_members WHERE member::regrole::text = ANY (%s)",
            (list(ROLES),),
        )
        assert cursor.fetchall() == []
