"""One running server as an operator sees it: it switches its model, and says what every worker serves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httpx
import numpy as np
from numpy.typing import NDArray

from bench.gate.errors import DeploymentError, UnreachableError
from fraud.api_keys import bearer
from fraud.foreign_errors import refusal, why_unanswered
from fraud.server_addresses import ServerAddress
from fraud.server_request import ask_server

UPDATE_FAILED: Final = "update_failed"
"""The server's own word for a version that a worker can't serve."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an operator waits for one server, seconds."""

    connect_s: float = 5.0
    prepare_s: float = 120.0
    """A version is loaded and measured in every worker."""
    switch_s: float = 30.0
    """What was prepared only changes places."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server at one address, and the login that may operate it."""

    address: ServerAddress
    user: str
    password: str
    api_key: str | None = None
    """What may score."""
    patience: Patience = Patience()

    def prepare(self, version: int) -> None:
        """Have every worker load and check a version, beside the one that it serves.

        Raises:
            UnreachableError: it does not answer, or can't ask the registry.
            DeploymentError: it refuses, or can't serve that version.
        """
        self._operate(f"/prepare-model/{version}", self.patience.prepare_s)

    def update(self) -> None:
        """Have it serve what the registry calls production, and drop any other version that is prepared.

        Raises:
            UnreachableError, DeploymentError: as `prepare`; it then serves what it served.
        """
        self._operate("/update-model", self.patience.switch_s)

    def verify(self, version: int) -> None:
        """Make sure that every worker serves this version.

        Workers share a port, and which of them gets a connection is chance; so connections are opened until as many
        workers as there are have answered.

        Raises:
            UnreachableError: it does not answer, or not all of its workers did in time.
            DeploymentError: one serves another version.
        """
        seen: set[int] = set()
        deadline = time.monotonic() + self.patience.switch_s
        while time.monotonic() < deadline:
            answer = self._ask("GET", "/model-info", self.patience.switch_s, auth=(self.user, self.password))
            info = answer.json()
            if info["model_version"] != str(version):
                raise DeploymentError(
                    f"{self.address}: worker {info['worker']} serves version {info['model_version']}, not {version}: "
                    "does the server use this registry and model name?"
                )
            seen.add(info["worker"])
            if len(seen) >= info["workers"]:
                return
        raise UnreachableError(
            f"{self.address}: only {len(seen)} workers answered within {self.patience.switch_s:.0f} s"
        )

    def probabilities(self, body: bytes) -> NDArray[np.float32]:
        """What the server answers to a body of `/batch_predict` [N]; the drift monitor does not count it.

        Raises:
            DeploymentError: it does not answer, or refuses.
        """
        headers = {"Content-Type": "application/json", "X-Load-Test": "true", **bearer(self.api_key)}
        answer = self._ask("POST", "/batch_predict", self.patience.prepare_s, headers=headers, content=body)
        return np.asarray(answer.json()["probabilities"], np.float32)

    def _operate(self, path: str, timeout_s: float) -> None:
        self._ask("POST", path, timeout_s, auth=(self.user, self.password))

    def _ask(self, method: str, path: str, timeout_s: float, **request: Any) -> httpx.Response:
        """The answer 200 of one request."""
        timeout = httpx.Timeout(timeout_s, connect=self.patience.connect_s)
        try:
            answer = ask_server(self.address, method, path, timeout, **request)
        except httpx.HTTPError as error:
            raise UnreachableError(
                f"{self.address}: {path} does not answer ({why_unanswered(error)}): is the server running?"
            ) from error
        if answer.status_code != HTTPStatus.OK:
            kind = DeploymentError if _is_refusal(answer) else UnreachableError
            raise kind(f"{self.address}: {path} answered {refusal(answer.status_code, answer.content)}")
        return answer


def _is_refusal(answer: httpx.Response) -> bool:
    """Whether the server itself says no, now and when it is asked again; else something that it needs is away."""
    if answer.status_code < 500:
        return True
    try:
        return bool(answer.json()["error"]["code"] == UPDATE_FAILED)
    except (ValueError, KeyError, TypeError):
        return False
