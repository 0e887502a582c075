"""The names of the features in the database, by which it knows what its records hold: see `features.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.errors import OtherFeaturesError
from fraud.features import FEATURE_NAMES

_EXISTS: Final = "SELECT to_regclass('public.features') IS NOT NULL"
_READ: Final = "SELECT name FROM public.features ORDER BY position"


def read_stored_features(connection: Connection) -> tuple[str, ...]:
    """In the order of a row's values; none where no start has written them yet."""
    with connection.cursor() as cursor:
        cursor.execute(_EXISTS)
        if cursor.fetchone() != (True,):
            return ()
        cursor.execute(_READ)
        return tuple(name for (name,) in cursor.fetchall())


def new_features(stored: Sequence[str]) -> tuple[str, ...]:
    """The declared features that the database does not know yet.

    Raises:
        OtherFeaturesError: it knows others, or knows them in another order.
    """
    if tuple(stored) != FEATURE_NAMES[: len(stored)]:
        raise OtherFeaturesError(
            f"the database holds the features {', '.join(stored)}; declared are {', '.join(FEATURE_NAMES)}: features "
            "may be added at the end only; for others name another database, or the FEATURES_FILE of this one"
        )
    return FEATURE_NAMES[len(stored) :]


def refuse_other_features(connection: Connection) -> None:
    """Do nothing where the database has the declared features, or none yet.

    Raises:
        OtherFeaturesError: it has others, or some of them only.
    """
    stored = read_stored_features(connection)
    if stored and (missing := new_features(stored)):
        raise OtherFeaturesError(
            f"the database does not know the features {', '.join(missing)}: run `python -m initdb upgrade`"
        )
