"""The sample that the shadow scores."""

from __future__ import annotations

import hashlib

import pytest

from serve.shadow.draw import is_drawn

HASHES = [hashlib.sha256(number.to_bytes(4)).digest() for number in range(20_000)]


@pytest.mark.parametrize(("share", "expected"), [(1.0, 20_000), (0.5, 10_000), (0.1, 2_000), (0.001, 20)])
def test_sample_is_as_large_as_its_share(share: float, expected: int) -> None:
    assert sum(is_drawn(one, share) for one in HASHES) == pytest.approx(expected, abs=4 * expected**0.5 * (share < 1))


def test_smaller_share_draws_a_part_of_what_a_larger_one_draws() -> None:
    assert {one for one in HASHES if is_drawn(one, 0.1)} < {one for one in HASHES if is_drawn(one, 0.2)}


def test_largest_hash_is_drawn_where_all_are() -> None:
    assert is_drawn(b"\xff" * 32, 1.0)
    assert not is_drawn(b"\xff" * 32, 0.999)
