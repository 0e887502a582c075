"""Pages for people at the server's address: shown by a process of their own, without which scoring goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import oidc_provider_mock
import psutil
import pytest

from fraud.database import connect
from fraud.features import EXAMPLE_INSTANCE
from serve.people import administration
from serve.people.account import PersonRole
from tests.live_stack import LOGIN, LiveStack, server_beside, wait_until

NAME = "desk-proxy-tester"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
TIMEOUT_S = 60.0
"""Pages give way to all else: on a busy machine they take their time."""
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


def get(url: str, **about: Any) -> httpx.Response:
    return httpx.get(url, timeout=TIMEOUT_S, **about)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Address of an OpenID provider."""
    with oidc_provider_mock.run_server_in_thread() as provider:
        yield f"http://localhost:{provider.server_port}"


@pytest.fixture(scope="module")
def server(stack: LiveStack, issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with pages, whose people log in at the provider as well."""
    password = stack.secrets["DESK_DB_PASSWORD"]
    assert password is not None
    folder = tmp_path_factory.mktemp("desk")
    settings = {"DESK_DB_PASSWORD": password, "SERVE_WORKERS": "1", "TRUSTED_PROXIES": "127.0.0.2"}
    settings |= {"OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": "scoring", "OIDC_CLIENT_SECRET": "a secret of the client"}
    with server_beside(stack, folder, **settings) as url:
        wait_until(lambda: get(url).status_code == 200, 60, "the pages are there")
        yield url


def desk_of(url: str) -> psutil.Process:
    """The process that shows the pages of this server."""
    port = httpx.URL(url).port
    listening = [one.pid for one in psutil.net_connections("tcp") if one.laddr and one.laddr[1] == port and one.pid]
    supervisor = psutil.Process(listening[0]).parent()
    assert supervisor is not None
    (desk,) = [child for child in supervisor.children() if "desk" in child.cmdline()]
    return desk


def test_the_first_page_is_for_everybody_and_in_our_headers(server: str) -> None:
    answer = get(server)
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'; style-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers.get_list("content-security-policy", split_commas=False) == [
        answer.headers["content-security-policy"]
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]
    style = re.findall(r'href="(/assets/[^"]+)"', answer.text)
    assert get(server + style[0]).headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("path", ["/reports/1%3Fkind=x", "/reports/%2e%2e/metrics", "/reports/..%2F..%2Fmetrics"])
def test_an_encoded_address_leads_nowhere_else(server: str, path: str) -> None:
    answer = get(server + path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_head_is_answered_as_get_without_its_page(server: str) -> None:
    whole, head = get(server + "/login"), httpx.head(server + "/login", timeout=TIMEOUT_S)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))


def an_ended_request(stack: LiveStack) -> int:
    """One that an operator asked for, and that nobody has done."""
    with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO operator_requests (act, person, ended_at) VALUES ('rollback', 'anna', now()) RETURNING number"
        )
        ((number,),) = cursor.fetchall()
    return int(number)


def test_the_first_promotion_is_in_the_history(stack: LiveStack) -> None:
    with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT act, version, before, person FROM model_changes ORDER BY number LIMIT 1")
        ((act, version, before, person),) = cursor.fetchall()
    assert (act, version, before) == ("promotion", 1, None)
    assert person.startswith("shell:")


def test_somebody_logs_in_through_the_server(server: str, stack: LiveStack) -> None:
    with connect(stack.owner_dsn) as connection:
        password = administration.add(connection, "shell:tests", NAME, [PersonRole.OPERATE])
    own = "a few words of one's own"
    with httpx.Client(base_url=server, headers=SAME_SITE, follow_redirects=True, timeout=TIMEOUT_S) as client:

        def send(path: str, **fields: str) -> httpx.Response:
            hidden = dict(_HIDDEN.findall(client.get(path).text))
            return client.post(path, data={**hidden, **fields}, headers={"Origin": server})

        assert "Change your password" in send("/login", name=NAME, password=password).text
        page = send("/password", current=password, new=own, again=own).text
        assert "State of the service" in page
        assert "divorce-model" in page
        assert re.search(r"In production</th>\s*<td[^>]*>\d+<", page)
        followed = client.get(f"/operate/requests/{an_ended_request(stack)}/events")
        assert followed.headers["content-type"].startswith("text/event-stream")
        assert followed.text.startswith('event: told\ndata: {"state":"not done"')
        assert "State of the service" not in get(server).text, "who is logged in is known by the visitor's cookie alone"
    with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT facts FROM person_events WHERE person = %s", (NAME,))
        assert cursor.fetchall() == [('{"address":"127.0.0.1"}',)]


def test_somebody_logs_in_at_the_provider_through_the_server(server: str, issuer: str) -> None:
    httpx.put(f"{issuer}/users/7", json={"preferred_username": "desk-proxy", "roles": ["operate"]}).raise_for_status()
    with httpx.Client(headers=SAME_SITE, timeout=TIMEOUT_S) as client:
        page = client.get(server + "/login/provider?next=%2Freports").headers["location"]
        back = httpx.post(page, data={"sub": "7"}).headers["location"]
        assert back.startswith(f"{server}/login/provider/callback?code=")
        entered = client.get(back, headers={"Sec-Fetch-Site": "cross-site"})
        assert (entered.status_code, entered.headers["location"]) == (303, "/reports"), entered.text
        assert entered.headers["referrer-policy"] == "same-origin", "the address has a code, for no other site"
        assert "desk-proxy@localhost" in client.get(server + "/").text


@pytest.mark.parametrize(
    ("source", "sent", "is_secure"),
    [
        ("127.0.0.1", {"X-Forwarded-Proto": "https"}, False),
        ("127.0.0.2", {"X-Forwarded-Proto": "https"}, True),
        ("127.0.0.2", {"X-Forwarded-Proto": "https, http"}, False),
        ("127.0.0.2", {}, False),
    ],
    ids=["said by the client", "said by the proxy", "said by the nearest proxy", "said by nobody"],
)
def test_only_a_known_proxy_says_that_a_visitor_came_encrypted(
    server: str, source: str, sent: dict[str, str], is_secure: bool
) -> None:
    transport = httpx.HTTPTransport(local_address=source)
    with httpx.Client(transport=transport, timeout=TIMEOUT_S) as client:
        answer = client.post(server + "/logout", headers=sent)
    assert answer.status_code == 303, answer.text
    assert answer.headers["set-cookie"].startswith("__Host-session=") is is_secure


@pytest.mark.parametrize("path", ["/reports", "/reports/1", "/keys", "/keys/1/revoke"])
def test_pages_are_led_to_and_ask_for_a_login(server: str, path: str) -> None:
    answer = get(server + path)
    assert (answer.status_code, answer.headers["location"].partition("=")[0]) == (303, "/login?next")


def test_api_keys_open_no_page_and_sessions_no_interface(server: str) -> None:
    assert "State of the service" not in get(server, headers=LOGIN).text
    assert get(server + "/metrics", cookies={"session": "x"}).status_code == 401


def test_scoring_goes_on_without_pages_which_come_back(server: str) -> None:
    desk = desk_of(server)
    desk.send_signal(signal.SIGSTOP)
    try:
        scored = httpx.post(server + "/predict", json=dict(EXAMPLE_INSTANCE), headers=LOGIN)
        assert scored.status_code == 200
    finally:
        desk.send_signal(signal.SIGCONT)
    desk.kill()
    wait_until(lambda: get(server).status_code in {502, 200}, 30, "somebody answers")
    assert httpx.post(server + "/predict", json=dict(EXAMPLE_INSTANCE), headers=LOGIN).status_code == 200
    wait_until(lambda: get(server).status_code == 200, 60, "the pages are back")
    assert desk_of(server).pid != desk.pid


def test_the_socket_is_out_of_reach_of_other_users(server: str) -> None:
    socket = Path(desk_of(server).cmdline()[-1])
    assert socket.parent.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user")
def test_another_user_can_not_reach_the_pages_past_the_server(server: str) -> None:
    socket = desk_of(server).cmdline()[-1]
    script = f"import socket; socket.socket(socket.AF_UNIX).connect({socket!r})"
    tried = subprocess.run(["/usr/bin/env", "python3", "-c", script], user=65534, capture_output=True, check=False)
    assert tried.returncode != 0


def test_a_server_without_pages_says_that_there_are_none(stack: LiveStack, tmp_path: Path) -> None:
    with server_beside(stack, tmp_path, SERVE_WORKERS="1") as url:
        assert get(url).status_code == 404
