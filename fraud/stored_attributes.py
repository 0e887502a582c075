"""Attributes of applicants other than features, from the table `applicant_groups`; no model reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg2 import Error as PostgresError
from psycopg2.extensions import connection as Connection

from fraud.errors import DatabaseError
from fraud.foreign_errors import postgres_words

_ATTRIBUTES: Final = "SELECT DISTINCT attribute FROM applicant_groups ORDER BY attribute"
_VALUES: Final = "SELECT application_id, value FROM applicant_groups WHERE attribute = %s"
_VALUES_BY_HASH: Final = "SELECT hashtextextended(application_id, 0), value FROM applicant_groups WHERE attribute = %s"


def attribute_values(connection: Connection) -> dict[str, dict[str | None, str]]:
    """Of each attribute, who has which value: by application id. Without any, {}.

    Raises:
        DatabaseError: PostgreSQL refuses.
    """
    return {attribute: dict(pairs) for attribute, pairs in _pairs_by_attribute(connection, _VALUES)}


def read_attributes(
    connection: Connection, ids: Sequence[str | None] | NDArray[np.object_]
) -> dict[str, NDArray[np.object_]]:
    """Values [N] by attribute of the applications of these ids; None where one has none. Without any, {}.

    Raises:
        DatabaseError: PostgreSQL refuses.
    """
    return {
        attribute: np.array([values.get(name) for name in ids], object)
        for attribute, values in attribute_values(connection).items()
    }


def read_attributes_by_hash(connection: Connection, hashes: NDArray[np.int64]) -> dict[str, NDArray[np.object_]]:
    """As `read_attributes`, for applications of which only PostgreSQL's `hashtextextended(id, 0)` is known.

    Raises:
        DatabaseError: PostgreSQL refuses.
    """
    found = {}
    for attribute, pairs in _pairs_by_attribute(connection, _VALUES_BY_HASH):
        pairs.sort()
        known = np.array([one for one, _ in pairs], np.int64)
        values = np.array([*(value for _, value in pairs), None], object)
        places = np.searchsorted(known, hashes)
        is_known = np.append(known, 0)[places] == hashes
        found[attribute] = values[np.where(is_known & (places < known.size), places, known.size)]
    return found


def _pairs_by_attribute(connection: Connection, query: str) -> Iterator[tuple[str, list[tuple[Any, str]]]]:
    """Each attribute with who has which value of it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ATTRIBUTES)
            for (attribute,) in cursor.fetchall():
                cursor.execute(query, (attribute,))
                yield attribute, cursor.fetchall()
    except PostgresError as error:
        reason = postgres_words(error)
        raise DatabaseError(
            f"table applicant_groups can't be read: {reason}; `python -m initdb upgrade` makes it where it is lacking"
        ) from error
