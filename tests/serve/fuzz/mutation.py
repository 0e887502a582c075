"""Changes to a body that get further than random bytes do: numbers become other numbers, pieces move, words appear."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_GAP = re.compile(rb"[{}\[\],:]")
_SPACES = (b" ", b"\n", b"\t", b"\r", b"  \n", b"\x0b", b"\xc2\xa0")
Mutation = Callable[[bytes, Random], bytes]


def mutate(body: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """The body after one to four changes."""
    mutations: list[Mutation] = [*_MUTATIONS, lambda text, _: _insert(text, random, random.choice(words))]
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        body = random.choice(mutations)(body, random)
    return body


def number(random: Random) -> bytes:
    """A decimal number, mostly one that is hard to round: long, near the middle of two float32, or extreme."""
    match random.randrange(6):
        case 0:
            return str(random.randrange(10 ** random.randrange(1, 25))).encode()
        case 1:
            digits = "".join(random.choices("0123456789", k=random.randrange(1, 26)))
            return f"{random.randrange(10**6)}.{digits}".encode()
        case 2:  # the middle of two neighbouring float32, and a little beside it
            low = random.randrange(2**23, 2**24)
            middle = (2 * low + 1) * 2.0 ** random.randrange(-40, 20)
            return repr(middle).encode() + random.choice((b"", b"1", b"0000000000001", b"e0"))
        case 3:
            return f"{random.randrange(10)}.{random.randrange(10**9)}e{random.randrange(-420, 420)}".encode()
        case 4:
            return random.choice(
                (b"0", b"-0", b"-0.0", b"00", b"1.", b".5", b"+1", b"1e", b"1e+", b"0x1", b"1_0", b"3.4028236e38")
            )
        case _:
            return repr(random.uniform(0, 1e6)).encode()


def _other_number(body: bytes, random: Random) -> bytes:
    found = list(_NUMBER.finditer(body[:4096]))
    if not found:
        return body
    place = random.choice(found)
    return body[: place.start()] + number(random) + body[place.end() :]


def _space(body: bytes, random: Random) -> bytes:
    found = list(_GAP.finditer(body[:4096]))
    return _insert(body, random, random.choice(_SPACES), random.choice(found).end() if found else None)


def _insert(body: bytes, random: Random, piece: bytes, place: int | None = None) -> bytes:
    place = random.randint(0, len(body)) if place is None else place
    return body[:place] + piece + body[place:]


def _change(body: bytes, random: Random) -> bytes:
    if not body:
        return body
    place = random.randrange(len(body))
    value = random.choice((random.randrange(256), body[place] ^ 1 << random.randrange(8), 0, 255))
    return body[:place] + bytes([value]) + body[place + 1 :]


def _cut(body: bytes, random: Random) -> bytes:
    return body[: random.randint(0, len(body))]


def _remove(body: bytes, random: Random) -> bytes:
    place = random.randint(0, len(body))
    return body[:place] + body[place + random.randint(1, 16) :]


def _repeat(body: bytes, random: Random) -> bytes:
    start = random.randint(0, len(body))
    piece = body[start : start + random.randint(1, 200)]
    return _insert(body, random, piece * random.choice((1, 1, 1, 2, 30)))


def _deep(body: bytes, random: Random) -> bytes:
    return _insert(body, random, random.choice((b"[", b'{"a":', b"{")) * random.choice((2, 100, 2000)))


_MUTATIONS: tuple[Mutation, ...] = (
    *(_other_number, _other_number, _other_number),
    *(_change, _change, _space, _cut, _remove, _repeat, _deep),
)
