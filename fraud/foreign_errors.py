"""The message of a server or the system, extracted from a library's error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

import psycopg2

from fraud.errors import ProjectError

FOREIGN_ERRORS: Final = (psycopg2.Error, OSError)
"""Errors of libraries that may occur in any command, and that its reader can correct."""

MESSAGE_CHARACTERS: Final = 300
"""Of an answer that is no error of ours: it may be a page."""
_LEVEL: Final = re.compile(r"\b(FATAL|ERROR|PANIC):\s+")
"""libpq's, before the server's own words."""
_PASSWORD: Final = re.compile(r"//[^/@\s]+@")
_RETRIED: Final = re.compile(r"too many (\d{3}) error responses")
"""urllib3's words for answers whose bodies it has not kept."""
_TAG: Final = re.compile(r"<[^>]*>")


def told(error: BaseException) -> str:
    """One line about such an error, without passwords and without a library's words; an error of ours is its own."""
    if isinstance(error, ProjectError):
        return str(error)
    if isinstance(error, psycopg2.Error):
        return f"PostgreSQL: {postgres_words(error)}"
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return why_unanswered(error)


def postgres_words(error: psycopg2.Error) -> str:
    """PostgreSQL's own message; of a server that did not answer, libpq's, which names the address.

    The details after the message are left out, since they can quote data.
    """
    message = error.diag.message_primary or str(error).strip() or "the connection was lost"
    return one_line(_LEVEL.sub("", message))


def why_unanswered(error: BaseException) -> str:
    """Why a server did not answer: the system's message, which libraries wrap several times."""
    reasons = [reason for fault in _chain(error) if (reason := _reason(fault))]
    return one_line(reasons[-1] if reasons else str(error) or type(error).__name__)


def refusal(status: int, body: bytes) -> str:
    """A server's refusal: its status, and the message of its error, in any of its formats."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = _TAG.sub(" ", body.decode(errors="replace"))
    if isinstance(answer, dict) and "error" in answer:
        answer = answer["error"]
    if isinstance(answer, dict):
        answer = answer.get("message", answer)
    return f"{status}: {one_line(str(answer))[:MESSAGE_CHARACTERS]}".removesuffix(": ")


def one_line(text: str) -> str:
    """A text in one line; the passwords of addresses in it are left out."""
    return _PASSWORD.sub("//", " ".join(text.split()))


def _chain(error: BaseException) -> Iterator[BaseException]:
    fault: BaseException | None = error
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__


def _reason(fault: BaseException) -> str | None:
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    if found := _RETRIED.fullmatch(str(fault)):
        return f"it answered {found.group(1)}, more than once"
    return "no answer in time" if "timeout" in type(fault).__name__.lower() else None
