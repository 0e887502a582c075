"""HTTP clients of other languages as they are by default: each gets its answers, over connections that it keeps."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore

from tests.groovy import groovy
from tests.live_stack import API_KEY, LOGIN, LiveStack, server_beside
from tests.required_tools import need_program
from tests.serve.certificates import Certificate
from tests.serve.wire import BATCH, SINGLE

HERE: Final = Path(__file__).parent
TIMEOUT_S: Final = 120.0
BODIES: Final = {"/predict": SINGLE, "/batch_predict": BATCH}
CALLS: Final = ("/predict", "/batch_predict", "/predict", "/batch_predict")
PASSWORD: Final = "none of it is secret"


@dataclass(frozen=True)
class Server:
    url: str
    expected: dict[str, str]
    """Each call's answer, as a client gets it whose ways are known."""
    authority: Path | None
    """Who says that it is the server."""


@dataclass(frozen=True)
class Client:
    command: Sequence[str]
    """To be followed by the server's address, a key, and pairs of a path and the file to post to it."""
    environment: dict[str, str]


@pytest.fixture(scope="module", params=["plain", "encrypted"])
def server(
    request: pytest.FixtureRequest, stack: LiveStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    if request.param == "plain":
        yield Server(stack.url, expected_from(stack.url), None)
        return
    folder = tmp_path_factory.mktemp("encrypted")
    certificate = Certificate.issue(folder)
    with server_beside(stack, folder, **certificate.settings) as url:
        yield Server(url, expected_from(url, certificate), certificate.authority)


def expected_from(url: str, certificate: Certificate | None = None) -> dict[str, str]:
    with httpx.Client(headers=LOGIN, verify=certificate.trust if certificate else True, trust_env=False) as client:
        return {path: client.post(url + path, content=body).text for path, body in BODIES.items()}


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Pairs of a path and a file, as the clients take them."""
    folder = tmp_path_factory.mktemp("bodies")
    for path, body in BODIES.items():
        (folder / path.strip("/")).write_bytes(body)
    return [word for path in CALLS for word in (path, str(folder / path.strip("/")))]


def jdk(authority: Path | None, folder: Path) -> Client:
    if authority is None:
        return Client(groovy(HERE / "jdk.groovy"), {})
    store = folder / "trusted.p12"
    known = [PKCS12Certificate(x509.load_pem_x509_certificate(authority.read_bytes()), b"authority")]
    store.write_bytes(serialize_java_truststore(known, BestAvailableEncryption(PASSWORD.encode())))
    trusting = {"trustStore": str(store), "trustStoreType": "PKCS12", "trustStorePassword": PASSWORD}
    options = [f"-Djavax.net.ssl.{name}={value}" for name, value in trusting.items()]
    return Client(groovy(HERE / "jdk.groovy", *options), {})


def node(authority: Path | None, _folder: Path) -> Client:
    trusting = {} if authority is None else {"NODE_EXTRA_CA_CERTS": str(authority)}
    return Client([need_program("node", package="nodejs"), str(HERE / "node_fetch.mjs")], trusting)


def go(authority: Path | None, folder: Path) -> Client:
    program = folder / "net_http"
    compiler = need_program("gccgo", package="gccgo")
    subprocess.run([compiler, "-o", str(program), str(HERE / "net_http.go")], check=True, timeout=TIMEOUT_S)
    return Client([str(program)], {} if authority is None else {"SSL_CERT_FILE": str(authority)})


@pytest.mark.parametrize("make", [jdk, node, go])
def test_a_client_gets_its_answers(
    make: Callable[[Path | None, Path], Client], server: Server, calls: list[str], tmp_path: Path
) -> None:
    client = make(server.authority, tmp_path)
    ended = subprocess.run(
        [*client.command, server.url, API_KEY, *calls],
        env=os.environ | client.environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines() == [f"200 {server.expected[path]}" for path in CALLS]


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1", "--http2"])
def test_curl_gets_its_answers(server: Server, calls: list[str], tmp_path: Path, version: str) -> None:
    """With `--http2` it offers an upgrade with each request, until one is taken up."""
    command = [need_program("curl", package="curl"), "--silent", "--show-error", "--noproxy", "*"]
    for number, (path, body) in enumerate(zip(calls[::2], calls[1::2], strict=True)):
        command += ["--next"] if number else []
        command += ["--cacert", str(server.authority)] if server.authority else []
        command += [version, "--header", f"X-API-Key: {API_KEY}", "--header", "Content-Type: application/json"]
        command += ["--data-binary", f"@{body}", "--output", str(tmp_path / str(number))]
        command += ["--write-out", r"%{http_code} %{num_connects}\n", server.url + path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert ended.returncode == 0, ended.stderr
    later = "200 1" if version == "--http1.0" else "200 0"
    assert ended.stdout.splitlines() == ["200 1", *[later] * (len(CALLS) - 1)]
    assert [(tmp_path / str(number)).read_text() for number in range(len(CALLS))] == [
        server.expected[path] for path in CALLS
    ]
