"""docs/reference/schema.md: tables and views of the database, as a fresh one has them, and each role's rights."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.schema_version import NEWEST_VERSION
from tests.docs.reference.markdown import table

TITLE: Final = "Schema of the database"
INTRODUCTION: Final = f"""\
Tables and views of version {NEWEST_VERSION:04d} of the schema (`initdb/migrations/versions/`), with the rights of each
role other than the owner. Partitions by month are left out. MLflow's tables are in a schema of their own.

"""
_COLUMNS: Final = """
    SELECT c.relname, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END, obj_description(c.oid, 'pg_class'),
        attname, format_type(atttypid, atttypmod), attnotnull, col_description(c.oid, attnum)
    FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
        AND attnum > 0 AND NOT attisdropped
    ORDER BY relname, attnum
"""
_RIGHTS: Final = """
    SELECT c.relname, pg_get_userbyid(grantee), string_agg(lower(privilege_type), ', ' ORDER BY privilege_type)
    FROM pg_class AS c, aclexplode(relacl)
    WHERE relnamespace = 'public'::regnamespace AND grantee <> relowner
    GROUP BY 1, 2 ORDER BY 1, 2
"""
_RIGHTS_OF_COLUMNS: Final = """
    SELECT c.relname, pg_get_userbyid(grantee),
        lower(privilege_type) || ' of ' || string_agg(attname, ', ' ORDER BY attnum)
    FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid, aclexplode(attacl)
    WHERE relnamespace = 'public'::regnamespace GROUP BY 1, 2, privilege_type ORDER BY 1, 2, privilege_type
"""


def schema_page(connection: Connection) -> str:
    """The page, by name of the table or view."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        columns = cursor.fetchall()
        rights: dict[str, dict[str, list[str]]] = {}
        for query in (_RIGHTS, _RIGHTS_OF_COLUMNS):
            cursor.execute(query)
            for name, role, privileges in cursor.fetchall():
                rights.setdefault(name, {}).setdefault(role, []).append(privileges)
    chapters = []
    for (name, kind, comment), rows in groupby(columns, key=lambda row: row[:3]):
        about = f"{_sentence(comment)}\n\n" if comment else ""
        cells = [(f"`{row[3]}`", row[4], "" if row[5] else "may be null", row[6] or "") for row in rows]
        may = [(f"`{role}`", "; ".join(parts)) for role, parts in rights.get(name, {}).items()]
        own = f"\n{table(('role', 'may'), may)}" if may else ""
        chapters.append(f"## `{name}` ({kind})\n\n{about}{table(('column', 'type', 'null', 'meaning'), cells)}{own}")
    return INTRODUCTION + "\n".join(chapters)


def _sentence(comment: str) -> str:
    """Comments may hold JSON beside their first line, which no page needs."""
    return comment.partition("\n")[0]
