"""What a server or the system said, taken out of the error that a library makes of it."""

from __future__ import annotations

import re
from typing import Final

import psycopg2

FOREIGN_ERRORS: Final = (psycopg2.Error, OSError)
"""Errors of libraries that a command may meet anywhere, and that its reader can mend."""

_LEVEL: Final = re.compile(r"\b(FATAL|ERROR|PANIC):\s+")
"""libpq's, before the server's own words."""
_PASSWORD: Final = re.compile(r"//[^/@\s]+@")


def told(error: BaseException) -> str:
    """One line about such an error, without passwords and without a library's words."""
    if isinstance(error, psycopg2.Error):
        return f"PostgreSQL: {postgres_words(error)}"
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return one_line(str(error) or type(error).__name__)


def postgres_words(error: psycopg2.Error) -> str:
    """PostgreSQL's own message; of a server that did not answer, libpq's, which names the address."""
    message = error.diag.message_primary or str(error).strip() or "the connection was lost"
    return one_line(_LEVEL.sub("", message))


def one_line(text: str) -> str:
    """A text in one line; the passwords of addresses in it are left out."""
    return _PASSWORD.sub("//", " ".join(text.split()))
