"""Locust users: one application, or a batch, with fresh rows in each request."""

from __future__ import annotations

from typing import Any, Final

from locust import FastHttpUser, constant, constant_throughput, task

from bench.applications import Applications, request_headers

SEED: Final = 1


class ScoringUser(FastHttpUser):
    """Sends one request after the other; subclasses say which."""

    abstract = True
    wait_time = constant(0)
    applications: Applications
    api_key: str | None = None
    """What a server asks for; to be set on the class before users are spawned."""

    def on_start(self) -> None:
        """All users of a process share one source of bodies."""
        if not hasattr(type(self), "applications"):
            type(self).applications = Applications(SEED)
        self._headers = request_headers(self.api_key)

    def send(self, path: str, body: bytes, rows: int) -> None:
        """POST a body; an answer that is no 200 counts as a failure."""
        # Its annotation knows text only; bytes are sent as they are.
        self.client.post(path, data=body, headers=self._headers, name=f"{path} {rows}")  # type: ignore[arg-type]


class SingleUser(ScoringUser):
    """A case officer's system: one application a request."""

    @task
    def predict(self) -> None:
        """`/predict`."""
        self.send("/predict", self.applications.single(), 1)


class BatchUser(ScoringUser):
    """A bulk client: `rows` applications a request."""

    rows = 1000

    @task
    def batch_predict(self) -> None:
        """`/batch_predict`."""
        self.send("/batch_predict", self.applications.batch(self.rows), self.rows)


class LightUser(ScoringUser):
    """A client that is always there but asks little: two requests a second, one in four of them a batch of 100."""

    wait_time = constant_throughput(2)

    @task(3)
    def predict(self) -> None:
        """`/predict`."""
        self.send("/predict", self.applications.single(), 1)

    @task(1)
    def batch_predict(self) -> None:
        """`/batch_predict`."""
        self.send("/batch_predict", self.applications.batch(100), 100)


def batch_user(batch_rows: int) -> type[BatchUser]:
    """A class of users that send batches of that many rows."""
    attributes: dict[str, Any] = {"rows": batch_rows}
    return type(f"BatchUser{batch_rows}", (BatchUser,), attributes)
