"""Officers at the desk: each takes the next case, notes a first view, and decides, a page every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import httpx
from psycopg2.extensions import connection as Connection

from bench.experiments.pages.reader import TIMEOUT_S, Loads
from bench.experiments.site.errors import SiteError
from serve.cases.table import open_case
from serve.people.account import Account, PersonRole
from serve.people.accounts_table import add_account
from serve.people.passwords import hash_password, one_time_password
from serve.people.sessions import begin_session, form_token

COOKIE: Final = "session"
TOKEN: Final = "form_token"  # noqa: S105 - the name of a field
DESK: Final = "/desk"
PAGES_A_CASE: Final = 4
_REQUESTS: Final = """
    SELECT chain_id::text, sequence, recorded_at FROM public.prediction_requests ORDER BY received_at DESC LIMIT %s
"""


def open_cases(connection: Connection, number: int) -> int:
    """Make cases of the newest answers on record; returns their number."""
    with connection.cursor() as cursor:
        cursor.execute(_REQUESTS, (number,))
        found = cursor.fetchall()
    for place, (chain, sequence, recorded_at) in enumerate(found):
        facts = {"chain_id": chain, "sequence": sequence, "row": 0, "recorded_at": recorded_at, "due_at": recorded_at}
        open_case(connection, "bench", facts, {"application_id": f"A-{place}"})
    return len(found)


def sessions(connection: Connection, number: int) -> list[str]:
    """Secrets of the sessions of this number of officers."""
    password = hash_password(one_time_password())
    secrets = []
    for place in range(number):
        name = f"officer-{place}"
        add_account(connection, Account(name, frozenset({PersonRole.REVIEW}), password))
        secrets.append(begin_session(connection, name))
    return secrets


class Officers:
    """So many browsers, together at a steady pace of pages."""

    def __init__(self, url: str, secrets: Sequence[str], pages_per_s: float) -> None:
        self._officers = [_Officer(url, secret, self._load) for secret in secrets]
        self._interval_s = len(secrets) / pages_per_s
        self._lock = threading.Lock()
        self._loads: dict[str, Loads] = {}

    def warm_up(self) -> None:
        """Work one case: the first reasons that a version is asked for wait until it is loaded."""
        for _ in range(PAGES_A_CASE):
            self._officers[0].next_page()
        self._loads.clear()

    @property
    def pages(self) -> list[Loads]:
        """What was loaded, by what it is."""
        return list(self._loads.values())

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All of them work until the block ends.

        Raises:
            SiteError: a page was not shown.
        """
        over, failed = threading.Event(), list[Exception]()
        threads = [
            threading.Thread(
                target=self._work, args=(officer, place * self._interval_s / len(self._officers), over, failed)
            )
            for place, officer in enumerate(self._officers)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
        if failed:
            raise SiteError(f"a page was not shown: {failed[0]}")

    def _work(self, officer: _Officer, begin_s: float, over: threading.Event, failed: list[Exception]) -> None:
        try:
            over.wait(begin_s)
            while not over.is_set():
                begun = time.perf_counter()
                officer.next_page()
                over.wait(max(0.0, self._interval_s - (time.perf_counter() - begun)))
        except (SiteError, httpx.HTTPError) as error:
            failed.append(error)

    def _load(self, kind: str, page_bytes: int, took_s: float) -> None:
        with self._lock:
            self._loads.setdefault(kind, Loads(kind, page_bytes, 0)).seconds.append(took_s)


class _Officer:
    """One browser: where it is in a case, it goes on from there."""

    def __init__(self, url: str, secret: str, note: Callable[[str, int, float], None]) -> None:
        headers = {"Sec-Fetch-Site": "same-origin"}
        self._client = httpx.Client(base_url=url, cookies={COOKIE: secret}, headers=headers, timeout=TIMEOUT_S)
        self._token = {TOKEN: form_token(secret)}
        self._note = note
        self._steps = self._case_after_case()

    def next_page(self) -> None:
        """One more page, with what was sent for it."""
        next(self._steps)

    def _case_after_case(self) -> Iterator[None]:
        while True:
            self._ask("the queue", "GET", DESK)
            yield
            case = self._ask("a case that was taken", "POST", DESK).url.path
            yield
            self._ask("a first view", "POST", case, act="viewed_first", view="concern", words="the contract looks odd")
            yield
            said = {"ground_papers": "on", "words": "the payslips are in order"}
            self._ask("a decision", "POST", case, act="cleared", **said)
            yield

    def _ask(self, kind: str, method: str, path: str, **form: str) -> httpx.Response:
        begun = time.perf_counter()
        sent = None if method == "GET" else {**self._token, **form}
        answer = self._client.request(method, path, follow_redirects=True, data=sent)
        self._note(kind, len(answer.content), time.perf_counter() - begun)
        if answer.status_code != httpx.codes.OK:
            raise SiteError(f"{kind}: {path} answered {answer.status_code}: {answer.text[:200]}")
        return answer
