"""Who signs: somebody whom the server knows, by an API key with the role `operate`, or the administrator."""

from __future__ import annotations

import base64
import getpass
import sys

from bench.plan.errors import AdoptionError
from fraud.api_keys import Role
from fraud.database import connect
from fraud.settings import Settings
from fraud.settings.access import ADMIN_USER
from serve.access.authentication import Administrator, Authenticator
from serve.keys.table import read_valid_keys


def asked_for_secret() -> str:
    """An API key or a password, which a terminal does not show; from a pipe it is the first line."""
    if sys.stdin.isatty():
        return getpass.getpass("API key, or password of the administrator: ").strip()
    return sys.stdin.readline().strip()


def person_of(secret: str, settings: Settings) -> str:
    """The name of whoever has the key or password.

    Raises:
        AdoptionError: nobody has it.
        Forbidden: who has it may not change what is served.
        SettingsError: the administrator has no password, or there is no database.
        DatabaseError, psycopg2.Error: PostgreSQL does not answer.
    """
    administrator = Administrator(ADMIN_USER, settings.administrator_password())
    with connect(settings.dsn()) as connection:
        stored = [key.api_key for key in read_valid_keys(connection)]
    known = Authenticator([*settings.api_keys, *stored], administrator)
    login = base64.b64encode(f"{administrator.user}:{secret}".encode())
    caller = known.identify(b"Bearer " + secret.encode()) or known.identify(b"Basic " + login)
    if caller is None or not secret:
        raise AdoptionError("no such key or password: `python -m serve.keys add NAME --role operate` makes a key")
    caller.require(Role.OPERATE)
    return caller.name
