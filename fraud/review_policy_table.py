"""The journal of review policies in PostgreSQL: all SQL about it."""

from __future__ import annotations

from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.review_policy import Entry, Terms

_READ: Final = """
    SELECT number, entered_at, person, signs, hash, valid_from, threshold, capacity, case_eur, divorce_eur,
        max_wrongly_suspected, control_share, control_key, model_version, encode(model_sha256, 'hex')
    FROM public.review_policies ORDER BY number
"""
_APPEND: Final = """
    INSERT INTO public.review_policies (
        number, entered_at, person, signs, hash, valid_from, threshold, capacity, case_eur, divorce_eur,
        max_wrongly_suspected, control_share, control_key, model_version, model_sha256
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, decode(%s, 'hex'))
"""
_LOCK: Final = "LOCK TABLE public.review_policies IN SHARE ROW EXCLUSIVE MODE"


def read_journal(connection: Connection) -> list[Entry]:
    """All entries, the oldest first; raises psycopg2.Error where PostgreSQL does not answer, or refuses."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        return [
            Entry(number, entered_at, person, None if signs is not None else Terms(*terms), signs, bytes(end))
            for number, entered_at, person, signs, end, *terms in cursor.fetchall()
        ]


def lock_journal(connection: Connection) -> None:
    """Lock the journal until the transaction ends: each entry follows from the one before."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)


def append_entry(connection: Connection, entry: Entry) -> None:
    """Write an entry; counts once the transaction is committed."""
    terms = entry.terms
    values = [None] * 10 if terms is None else [getattr(terms, name) for name in Terms.__struct_fields__]
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, (entry.number, entry.entered_at, entry.person, entry.signs, entry.hash, *values))
