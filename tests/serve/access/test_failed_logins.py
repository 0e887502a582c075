"""What failed logins cost, to whom, and that they are forgotten in the end."""

from __future__ import annotations

from serve.access.failed_logins import (
    FORGIVEN_AFTER_S,
    FREE_FAILURES,
    LONGEST_DELAY_S,
    MAX_ADDRESSES,
    MAX_GUESSES,
    FailedLogins,
    delay_s,
)


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
    failed = FailedLogins(clock)
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
    failed = FailedLogins(clock)
    for _ in range(10):
        failed.add("10.0.0.1")
    clock.now_s += 9 * FORGIVEN_AFTER_S
    assert failed.add("10.0.0.1") == 2


def test_a_network_of_ipv6_addresses_is_one_client() -> None:
    failed = FailedLogins(Clock())
    assert [failed.add(f"2001:db8::{number:x}") for number in (1, 2, 0xFFFF)] == [1, 2, 3]
    assert failed.add("2001:db8:0:1::1") == 1
    assert [failed.add("::ffff:10.0.0.1"), failed.add("10.0.0.1")] == [1, 2]


def test_memory_stays_bounded_and_the_oldest_are_forgotten_first() -> None:
    failed = FailedLogins(Clock())
    failed.add("first")
    for number in range(MAX_ADDRESSES):
        failed.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(failed) == MAX_ADDRESSES
    assert failed.add("first") == 1
