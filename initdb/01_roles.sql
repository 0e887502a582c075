-- Roles with no more rights than their program needs. Their grants stand beside the objects they are about; their
-- passwords are set by `python -m initdb`, never in SQL. Every statement here can be run again.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'scoring_server', 'scoring_trainer', 'scoring_auditor', 'scoring_desk', 'scoring_mlflow'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role_name);
        END IF;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO scoring_server, scoring_trainer, scoring_auditor, scoring_desk, scoring_mlflow',
        current_database()
    );
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- Large objects have no owner to ask, so anybody could fill the disk with them. Only a superuser can take that back;
-- any other owner of the database gets a warning here and goes on.
REVOKE EXECUTE ON FUNCTION pg_catalog.lo_create, pg_catalog.lo_creat, pg_catalog.lo_from_bytea FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO scoring_server, scoring_trainer, scoring_auditor, scoring_desk;

-- MLflow makes and migrates its tables itself, so it owns a schema of its own and sees no other.
CREATE SCHEMA IF NOT EXISTS mlflow AUTHORIZATION scoring_mlflow;
ALTER ROLE scoring_mlflow SET search_path = mlflow;
