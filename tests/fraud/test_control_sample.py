from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

import numpy as np
import pytest

from fraud.control_sample import drawn, fingerprint

KEY = b"k" * 32


def draw(
    ids: Sequence[str | None] | None, rows: int, *, key: bytes = KEY, share: float = 0.3, request: str = "r"
) -> list[bool]:
    return [bool(one) for one in drawn(key, share, request, ids, np.arange(rows))]


def test_share_is_drawn() -> None:
    ids = [f"A{number}" for number in range(20_000)]
    for share in (0.0, 0.01, 0.3, 1.0):
        found = np.mean(draw(ids, len(ids), share=share))
        assert found == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(ids)))


def test_application_is_drawn_alike_wherever_it_stands() -> None:
    ids = [f"A{number}" for number in range(200)]
    once, again = draw(ids, 200), draw([*reversed(ids)], 200, request="other")
    assert once == again[::-1]
    assert set(once) == {True, False}


def test_rows_without_an_id_are_drawn_by_request_and_row() -> None:
    assert draw(None, 200) == draw([None] * 200, 200)
    assert draw(None, 200) != draw(None, 200, request="other")


def test_larger_share_draws_all_of_a_smaller_one() -> None:
    few, many = np.array(draw(None, 500, share=0.1)), np.array(draw(None, 500, share=0.2))
    assert (few <= many).all()


def test_other_key_draws_others() -> None:
    assert draw(None, 500) != draw(None, 500, key=b"other" * 7)


def test_draw_is_hmac_sha256_so_that_others_can_recompute_it() -> None:
    digest = hmac.new(KEY, b"application A1", hashlib.sha256).digest()
    number = int.from_bytes(digest[:8], "big") / 2**64
    assert draw(["A1"], 1, share=number) == [False]
    assert draw(["A1"], 1, share=np.nextafter(number, 1)) == [True]


def test_fingerprint_tells_keys_apart_and_is_no_draw() -> None:
    assert fingerprint(KEY) != fingerprint(b"other" * 7)
    assert len(fingerprint(KEY)) == 16
