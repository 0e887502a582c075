"""HTTPS, with the same protocol and the same limits as without it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE
from serve.http.tls import HANDSHAKE_TIMEOUT_S
from tests.live_stack import LOGIN, LiveStack, server_beside, wait_until
from tests.serve.certificates import Certificate
from tests.serve.conftest import StartServer
from tests.serve.test_start import CONFIGURED
from tests.serve.wire import BATCH, BATCH_ROWS, LONG, SINGLE, Wire, post

READ_TIMEOUT_S = 1.0
MAX_CONNECTIONS = 20


@dataclass(frozen=True)
class Encrypted:
    url: str
    trust: ssl.SSLContext
    log: Path

    def wire(self) -> Wire:
        return Wire(self.url, self.trust)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.issue(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def server(stack: LiveStack, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("encrypted")
    settings = {
        **certificate.settings,
        "SERVE_WORKERS": "1",
        "READ_TIMEOUT_S": str(READ_TIMEOUT_S),
        "MAX_CONNECTIONS": str(MAX_CONNECTIONS),
    }
    with server_beside(stack, folder, **settings) as url:
        yield Encrypted(url, certificate.trust, folder / "server.log")


@pytest.mark.parametrize("path", ["/predict", "/predict?by=query"])
def test_scoring_and_other_routes_answer(server: Encrypted, path: str) -> None:
    answer = httpx.post(server.url + path, json=EXAMPLE_INSTANCE, headers=LOGIN, verify=server.trust)
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


def test_requests_that_are_sent_at_once_are_answered_in_order(server: Encrypted) -> None:
    with closing(server.wire()) as wire:
        wire.send(post("/batch_predict", BATCH) + post("/predict", SINGLE) + post("/predict?as=query", SINGLE))
        wire.send(post("/batch_predict", LONG, "Content-Type: text/html") + post("/predict", SINGLE))
        answers = [wire.answer() for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 415, 200]
    assert len(answers[0].json()["probabilities"]) == BATCH_ROWS


def test_a_plain_text_client_gets_nothing(server: Encrypted) -> None:
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port), timeout=10) as plain, suppress(ConnectionResetError):
        plain.sendall(post("/predict", SINGLE))
        assert not plain.recv(1024).startswith(b"HTTP/")


def test_a_client_without_the_authority_does_not_connect(server: Encrypted) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(server.url + "/health/live")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_versions_are_refused(server: Encrypted) -> None:
    address = httpx.URL(server.url)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection((address.host, address.port), timeout=10) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain)


def test_a_handshake_has_to_come_to_its_end(server: Encrypted) -> None:
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port), timeout=2 * HANDSHAKE_TIMEOUT_S) as silent:
        assert silent.recv(1) == b""


def test_slow_clients_are_cut_off(server: Encrypted) -> None:
    with closing(server.wire()) as wire:
        wire.send(post("/predict", SINGLE)[:-10])
        assert wire.answer().status == 408
        assert wire.is_closed()


def test_connections_are_bounded(server: Encrypted) -> None:
    crowd = [server.wire() for _ in range(MAX_CONNECTIONS)]
    try:
        with closing(server.wire()) as one_too_many:
            assert one_too_many.answer().status == 503
    finally:
        for wire in crowd:
            wire.close()

    def answers() -> bool:
        with httpx.Client(verify=server.trust) as client:
            return client.get(server.url + "/health/ready").status_code == 200

    wait_until(answers, 10, "there is room again")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"SSL_KEYFILE": None}, "set both, or neither", id="no key"),
        pytest.param({"SSL_CERTFILE": None}, "set both, or neither", id="no certificate"),
        pytest.param({"SSL_CERTFILE": "nowhere"}, "No such file", id="no such file"),
    ],
)
def test_a_certificate_that_can_not_be_used_is_named(
    certificate: Certificate, start_server: StartServer, changes: dict[str, str | None], reason: str
) -> None:
    wanted = {**certificate.settings, **changes}
    settings = {name: value for name, value in wanted.items() if value is not None}
    run = start_server(**CONFIGURED, **settings)
    assert run.returncode == 2
    assert reason in run.stderr


def test_a_key_of_another_certificate_is_named(
    certificate: Certificate, start_server: StartServer, tmp_path: Path
) -> None:
    other = Certificate.issue(tmp_path)
    run = start_server(**CONFIGURED, **certificate.settings | {"SSL_KEYFILE": str(other.key)})
    assert run.returncode == 2
    assert "a matching pair" in run.stderr
