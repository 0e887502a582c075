"""Login sessions, identified by a secret in a browser's cookie; the database has only its SHA-256."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from typing import Final

from psycopg2.extensions import connection as Connection

from serve.people.account import Account
from serve.people.accounts_table import find_account

IDLE: Final = dt.timedelta(minutes=30)
"""Time after which an idle session ends."""
LONGEST: Final = dt.timedelta(hours=12)
"""Time after which any session ends."""
_SEEN_EVERY: Final = dt.timedelta(minutes=1)
"""Minimum interval between writes of last use, so that most pages write nothing."""
_SECRET_BYTES: Final = 32
_CSRF: Final = b"form of a page"

_BEGIN: Final = "INSERT INTO public.people_sessions (digest, person) VALUES (%s, %s)"
_FIND: Final = """
    SELECT person, seen_at < now() - %(seen_every)s FROM public.people_sessions
    WHERE digest = %(digest)s AND seen_at > now() - %(idle)s AND began_at > now() - %(longest)s
"""
_SEEN: Final = "UPDATE public.people_sessions SET seen_at = now() WHERE digest = %s"
_END: Final = "DELETE FROM public.people_sessions WHERE digest = %s"
_SWEEP: Final = "DELETE FROM public.people_sessions WHERE seen_at <= now() - %s OR began_at <= now() - %s"


def begin_session(connection: Connection, person: str) -> str:
    """Log a person in; returns the secret for the cookie. Removes expired sessions."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP, (IDLE, LONGEST))
        cursor.execute(_BEGIN, (_digest(secret), person))
    return secret


def person_in_session(connection: Connection, secret: str) -> Account | None:
    """The person logged in; None if nobody is, or if the account was disabled."""
    digest = _digest(secret)
    with connection.cursor() as cursor:
        cursor.execute(_FIND, {"digest": digest, "idle": IDLE, "longest": LONGEST, "seen_every": _SEEN_EVERY})
        found = cursor.fetchone()
        if found is None:
            return None
        person, is_to_note = found
        if is_to_note:
            cursor.execute(_SEEN, (digest,))
    account = find_account(connection, person)
    return None if account is None or account.is_disabled else account


def end_session(connection: Connection, secret: str) -> None:
    """Log out; does nothing if nobody is logged in."""
    with connection.cursor() as cursor:
        cursor.execute(_END, (_digest(secret),))


def form_token(secret: str) -> str:
    """CSRF token of this session's forms, which no other site can know."""
    return hmac.new(secret.encode(), _CSRF, hashlib.sha256).hexdigest()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
