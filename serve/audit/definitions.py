"""Compares the log's tables, views and functions, on which an audit depends, with the installed ones.

A changed view can show other values than the records have, a trigger can change values when they are written, and a
rule or a policy can hide rows. So the catalogue is compared with `definitions.json`, which a test keeps equal to a
fresh database's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

from fraud.features import FEATURE_NAMES
from fraud.schema_version import NEWEST_VERSION, read_version
from fraud.stored_features import read_stored_features
from serve.audit.findings import Fault, Finding

FILE: Final = Path(__file__).with_name("definitions.json")

_OWN_WAY: Final = frozenset({"trigger", "rule", "policy"})
"""Kinds that must not exist unless installed; additional views and functions are harmless."""

_NO_PATH: Final = "SELECT set_config('search_path', '', true)"
"""So that PostgreSQL writes each name with its schema."""

_READ: Final = """
    WITH ours AS (
        SELECT oid, oid::regclass::text AS name FROM pg_catalog.pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
    ), log AS (
        SELECT oid, name FROM ours WHERE name IN (
            'public.prediction_requests', 'public.prediction_chains', 'public.prediction_erasures',
            'public.outcomes', 'public.label_submissions', 'public.features', 'public.review_policies',
            'public.person_events', 'public.cases', 'public.case_events', 'public.case_contents'
        )
    )
    SELECT 'view', name, pg_get_viewdef(oid) FROM ours JOIN pg_catalog.pg_class USING (oid) WHERE relkind = 'v'
    UNION ALL
    SELECT 'function', oid::regprocedure::text, pg_get_functiondef(oid) FROM pg_catalog.pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
    UNION ALL
    SELECT 'trigger', name || ' ' || tgname, pg_get_triggerdef(t.oid)
        FROM pg_catalog.pg_trigger AS t JOIN ours ON ours.oid = tgrelid WHERE NOT tgisinternal
    UNION ALL
    SELECT 'rule', name || ' ' || rulename, pg_get_ruledef(r.oid)
        FROM pg_catalog.pg_rewrite AS r JOIN ours ON ours.oid = ev_class WHERE rulename <> '_RETURN'
    UNION ALL
    SELECT 'policy', name || ' ' || polname, coalesce(pg_get_expr(polqual, polrelid), '')
        FROM pg_catalog.pg_policy JOIN ours ON ours.oid = polrelid
    UNION ALL
    SELECT 'constraint', name || ' ' || conname, pg_get_constraintdef(c.oid)
        FROM pg_catalog.pg_constraint AS c JOIN log ON log.oid = conrelid WHERE contype IN ('c', 'p')
    UNION ALL
    SELECT 'column', name || '.' || attname, concat_ws(
            ' ', format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END,
            nullif(attgenerated::text, ''), pg_get_expr(adbin, adrelid)
        )
        FROM pg_catalog.pg_attribute JOIN log ON log.oid = attrelid
        LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attnum > 0 AND NOT attisdropped
"""


class Definitions(msgspec.Struct, frozen=True):
    """The definitions in a database: kind -> name -> definition."""

    postgres: int
    """PostgreSQL's major version; each version formats views differently."""
    by_kind: Mapping[str, Mapping[str, str]]


@cache
def installed() -> Definitions:
    """The definitions of the newest schema version."""
    return msgspec.json.decode(FILE.read_bytes(), type=Definitions)


def read_definitions(connection: Connection) -> Definitions:
    """Read the definitions in the database; names include their schema for the rest of the transaction."""
    found: dict[str, dict[str, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_NO_PATH)
        cursor.execute(_READ)
        for kind, name, definition in cursor.fetchall():
            found.setdefault(kind, {})[name] = definition
    return Definitions(connection.server_version // 10_000, found)


def check_definitions(connection: Connection) -> Iterator[Finding]:
    """Yield each definition that differs from the installed one, or that is additional and could change what is written
    or shown.
    """
    version = read_version(connection)
    if version < NEWEST_VERSION:
        yield Finding(
            Fault.UNWITNESSED,
            f"the schema has version {version}, so its views and functions were not compared: run `python -m initdb "
            f"upgrade`, and verify again",
        )
        return
    if (stored := read_stored_features(connection)) != FEATURE_NAMES:
        yield Finding(
            Fault.CHANGED,
            f"the features in public.features are {', '.join(stored)}, but {', '.join(FEATURE_NAMES)} are declared: "
            f"views show values under wrong names",
        )
    found, expected = read_definitions(connection), installed()
    for kind, definitions in expected.by_kind.items():
        if kind == "view" and found.postgres != expected.postgres:
            yield Finding(
                Fault.UNWITNESSED,
                f"PostgreSQL {found.postgres} formats views differently from {expected.postgres}, whose definitions "
                f"are known: compare them manually with initdb/migrations",
            )
            continue
        there = found.by_kind.get(kind, {})
        for name, definition in definitions.items():
            if name not in there:
                yield Finding(Fault.MISSING, f"{kind} {name} is missing")
            elif there[name] != definition:
                yield Finding(
                    Fault.CHANGED, f"{kind} {name} differs from the installed one: {' '.join(there[name].split())}"
                )
    for kind in _OWN_WAY:
        for name in found.by_kind.get(kind, {}).keys() - expected.by_kind.get(kind, {}).keys():
            yield Finding(Fault.FORGED, f"{kind} {name} was not installed by this program")
