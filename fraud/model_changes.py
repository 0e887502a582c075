"""The table `model_changes`: which version came into production when, and by whom. All SQL about it.

The registry knows only the present production version; commands that change it record the change here.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection

from fraud.database import connect
from fraud.errors import DatabaseError

logger = logging.getLogger(__name__)

APPLICATION_NAME: Final = "model change"

_NOTE: Final = """
    INSERT INTO public.model_changes (model_name, act, version, before, person)
    SELECT %(model_name)s, %(act)s, %(version)s, %(before)s, %(person)s
    WHERE (SELECT version FROM public.model_changes WHERE model_name = %(model_name)s ORDER BY number DESC LIMIT 1)
        IS DISTINCT FROM %(version)s
"""
"""Once: the next command finishes a killed promotion, and can't know whether it was recorded."""
_LIST: Final = """
    SELECT at, act, version, before, person FROM public.model_changes
    WHERE model_name = %s ORDER BY number DESC LIMIT %s
"""


class Act(StrEnum):
    """How a version came into production."""

    PROMOTION = "promotion"
    ROLLBACK = "rollback"


class ModelChange(msgspec.Struct, frozen=True):
    """A version came into production."""

    at: dt.datetime
    act: str
    version: int
    before: int | None
    """The version before; None: there was none."""
    person: str


def note_change(dsn: str, model_name: str, act: Act, version: int, *, before: int | None, person: str) -> None:
    """Record once that a version is in production.

    If the database refuses, only log it: the change has happened, and is not undone.
    """
    values = {"model_name": model_name, "act": act, "version": version, "before": before, "person": person}
    try:
        with connect(dsn, APPLICATION_NAME) as connection, connection.cursor() as cursor:
            cursor.execute(_NOTE, values)
    except (DatabaseError, psycopg2.Error) as error:
        logger.warning("the change is not in the history of versions (%s)", str(error).partition("\n")[0])


def list_changes(connection: Connection, model_name: str, most: int) -> Sequence[ModelChange]:
    """The newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_LIST, (model_name, most))
        return [ModelChange(*found) for found in cursor.fetchall()]
