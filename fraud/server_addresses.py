"""The scoring servers of one model: the addresses of a setting, with names resolved."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from fraud.errors import ProjectError


class AddressError(ProjectError):
    """A server's name has no address, or can't be looked up."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One server: where to connect, and the name that its certificate has to have."""

    url: str
    """As it was configured; who talks to the server names this host, in `Host` and to TLS."""
    ip: str
    """The address behind it, or the host of the URL where it is not to be looked up."""

    @property
    def host(self) -> str:
        """The name, or the address where none was configured."""
        return urlsplit(self.url).hostname or ""

    @property
    def netloc(self) -> str:
        """What `Host` says."""
        return urlsplit(self.url).netloc

    @property
    def connect_url(self) -> str:
        """The same with the address in place of the name."""
        parts = urlsplit(self.url)
        ip = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{parts.scheme}://{ip}:{_port(parts)}"

    def __str__(self) -> str:
        """For a message: the URL, and which of its addresses where that is not plain."""
        return self.url if self.host == self.ip else f"{self.url} ({self.ip})"


def parse_server_urls(text: str) -> tuple[str, ...]:
    """Comma-separated addresses of servers (`https://scoring:8000`), each http or https, without a path.

    Raises:
        ValueError: an entry is something else.
    """
    entries = [entry for part in text.split(",") if (entry := part.strip().rstrip("/"))]
    for number, entry in enumerate(entries, start=1):
        _check(number, entry)
    return tuple(entries)


def resolve_servers(urls: tuple[str, ...]) -> tuple[ServerAddress, ...]:
    """Every server behind these addresses, once: a name means all addresses that it resolves to now.

    Raises:
        AddressError: a name has none, or the lookup fails; without all of them nobody can say "all servers".
    """
    found = (ServerAddress(url, ip) for url in urls for ip in _addresses(url))
    return tuple({(server.ip, _port(urlsplit(server.url))): server for server in found}.values())


def single_server(url: str) -> ServerAddress:
    """The one server at an address, whose name the connection itself looks up."""
    return ServerAddress(url, urlsplit(url).hostname or "")


def _addresses(url: str) -> list[str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, _port(parts), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressError(f"{url}: the address of {host} can't be looked up: {error}") from error
    return sorted({str(address[0]) for *_, address in found})


def _check(number: int, entry: str) -> None:
    parts = urlsplit(entry)
    extra = parts.path or parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in {"http", "https"} or not parts.hostname or extra:
        raise ValueError(f"entry {number}: expected an address such as http://scoring:8000")
    _ = parts.port  # raises on one that is none


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
