"""What the page for operators says: HTTPS, a proxy in front, secrets in files, new passwords, monitoring."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from fraud.features import EXAMPLE_INSTANCE
from tests.compose.stack import PORTS, PROJECT, Stack, block, docker, missing
from tests.live_stack import LENIENT_GATE, wait_until

pytestmark = [
    pytest.mark.docker,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]
SERVER_USER = 10001
PROXY_PORT = 18443


@pytest.fixture
def plain_again(docker_stack: Stack) -> Iterator[Stack]:
    """The stack, which is as it was afterwards."""
    yield docker_stack
    docker_stack.override(None)
    docker_stack.up()


def test_with_https_retraining_promotes_and_rollback_verifies(plain_again: Stack) -> None:
    stack = plain_again
    trust = _certificate(stack.folder / "tls", "127.0.0.1", "fastapi")
    stack.override(block("# docker-compose.override.yml: HTTPS by the server"))
    stack.up()
    url = stack.url.replace("http://", "https://")
    assert httpx.post(url + "/predict", json=EXAMPLE_INSTANCE, headers=stack.key, verify=trust).status_code == 200
    retrained = stack.execute("jenkins-agent", "python", "-m", "jenkins.retrain", "--reason=test", **LENIENT_GATE)
    assert retrained.returncode == 0, retrained.stdout[-3000:] + retrained.stderr[-3000:]
    for command in ("rollback", "verify"):
        done = stack.execute("jenkins-agent", "python", "-m", "bench", command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_secret_in_a_file_is_the_one_that_counts(plain_again: Stack) -> None:
    stack = plain_again
    file = stack.folder / "secrets/admin_password"
    file.parent.mkdir()
    file.write_text("the-one-in-the-file")
    file.chmod(0o400)
    _give_to_server(file)
    stack.override(block("# docker-compose.override.yml: a secret in a file"))
    stack.up()
    page = stack.url + "/mlflow/"
    assert httpx.get(page, auth=("admin", "the-one-in-the-file"), timeout=30).status_code == 200
    assert httpx.get(page, auth=("admin", stack.secrets["ADMIN_PASSWORD"]), timeout=30).status_code == 401


def test_behind_nginx_cookies_are_for_https_only(docker_stack: Stack, tmp_path: Path) -> None:
    stack = docker_stack
    subnet = docker("network", "inspect", f"{PROJECT}_published", "--format", "{{(index .IPAM.Config 0).Subnet}}")
    stack.set(TRUSTED_PROXIES=subnet.strip())
    stack.up()
    owner = {"POSTGRES_PASSWORD": stack.secrets["POSTGRES_PASSWORD"]}
    added = stack.execute("fastapi", "python", "-m", "serve.people", "add", "anna", "--role", "operate", **owner)
    password = added.stdout.split()[-1]
    trust = _certificate(tmp_path, "127.0.0.1")
    server = block("# nginx: HTTPS in front of the server's port")
    for there, here in (
        ("127.0.0.1:8000", f"127.0.0.1:{PORTS['PUBLISHED_PORT']}"),
        ("listen 443", f"listen 127.0.0.1:{PROXY_PORT}"),
        ("/etc/nginx/tls", str(tmp_path)),
    ):
        assert there in server
        server = server.replace(there, here)
    settings = tmp_path / "nginx.conf"
    temporary = "".join(
        f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings.write_text(f"pid {tmp_path}/pid; daemon off; events {{}} http {{ access_log off; {temporary} {server} }}")
    with subprocess.Popen(("/usr/sbin/nginx", "-e", "stderr", "-c", str(settings))) as proxy:
        try:
            url = f"https://127.0.0.1:{PROXY_PORT}"
            with httpx.Client(base_url=url, verify=trust, timeout=30) as client:
                wait_until(lambda: _answers(client), 20, "nginx forwards")
                assert client.post("/predict", json=EXAMPLE_INSTANCE, headers=stack.key).status_code == 200
                hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', client.get("/login").text))
                entered = client.post("/login", data={**hidden, "name": "anna", "password": password})
                assert entered.headers["set-cookie"].startswith("__Host-session=")
        finally:
            proxy.terminate()


def test_the_owner_gets_a_new_password(docker_stack: Stack) -> None:
    stack = docker_stack
    old, new = stack.secrets["POSTGRES_PASSWORD"], "a-new-password-of-the-owner"
    psql = ("exec", "--no-TTY", "postgres", "psql", "--username", "postgres")
    stack.run(*psql, "--command", r"\password", stdin=f"{new}\n{new}\n")
    stack.set(POSTGRES_PASSWORD=new)
    stack.up()
    assert stack.containers()["mlflow-train"]["ExitCode"] == 0
    by_network = ("exec", "--no-TTY", "--env", f"PGPASSWORD={old}", "mlflow-server", "python", "-c", _CONNECT)
    assert stack.compose(*by_network).returncode != 0


def test_prometheus_scrapes_with_its_key_and_grafana_starts(docker_stack: Stack) -> None:
    stack = docker_stack
    owner = {"POSTGRES_PASSWORD": stack.secrets["POSTGRES_PASSWORD"]}
    made = stack.execute("fastapi", "python", "-m", "serve.keys", "add", "prometheus", "--role", "read", **owner)
    key = re.search(r"\b[\w-]{40,}\b", made.stdout)
    assert key is not None, made.stdout + made.stderr
    Path(stack.secrets["METRICS_API_KEY_FILE"]).write_text(key[0])
    stack.run("--profile", "observability", "up", "--detach")
    query = ("promtool", "query", "instant", "http://127.0.0.1:9090", 'up{job="scoring"}')
    wait_until(lambda: "=> 1 " in stack.execute("prometheus", *query).stdout, 120, "Prometheus scrapes the server")
    wait_until(lambda: stack.containers()["grafana"]["Health"] == "healthy", 120, "Grafana is healthy")


_CONNECT = (
    "import os, psycopg2; psycopg2.connect(host='postgres', dbname='marriage_loans', user='postgres', "
    "password=os.environ['PGPASSWORD'])"
)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def _certificate(folder: Path, *names: str) -> ssl.SSLContext:
    """A certificate for names in a folder, as the page names its files; gives who trusts it."""
    folder.mkdir(exist_ok=True)
    authority = trustme.CA()
    issued = authority.issue_cert(*names)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    issued.private_key_pem.write_to_path(str(folder / "server.key"))
    (folder / "server.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    _give_to_server(folder / "server.key")
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return trust


def _give_to_server(file: Path) -> None:
    """As the page says: readable for the user of the server's image."""
    os.chown(file, SERVER_USER, SERVER_USER)
