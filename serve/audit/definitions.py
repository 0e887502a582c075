"""What the log's tables, views and functions do is part of what an auditor is shown: is it what was installed?

A changed view can show other values than the records hold, a trigger can change what is written, and a rule or a policy
can hide rows. So the catalogue is compared with `definitions.json`, which a test keeps equal to a fresh database's.
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
"""Kinds of which none may be there that was not installed; views and functions of others do no harm."""

_NO_PATH: Final = "SELECT set_config('search_path', '', true)"
"""So that PostgreSQL writes each name with its schema."""

_READ: Final = """
    WITH ours AS (
        SELECT oid, oid::regclass::text AS name FROM pg_catalog.pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
    ), log AS (
        SELECT oid, name FROM ours WHERE name IN (
            'public.prediction_requests', 'public.prediction_chains', 'public.prediction_erasures',
            'public.application_outcomes', 'public.features', 'public.review_policies', 'public.person_events',
            'public.cases', 'public.case_events', 'public.case_contents'
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
    """What a database holds besides rows: kind -> name -> definition."""

    postgres: int
    """The major version; others write views in other words."""
    by_kind: Mapping[str, Mapping[str, str]]


@cache
def installed() -> Definitions:
    """What the newest version of the schema installs."""
    return msgspec.json.decode(FILE.read_bytes(), type=Definitions)


def read_definitions(connection: Connection) -> Definitions:
    """What is there; names are written with their schema for the rest of the transaction."""
    found: dict[str, dict[str, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_NO_PATH)
        cursor.execute(_READ)
        for kind, name, definition in cursor.fetchall():
            found.setdefault(kind, {})[name] = definition
    return Definitions(connection.server_version // 10_000, found)


def check_definitions(connection: Connection) -> Iterator[Finding]:
    """Each one that is not as it was installed, or is there besides and could change what is written or shown."""
    version = read_version(connection)
    if version < NEWEST_VERSION:
        yield Finding(
            Fault.UNWITNESSED,
            f"the schema has version {version}, so its views and functions are not compared: run `python -m initdb "
            "upgrade`, and verify again",
        )
        return
    if (stored := read_stored_features(connection)) != FEATURE_NAMES:
        yield Finding(
            Fault.CHANGED,
            f"the features are called {', '.join(stored)} in public.features; declared are {', '.join(FEATURE_NAMES)}: "
            "views show values under wrong names",
        )
    found, expected = read_definitions(connection), installed()
    for kind, definitions in expected.by_kind.items():
        if kind == "view" and found.postgres != expected.postgres:
            yield Finding(
                Fault.UNWITNESSED,
                f"views are written otherwise by PostgreSQL {found.postgres} than by {expected.postgres}, whose "
                "definitions are known: compare them by hand with initdb/migrations",
            )
            continue
        there = found.by_kind.get(kind, {})
        for name, definition in definitions.items():
            if name not in there:
                yield Finding(Fault.MISSING, f"{kind} {name} is not there")
            elif there[name] != definition:
                yield Finding(
                    Fault.CHANGED, f"{kind} {name} is not as it was installed: {' '.join(there[name].split())}"
                )
    for kind in _OWN_WAY:
        for name in found.by_kind.get(kind, {}).keys() - expected.by_kind.get(kind, {}).keys():
            yield Finding(Fault.FORGED, f"{kind} {name} was not installed by this program")
