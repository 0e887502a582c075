"""Who signs: somebody whom the server knows, by an API key with the role `operate`, or the administrator."""

from __future__ import annotations

import base64
import getpass
import sys

from bench.plan.errors import AdoptionError
from fraud.api_keys import Role
from fraud.settings import Settings
from serve.access.authentication import Administrator, Authenticator


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
        SettingsError: the administrator has no password.
    """
    administrator = Administrator(settings.admin_user, settings.administrator_password())
    known = Authenticator(settings.api_keys, administrator)
    login = base64.b64encode(f"{administrator.user}:{secret}".encode())
    caller = known.identify(b"Bearer " + secret.encode()) or known.identify(b"Basic " + login)
    if caller is None or not secret:
        raise AdoptionError(
            "nobody is known by that key or password: `python -m serve.keys new NAME --role operate` makes a key, "
            "which counts once its entry is in API_KEYS"
        )
    caller.require(Role.OPERATE)
    return caller.name
