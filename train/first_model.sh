#!/bin/sh
# What a stack needs before it can serve: tables, logins, reference applications, and a model in production.
# Harmless when run again. What trains gets no login but the trainer's.
set -eu
python -m initdb
exec env -u POSTGRES_PASSWORD -u SERVER_DB_PASSWORD -u AUDITOR_DB_PASSWORD -u DESK_DB_PASSWORD -u MLFLOW_DB_PASSWORD \
    python -m train --promote-first --only-first
