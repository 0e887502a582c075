"""Random names and salts that are made many at a time: none is given out twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from serve.random_tokens import TOKENS_AT_ONCE, RandomTokens


def test_no_token_comes_twice_whoever_asks() -> None:
    tokens = RandomTokens(16)
    count = 8 * TOKENS_AT_ONCE
    with ThreadPoolExecutor(4) as threads:
        taken = [
            token for part in threads.map(lambda _: [tokens.next() for _ in range(count)], range(4)) for token in part
        ]
    assert len(set(taken)) == len(taken) == 4 * count
    assert {len(token) for token in taken} == {16}
