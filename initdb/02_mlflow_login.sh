#!/bin/sh
# MLflow opens the database before `python -m initdb` runs, which sets all logins: this one is set on the first start.
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --no-password --no-psqlrc --set ON_ERROR_STOP=1 <<'SQL'
\getenv password MLFLOW_DB_PASSWORD
ALTER ROLE scoring_mlflow PASSWORD :'password';
SQL
