"""What failed logins cost, to whom, and that they are forgotten in the end."""

from __future__ import annotations

import pytest

from serve.access.failed_logins import (
    FREE_FAILURES,
    LONGEST_DELAY_S,
    LONGEST_LOCK_S,
    MAX_SENDERS,
    OF_ALL,
    OF_ONE,
    FailedLogins,
    Patience,
    delay_s,
    site_of,
)

MAX_GUESSES, FORGIVEN_AFTER_S = OF_ONE


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_delays_grow_from_nothing_to_a_bound() -> None:
    delays = [delay_s(failures) for failures in range(1, 200)]
    assert delays[:FREE_FAILURES] == [0.0] * FREE_FAILURES
    assert delays == sorted(delays)
    assert delays[FREE_FAILURES] > 0
    assert max(delays) == LONGEST_DELAY_S


def test_passwords_are_not_looked_at_after_many_failures_and_only_from_there() -> None:
    clock = Clock()
    failed = FailedLogins(clock=clock)
    for number in range(MAX_GUESSES):
        assert failed.wait_before_guess_s("10.0.0.1") == 0
        assert failed.add("10.0.0.1") == number + 1
    failed.add("10.0.0.1")
    assert failed.wait_before_guess_s("10.0.0.1") == FORGIVEN_AFTER_S
    assert failed.wait_before_guess_s("10.0.0.2") == 0
    clock.now_s += FORGIVEN_AFTER_S
    assert failed.wait_before_guess_s("10.0.0.1") == 0


def test_failures_are_forgotten_one_after_the_other() -> None:
    clock = Clock()
    failed = FailedLogins(clock=clock)
    for _ in range(MAX_GUESSES + 2):
        failed.add("10.0.0.1")
    for waited in (1, 2):
        assert failed.wait_before_guess_s("10.0.0.1") == (3 - waited) * FORGIVEN_AFTER_S
        clock.now_s += FORGIVEN_AFTER_S
    assert failed.wait_before_guess_s("10.0.0.1") == 0


@pytest.mark.parametrize("patience", [OF_ONE, OF_ALL])
def test_a_lock_ends_within_a_minute_whatever_came_before(patience: Patience) -> None:
    clock = Clock()
    failed = FailedLogins(patience, clock)
    totals = [failed.add("10.0.0.1") for _ in range(patience.guesses + 5_000)]
    assert totals[-1] == len(totals), "the log tells how many there were"
    assert failed.wait_before_guess_s("10.0.0.1") == LONGEST_LOCK_S
    clock.now_s += LONGEST_LOCK_S
    assert failed.wait_before_guess_s("10.0.0.1") == 0


def test_failures_that_are_forgiven_begin_anew() -> None:
    clock = Clock()
    failed = FailedLogins(clock=clock)
    for _ in range(10):
        failed.add("10.0.0.1")
    clock.now_s += 10 * FORGIVEN_AFTER_S
    assert failed.add("10.0.0.1") == 1


def test_the_name_of_an_interface_makes_no_other_client() -> None:
    assert {site_of("fe80::1%eth0"), site_of("fe80::2%eth1"), site_of("fe80::3")} == {"fe80::/64"}


def test_a_network_of_ipv6_addresses_is_one_client() -> None:
    failed = FailedLogins(clock=Clock())
    assert [failed.add(f"2001:db8::{number:x}") for number in (1, 2, 0xFFFF)] == [1, 2, 3]
    assert failed.add("2001:db8:0:1::1") == 1
    assert [failed.add("::ffff:10.0.0.1"), failed.add("10.0.0.1")] == [1, 2]


def test_memory_stays_bounded_and_the_oldest_are_forgotten_first() -> None:
    failed = FailedLogins(clock=Clock())
    failed.add("first")
    for number in range(MAX_SENDERS):
        failed.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(failed) == MAX_SENDERS
    assert failed.add("first") == 1
