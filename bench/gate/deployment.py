"""The running server as an operator sees it: told to change its model, and asked what every worker serves."""

from __future__ import annotations

import functools
import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

import httpx
import numpy as np
import typer
from numpy.typing import NDArray

from bench.gate.errors import DeploymentError
from fraud.api_keys import bearer
from fraud.foreign_errors import refusal, why_unanswered
from fraud.settings import Settings

REQUEST_TIMEOUT_S: Final = 120.0
"""A change of model loads and measures it in every worker first."""
VERIFY_TIMEOUT_S: Final = 30.0


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates are believed: the system's, or those of SSL_CERT_FILE."""
    return ssl.create_default_context()


Deploy = Annotated[
    bool,
    typer.Option(help="Have the running server change its model. Without one, it takes the version when it starts."),
]


@dataclass(frozen=True, slots=True)
class Deployment:
    """The server at an address, and the login that may operate it."""

    url: str
    user: str
    password: str
    api_key: str | None = None
    """What may score."""

    def update(self) -> None:
        """Have the server load what the registry calls production.

        Raises:
            DeploymentError: it does not answer, or refuses; it then serves what it served.
        """
        try:
            answer = httpx.post(
                f"{self.url}/update-model",
                auth=(self.user, self.password),
                timeout=REQUEST_TIMEOUT_S,
                trust_env=False,
                verify=_authorities(),
            )
        except httpx.HTTPError as error:
            raise DeploymentError(
                f"{self.url}/update-model does not answer ({why_unanswered(error)}): is the server running?"
            ) from error
        _refuse_refusal(answer)

    def verify(self, version: int) -> None:
        """Make sure that every worker serves this version.

        Workers share a port, and which of them gets a connection is chance; so connections are opened until as many
        workers as there are have answered.

        Raises:
            DeploymentError: one serves another version, or they did not all answer in time.
        """
        seen: set[int] = set()
        deadline = time.monotonic() + VERIFY_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                answer = httpx.get(
                    f"{self.url}/model-info",
                    auth=(self.user, self.password),
                    timeout=REQUEST_TIMEOUT_S,
                    trust_env=False,
                    verify=_authorities(),
                )
            except httpx.HTTPError as error:
                raise DeploymentError(f"{self.url}/model-info does not answer ({why_unanswered(error)})") from error
            _refuse_refusal(answer)
            info = answer.json()
            if info["model_version"] != str(version):
                raise DeploymentError(
                    f"worker {info['worker']} serves version {info['model_version']}, not {version}: "
                    "does the server use this registry and model name?"
                )
            seen.add(info["worker"])
            if len(seen) >= info["workers"]:
                return
        raise DeploymentError(f"only {len(seen)} workers answered within {VERIFY_TIMEOUT_S:.0f} s")

    def probabilities(self, body: bytes) -> NDArray[np.float32]:
        """What the server answers to a body of `/batch_predict` [N]; the drift monitor does not count it.

        Raises:
            DeploymentError: it does not answer, or refuses.
        """
        headers = {"Content-Type": "application/json", "X-Load-Test": "true", **bearer(self.api_key)}
        try:
            answer = httpx.post(
                f"{self.url}/batch_predict", content=body, headers=headers, timeout=REQUEST_TIMEOUT_S, trust_env=False
            )
        except httpx.HTTPError as error:
            raise DeploymentError(f"{self.url}/batch_predict does not answer ({why_unanswered(error)})") from error
        _refuse_refusal(answer)
        return np.asarray(answer.json()["probabilities"], np.float32)


def _refuse_refusal(answer: httpx.Response) -> None:
    if answer.status_code != HTTPStatus.OK:
        raise DeploymentError(f"{answer.url} answered {refusal(answer.status_code, answer.content)}")


def deployment_of(settings: Settings) -> Deployment:
    """The server that the settings name.

    Raises:
        SettingsError: the administrator's password is not set.
    """
    return Deployment(
        settings.server_url(), settings.admin_user, settings.administrator_password(), settings.client_key()
    )
