"""What applicants are grouped by beside the features, from the table `applicant_groups`; no model reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg2 import Error as PostgresError
from psycopg2.extensions import connection as Connection

from fraud.errors import DatabaseError

_ATTRIBUTES: Final = "SELECT DISTINCT attribute FROM applicant_groups ORDER BY attribute"
_VALUES: Final = "SELECT application_id, value FROM applicant_groups WHERE attribute = %s"


def read_attributes(
    connection: Connection, ids: Sequence[str | None] | NDArray[np.object_]
) -> dict[str, NDArray[np.object_]]:
    """Values [N] by attribute of the applications of these ids; None where one has none. Without any, {}.

    Raises:
        DatabaseError: PostgreSQL refuses.
    """
    found = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ATTRIBUTES)
            for (attribute,) in cursor.fetchall():
                cursor.execute(_VALUES, (attribute,))
                values = dict(cursor.fetchall())
                found[attribute] = np.array([values.get(name) for name in ids], object)
    except PostgresError as error:
        reason = " ".join(str(error).split())
        raise DatabaseError(
            f"table applicant_groups can't be read: {reason}; `python -m initdb upgrade` makes it where it is lacking"
        ) from error
    return found
