"""The health check of the server, as compose runs it: by HTTP, by HTTPS, and where nobody answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from fraud.stack.ports import hold_port
from tests.compose.compose_file import ROOT, raw_project
from tests.live_stack import LiveStack, server_beside
from tests.serve.certificates import Certificate


def check(service: str, port_there: int, port_here: int, **environment: str) -> int:
    """Exit status of a service's check, of a server at another port."""
    command = [word.replace("$$", "$") for word in raw_project()["services"][service]["healthcheck"]["test"]]
    assert command.pop(0) == "CMD"
    assert str(port_there) in command[-1]
    command[-1] = command[-1].replace(str(port_there), str(port_here))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    known = {**os.environ, **environment, "PATH": path}
    return subprocess.run(command, env=known, capture_output=True, timeout=30, check=False).returncode


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def test_a_server_that_is_ready_is_healthy(stack: LiveStack) -> None:
    assert check("fastapi", 8000, port_of(stack.url)) == 0


def test_a_server_with_a_certificate_is_healthy(stack: LiveStack, tmp_path: Path) -> None:
    certificate = Certificate.issue(tmp_path)
    with server_beside(stack, tmp_path, SERVE_WORKERS="1", **certificate.settings) as url:
        assert check("fastapi", 8000, port_of(url), SSL_CERTFILE=str(certificate.chain)) == 0
        assert check("fastapi", 8000, port_of(url)) != 0


def test_a_registry_that_answers_is_healthy(stack: LiveStack) -> None:
    assert check("mlflow-server", 5000, port_of(stack.tracking_uri)) == 0


def test_nobody_is_not_healthy() -> None:
    for service, port in (("fastapi", 8000), ("mlflow-server", 5000)):
        assert check(service, port, hold_port()) != 0


def test_no_port_for_agents_is_open_before_jenkins_reads_its_configuration() -> None:
    assert "ENV JENKINS_SLAVE_AGENT_PORT=-1 " in (ROOT / "jenkins/Dockerfile").read_text()
