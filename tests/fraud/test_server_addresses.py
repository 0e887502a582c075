"""A list of servers means all of them: each address of a name, once, or an error."""

from __future__ import annotations

import socket

import pytest

from fraud.server_addresses import AddressError, ServerAddress, parse_server_urls, resolve_servers, single_server

A_NAME_OF_TWO = ["10.0.0.2", "10.0.0.1"]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that knows one name with two addresses; the machine's own may not know any."""
    real = socket.getaddrinfo

    def resolve(host: str, port: int, **options: int) -> list[tuple[object, ...]]:
        if host == "scoring":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in A_NAME_OF_TWO]
        return list(real(host, port, **options))

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.usefixtures("names")
def test_a_name_stands_for_each_of_its_addresses() -> None:
    found = resolve_servers(("https://scoring:8443",))
    assert [server.connect_url for server in found] == ["https://10.0.0.1:8443", "https://10.0.0.2:8443"]
    assert {(server.host, server.netloc) for server in found} == {("scoring", "scoring:8443")}
    assert str(found[0]) == "https://scoring:8443 (10.0.0.1)"


@pytest.mark.usefixtures("names")
def test_a_server_that_is_listed_twice_is_one_server() -> None:
    found = resolve_servers(("http://scoring:8000", "http://10.0.0.1:8000", "http://10.0.0.1:8001"))
    assert [server.connect_url for server in found] == [
        *("http://10.0.0.1:8000", "http://10.0.0.2:8000", "http://10.0.0.1:8001")
    ]


@pytest.mark.parametrize(
    ("url", "connect_url"),
    [("http://127.0.0.1", "http://127.0.0.1:80"), ("https://[::1]:8443", "https://[::1]:8443")],
)
def test_an_address_is_its_own_name(url: str, connect_url: str) -> None:
    (found,) = resolve_servers((url,))
    assert (found.connect_url, str(found)) == (connect_url, url)


def test_a_single_server_keeps_its_name() -> None:
    assert single_server("http://fastapi:8000") == ServerAddress("http://fastapi:8000", "fastapi")
    assert single_server("http://fastapi:8000").connect_url == "http://fastapi:8000"


def test_a_name_without_an_address_is_an_error_and_not_no_server() -> None:
    with pytest.raises(AddressError, match=r"nowhere\.invalid can't be looked up"):
        resolve_servers(("http://127.0.0.1:8000", "http://nowhere.invalid:8000"))


def test_a_list_is_read() -> None:
    assert parse_server_urls("http://a:1, https://b/ ,") == ("http://a:1", "https://b")
    assert parse_server_urls("") == ()


@pytest.mark.parametrize(
    "entry",
    ["scoring:8000", "ftp://scoring", "http://", "http://a/path", "http://me:secret@a", "http://a:0x", "http://a?b"],
)
def test_a_malformed_server_address_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"entry 2: expected an address|[Pp]ort"):
        parse_server_urls(f"http://a:1,{entry}")
