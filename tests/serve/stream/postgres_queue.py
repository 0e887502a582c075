"""Queues of PostgreSQL, made as an operator makes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from psycopg2.extras import execute_values

import serve.stream
from fraud.database import connect
from tests.serve.prediction_log_rows import fetch

TABLES = Path(serve.stream.__file__).with_name("postgres_queue.sql")


def make_queue(dsn: str, bodies: Sequence[bytes]) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(TABLES.read_text())
        execute_values(
            cursor, "INSERT INTO stream.applications (body) VALUES %s", [(body.decode(),) for body in bodies]
        )


def read_queue(dsn: str) -> tuple[list[tuple[int, dict[str, Any]]], list[tuple[int, str]]]:
    """Answers, and reasons of dead letters, by the place of the application; all applications are settled."""
    answers: list[Any] = fetch(dsn, "SELECT id, body FROM stream.answers")
    dead: list[Any] = fetch(dsn, "SELECT id, reason FROM stream.dead_letters")
    first = min(key for key, _ in [*answers, *dead])
    return [(key - first, json.loads(body)) for key, body in answers], [(key - first, reason) for key, reason in dead]
