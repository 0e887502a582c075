"""Answers whose records are not in PostgreSQL yet: a check of the running day waits for them, or says what it lacks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from fraud.foreign_errors import refusal, why_unanswered
from fraud.server_addresses import ServerAddress
from fraud.server_request import ask_server

OLDEST: Final = "scoring_prediction_log_oldest_record_seconds"
RECORDS: Final = "scoring_prediction_log_waiting_records"

STALE_S: Final = 2.5
"""The server looks at its spool once a second, and records gather for a moment."""
PATIENCE_S: Final = 60.0
POLL_S: Final = 0.5
REQUEST_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Spool:
    """What waited when the server looked last."""

    records: int
    oldest_s: float
    """Age of the oldest record; 0 when none waits."""


@dataclass(frozen=True, slots=True)
class ServerMetrics:
    """Asks one server, with a login that may read."""

    address: ServerAddress
    user: str
    password: str

    def spool(self) -> Spool:
        """The state of its spool; httpx.HTTPError when it does not answer, ValueError when it does not say."""
        timeout = httpx.Timeout(REQUEST_TIMEOUT_S)
        answer = ask_server(self.address, "GET", "/metrics", timeout, auth=(self.user, self.password))
        if answer.status_code != HTTPStatus.OK:
            raise ValueError(f"it answered {refusal(answer.status_code, answer.content)}")
        found = {
            sample.name: sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
            if sample.name in {OLDEST, RECORDS}
        }
        if found.keys() != {OLDEST, RECORDS}:
            raise ValueError(f"its metrics lack {OLDEST} or {RECORDS}")
        return Spool(int(found[RECORDS]), found[OLDEST])


def wait_for_records(server: ServerMetrics, patience_s: float = PATIENCE_S) -> str | None:
    """Return once all that was answered before this call is in PostgreSQL; else a sentence on what may be lacking."""
    begun_s = time.monotonic()
    while True:
        try:
            spool = server.spool()
        except (httpx.HTTPError, ValueError) as error:
            said = f"{server.address} does not say whether records wait ({why_unanswered(error)})"
            return f"{said}: the newest answers may be missing"
        elapsed_s = time.monotonic() - begun_s
        # All waiting records are younger than this call, even by the server's last observation.
        if elapsed_s >= STALE_S + spool.oldest_s:
            return None
        if elapsed_s >= patience_s:
            return f"{spool.records:,} records of {server.address} still wait for PostgreSQL: they are not counted"
        time.sleep(POLL_S)
