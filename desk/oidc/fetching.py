"""One request to the provider: bounded in time and size, answered in JSON, and led nowhere else."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
import msgspec

from desk.oidc.errors import ProviderAway, ProviderWrong
from fraud.confidential_address import is_confidential
from fraud.foreign_errors import why_unanswered

logger = logging.getLogger(__name__)

TIMEOUT: Final = httpx.Timeout(5.0, connect=3.0)
LONGEST_S: Final = 10.0
"""Time for a whole answer."""
MOST_BYTES: Final = 256 * 1024
AT_ONCE: Final = 8
"""Requests at the same time: a provider that hangs must leave threads for the other pages."""
_AWAY: Final = "The login provider does not answer. Try again in a while."

Answer = tuple[int, bytes]
"""Status and body."""


class Fetcher:
    """Asks the provider; threads share it."""

    def __init__(self, timeout: httpx.Timeout = TIMEOUT, longest_s: float = LONGEST_S) -> None:
        self._client = httpx.Client(verify=ssl.create_default_context(), timeout=timeout, follow_redirects=False)
        self._longest_s = longest_s
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def get(self, url: str) -> Any:
        """What is there, as JSON.

        Raises:
            ProviderAway, ProviderWrong: nothing that could be read.
        """
        status, body = self._ask("GET", url)
        if status != httpx.codes.OK:
            raise ProviderWrong(f"The login provider answered with status {status}: tell an administrator.")
        return parsed(body)

    def post(self, url: str, form: Mapping[str, str], login: tuple[str, str] | None) -> Answer:
        """Status and body of the answer to a form; `login`: name and password of HTTP Basic.

        Raises:
            ProviderAway, ProviderWrong: there is none.
        """
        return self._ask("POST", url, data=form, auth=login)

    def _ask(self, method: str, url: str, **about: Any) -> Answer:
        refuse_readable(url)
        # As it is: an answer of a few bytes could unfold to many.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        ends = time.monotonic() + self._longest_s
        with self._place():
            try:
                with self._client.stream(method, url, headers=headers, **about) as answer:
                    return answer.status_code, _body_of(answer, ends)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                logger.warning("the login provider does not answer: %s", why_unanswered(error))
                raise ProviderAway(_AWAY) from None

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise ProviderAway("Too many people log in at the moment. Try again in a few seconds.")
        try:
            yield
        finally:
            self._places.release()


def parsed(body: bytes) -> Any:
    """An answer's JSON.

    Raises:
        ProviderWrong: it is none.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProviderWrong("The login provider's answer can't be read: tell an administrator.") from None


def refuse_readable(url: str) -> None:
    """Let an address pass whose answers nobody else can read or change: by HTTPS, or on this machine.

    Raises:
        ProviderWrong: it is another one.
    """
    if not is_confidential(url):
        raise ProviderWrong("The login provider names an address that is not encrypted: tell an administrator.")


def _body_of(answer: httpx.Response, ends: float) -> bytes:
    body = bytearray()
    for piece in answer.iter_raw():
        body += piece
        if len(body) > MOST_BYTES:
            raise ProviderWrong("The login provider's answer is too long: tell an administrator.")
        if time.monotonic() > ends:
            raise ProviderAway(_AWAY)
    return bytes(body)
