"""Clients that note which of their requests were answered, and how."""

from __future__ import annotations

import http.client
import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from fraud.api_keys import bearer
from fraud.features import EXAMPLE_INSTANCE

ROWS: Final = 20
APPLICATION_ID: Final = "Müller-7"
"""Of every row: in another encoding it is another text."""
BODY: Final = json.dumps({"instances": [{**EXAMPLE_INSTANCE, "application_id": APPLICATION_ID}] * ROWS}).encode()
TIMEOUT_S: Final = 10.0
PAUSE_S: Final = 0.01
"""After a connection broke: its server was killed, and the next one has to start."""


@dataclass
class Load:
    """Each client sends a request after the other, every one with an id of its own.

    With `keys` each request has an Idempotency-Key too, and is sent again until it is answered.
    """

    port: int
    api_key: str
    keys: bool = False
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    answered: set[str] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    """How often each status came."""
    broken: int = 0
    """Requests whose connection ended without an answer."""
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def statuses(self) -> set[int]:
        """The statuses that came."""
        return set(self.answers)

    @property
    def sent(self) -> int:
        """Requests that were sent, repetitions counted."""
        return self.answers.total() + self.broken

    @contextmanager
    def running(self, clients: int = 4) -> Iterator[None]:
        """Load the server for as long as the block lasts."""
        threads = [threading.Thread(target=self._send_until_stopped, args=(client,)) for client in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _send_until_stopped(self, client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        number = 0
        while not self._stop.is_set():
            request_id = f"{self.name}-{client}-{number}"
            number += 1
            while not self._send(connection, request_id) and self.keys:
                continue
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, request_id: str) -> bool:
        """Whether the request was answered with probabilities."""
        headers = {"Content-Type": "application/json", "X-Request-ID": request_id, **bearer(self.api_key)}
        if self.keys:
            headers["Idempotency-Key"] = request_id
        try:
            connection.request("POST", "/batch_predict", body=BODY, headers=headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self.broken += 1
            self._stop.wait(PAUSE_S)
            return False
        self.answers[answer.status] += 1
        if answer.status == 200:
            self.answered.add(request_id)
        return answer.status == 200
