"""A held port is ours until a server of ours listens on it."""

from __future__ import annotations

import socket

import pytest

from fraud.stack.ports import hold_port


def listener(port: int, **options: bool) -> socket.socket:
    made = socket.socket()
    for option in options:
        made.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
    try:
        made.bind(("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    made.listen()
    return made


@pytest.mark.parametrize("options", [("SO_REUSEADDR",), ("SO_REUSEADDR", "SO_REUSEPORT")], ids=["uvicorn", "ours"])
def test_held_port_takes_a_server(options: tuple[str, ...]) -> None:
    port = hold_port()
    with listener(port, **dict.fromkeys(options, True)), socket.create_connection(("127.0.0.1", port), timeout=5):
        pass


def test_held_port_refuses_connections_until_then() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", hold_port()), timeout=5)


def test_held_port_is_given_to_nobody_who_asks_for_any() -> None:
    held = hold_port()
    first, last = map(int, open("/proc/sys/net/ipv4/ip_local_port_range").read().split())  # noqa: SIM115, PTH123
    others = []
    try:
        for _ in range(min(2_000, (last - first) // 4)):
            other = socket.socket()
            other.bind(("127.0.0.1", 0))
            others.append(other)
        assert held not in {other.getsockname()[1] for other in others}
    finally:
        for other in others:
            other.close()


def test_held_port_refuses_a_program_that_wants_it_alone() -> None:
    with pytest.raises(OSError, match="in use"):
        listener(hold_port())


def test_port_on_which_somebody_listens_is_not_held() -> None:
    port = hold_port()
    with listener(port, SO_REUSEADDR=True), pytest.raises(OSError, match="in use"):
        hold_port(port=port)


def test_port_of_an_ipv6_address_is_held() -> None:
    port = hold_port("::1")
    with pytest.raises(OSError, match="in use"), socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", port))
