"""The declared features in the database: their names, and a column of each in the table of applications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from fraud.feature_file import Feature
from fraud.features import FEATURE_NAMES, FEATURES
from fraud.stored_features import new_features, read_stored_features
from initdb.errors import FeatureColumnError
from initdb.training_table import TABLE, has_rows

_COLUMNS: Final = """
    SELECT attname, attnotnull FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
        AND attname NOT IN ('application_id', 'Date', 'Divorce')
"""
_NAME: Final = sql.SQL("INSERT INTO public.features VALUES ({}, {}) ON CONFLICT DO NOTHING")
_INTEGER: Final = sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} integer CHECK ({} >= {})")
_REAL: Final = sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} real CHECK ({} >= {})")
_MAY_BE_NULL: Final = sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL")
_NOT_NULL: Final = sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL")
_MADE_WITH: Final = (
    *("Client_Income", "Credit_Amount", "Loan_Annuity", "Age_Days", "Employed_Days", "Registration_Days", "ID_Days"),
    *("Phone_Change", "Credit_Bureau", "Education_Days"),
)
"""Columns of the table as `v0002_training_data.sql` makes it."""


def declare_features(connection: Connection) -> None:
    """Write the declared features into a database of the newest version; nothing is locked where they are there.

    Raises:
        OtherFeaturesError: its records hold others.
        FeatureColumnError: applications are loaded that lack a feature which may not be missing.
    """
    stored = read_stored_features(connection)
    is_new = len(new_features(stored)) == len(FEATURES) and not has_rows(connection)
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, (TABLE.as_string(connection),))
        is_not_null: dict[str, bool] = dict(cursor.fetchall())
        names = [_name(position) for position in range(len(stored), len(FEATURES))]
        changes = [*names, *_column_statements(is_not_null, drops_others=is_new)]
        try:
            if changes:
                cursor.execute(sql.SQL("{}").format(sql.SQL("; ").join(changes)))
        except psycopg2.errors.NotNullViolation as error:
            raise FeatureColumnError(
                f"applications are loaded that have no {error.diag.column_name}: declare that it may be missing, or "
                "load applications that have it (`python -m initdb --force`)"
            ) from error
    connection.commit()


def statements_for_no_rows() -> Iterator[sql.Composed]:
    """The same for a database whose table of applications is empty, as statements that may run again."""
    for position in range(len(FEATURES)):
        yield _name(position)
    # Whatever the columns are, they become what is declared.
    others = {feature.name: feature.may_be_missing for feature in FEATURES}
    yield from _column_statements(dict.fromkeys(_MADE_WITH, True) | others, drops_others=True)


def _name(position: int) -> sql.Composed:
    return _NAME.format(sql.Literal(position + 1), sql.Literal(FEATURE_NAMES[position]))


def _column_statements(is_not_null: Mapping[str, bool], *, drops_others: bool) -> Iterator[sql.Composed]:
    """The changes that columns need, from whether they are NOT NULL."""
    for name in is_not_null:
        if name not in FEATURE_NAMES and drops_others:
            yield sql.SQL("ALTER TABLE {} DROP COLUMN IF EXISTS {}").format(TABLE, sql.Identifier(name))
    for feature in FEATURES:
        if feature.name not in is_not_null or drops_others:
            yield _new_column(feature)
        if is_not_null.get(feature.name, False) == feature.may_be_missing:
            change = _MAY_BE_NULL if feature.may_be_missing else _NOT_NULL
            yield change.format(TABLE, sql.Identifier(feature.name))


def _new_column(feature: Feature) -> sql.Composed:
    name = sql.Identifier(feature.name)
    column = _INTEGER if feature.integral else _REAL
    return column.format(TABLE, name, name, sql.Literal(feature.minimum))
