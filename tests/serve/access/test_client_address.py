"""Whose address a request counts under, behind proxies that are trusted and proxies that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.networks import parse_networks
from serve.access.client_address import NO_PROXIES, TrustedProxies

PROXY = "10.0.0.1"
BEHIND = TrustedProxies(parse_networks("10.0.0.0/8, 2001:db8:ffff::/48, 192.0.2.7"))


def address(*lines: str, peer: str = PROXY, proxies: TrustedProxies = BEHIND) -> str:
    headers = [(name.strip().lower().encode(), value.strip().encode("latin-1")) for name, _, value in split(lines)]
    return proxies.client_address((peer, 4711), headers)


def split(lines: tuple[str, ...]) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in lines]


@pytest.mark.parametrize(
    ("forwarded_for", "expected"),
    [
        pytest.param("203.0.113.9", "203.0.113.9", id="one hop"),
        pytest.param("198.51.100.1, 203.0.113.9", "203.0.113.9", id="what is left of it may be invented"),
        pytest.param("203.0.113.9, 10.1.1.1, 192.0.2.7", "203.0.113.9", id="a chain of ours"),
        pytest.param("10.9.9.9, 10.1.1.1", "10.9.9.9", id="nobody but ours"),
        pytest.param("203.0.113.9:56789", "203.0.113.9", id="IPv4 with a port"),
        pytest.param("2001:db8::9", "2001:db8::9", id="IPv6"),
        pytest.param("2001:0DB8:0::9", "2001:db8::9", id="IPv6 in another spelling"),
        pytest.param("[2001:db8::9]", "2001:db8::9", id="IPv6 in brackets"),
        pytest.param("[2001:db8::9]:443", "2001:db8::9", id="IPv6 with a port"),
        pytest.param("203.0.113.9, 2001:db8:ffff::1", "203.0.113.9", id="a chain with IPv6"),
        pytest.param("203.0.113.9, ::ffff:10.1.1.1", "203.0.113.9", id="IPv4 written as IPv6 is trusted as IPv4"),
        pytest.param("::ffff:203.0.113.9", "203.0.113.9", id="IPv4 written as IPv6 counts as IPv4"),
        pytest.param("fe80::9%eth0", "fe80::9", id="the name of an interface"),
        pytest.param(" , 203.0.113.9 ,, ", "203.0.113.9", id="empty elements are none"),
        pytest.param("", PROXY, id="empty"),
        pytest.param("unknown", PROXY, id="no address"),
        pytest.param("203.0.113.9, unknown", PROXY, id="nothing left of a malformed value counts"),
        pytest.param("203.0.113.9, unknown, 10.1.1.1", "10.1.1.1", id="what is right of it does"),
        pytest.param("unknown, 203.0.113.9", "203.0.113.9", id="malformed where nobody looks"),
        pytest.param("203.0.113.9:x", PROXY, id="a port that is none"),
        pytest.param("203.0.113.256", PROXY, id="a number too large"),
        pytest.param("[203.0.113.9]", PROXY, id="IPv4 in brackets"),
        pytest.param("[2001:db8::9", PROXY, id="a bracket left open"),
        pytest.param("\xff\x00", PROXY, id="bytes"),
    ],
)
def test_x_forwarded_for_names_the_client(forwarded_for: str, expected: str) -> None:
    assert address(f"X-Forwarded-For: {forwarded_for}") == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        pytest.param("for=203.0.113.9", "203.0.113.9", id="one hop"),
        pytest.param("For=203.0.113.9;proto=https;By=10.0.0.1", "203.0.113.9", id="further parameters"),
        pytest.param('for=198.51.100.1;proto=http, for="203.0.113.9:4711"', "203.0.113.9", id="rightmost, with a port"),
        pytest.param('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17", id="IPv6 as RFC 7239 has it"),
        pytest.param('for="[2001:db8:cafe::17]:_port"', "2001:db8:cafe::17", id="an obfuscated port"),
        pytest.param("for=203.0.113.9:4711", "203.0.113.9", id="a port that should be in quotation marks"),
        pytest.param("for=203.0.113.9 ; proto=http , for=10.1.1.1", "203.0.113.9", id="white space"),
        pytest.param(r'for="\2\03.0.113.9"', "203.0.113.9", id="escapes"),
        pytest.param("for=203.0.113.9, proto=https", PROXY, id="a hop that does not say for whom"),
        pytest.param("for=203.0.113.9, for=_hidden", PROXY, id="an obfuscated hop"),
        pytest.param("for=203.0.113.9, for=unknown, for=10.1.1.1", "10.1.1.1", id="an unknown hop behind ours"),
        pytest.param('for=198.51.100.1;x=", for=203.0.113.9', PROXY, id="a quotation mark that swallows the rest"),
        pytest.param('for=198.51.100.1;x=", for="203.0.113.9"', PROXY, id="two that swallow the middle"),
        pytest.param("for=198.51.100.1;for=203.0.113.9", PROXY, id="twice in one element"),
        pytest.param("203.0.113.9", PROXY, id="no parameter"),
        pytest.param("for=203.0.113.9;", PROXY, id="an element that does not end"),
    ],
)
def test_forwarded_names_the_client(forwarded: str, expected: str) -> None:
    assert address(f"Forwarded: {forwarded}") == expected


def test_a_line_that_a_proxy_adds_counts_before_those_of_the_client() -> None:
    assert address("X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 203.0.113.9") == "203.0.113.9"
    assert address('Forwarded: for="', "Forwarded: for=203.0.113.9") == "203.0.113.9"


def test_headers_that_agree_count_and_those_that_do_not_count_neither() -> None:
    assert address("X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9") == "203.0.113.9"
    assert address("X-Forwarded-For: 203.0.113.9", "Forwarded: for=198.51.100.1") == PROXY


@pytest.mark.parametrize(
    ("peer", "proxies"),
    [
        pytest.param("203.0.113.1", BEHIND, id="another peer"),
        pytest.param(PROXY, NO_PROXIES, id="nobody is trusted by default"),
        pytest.param("", BEHIND, id="a peer without an address"),
    ],
)
def test_no_other_proxy_is_trusted(peer: str, proxies: TrustedProxies) -> None:
    lines = ("X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9")
    assert address(*lines, peer=peer, proxies=proxies) == peer


def test_a_peer_that_is_ipv4_on_an_ipv6_socket_is_trusted() -> None:
    assert address("X-Forwarded-For: 203.0.113.9", peer=f"::ffff:{PROXY}") == "203.0.113.9"


def test_a_connection_without_a_peer_has_no_address() -> None:
    assert BEHIND.client_address(None, [(b"x-forwarded-for", b"203.0.113.9")]) == ""


@given(st.binary(max_size=200), st.sampled_from([b"forwarded", b"x-forwarded-for"]))
def test_the_proxys_own_line_counts_over_a_clients(written: bytes, name: bytes) -> None:
    own = b"for=203.0.113.9" if name == b"forwarded" else b"203.0.113.9"
    assert BEHIND.client_address((PROXY, 1), [(name, written), (name, own)]) == "203.0.113.9"


@given(st.text(alphabet='for=;,"\\ 198.51[]:x', max_size=60))
def test_elements_left_of_the_proxys_own_are_ignored(written: str) -> None:
    """As a proxy writes that appends to the line of the client."""
    assert address(f"Forwarded: {written}, for=203.0.113.9") in {"203.0.113.9", PROXY}
    assert address(f"X-Forwarded-For: {written}, 203.0.113.9") == "203.0.113.9"


def test_long_headers_take_no_long_time() -> None:
    """Each would take minutes if its length counted squared or worse."""
    for value in ('for="' + "\\\\" * 30_000, " " * 60_000, "x=" * 30_000, "10.0.0.1," * 7_000, "[" * 60_000):
        for name in ("X-Forwarded-For", "Forwarded"):
            assert address(f"{name}: {value}x") in {PROXY, "10.0.0.1"}
