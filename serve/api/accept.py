"""Content negotiation: choose the answer's media type by the Accept header (RFC 9110, sections 12.4.2 and 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_ITEM: Final = re.compile(rf'(?:[^,"]|{_QUOTED}|")+')
_PARAMETER: Final = re.compile(rf';\s*([^\s;="]+)\s*=\s*({_QUOTED}|[^\s;]*)')
_WEIGHT: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")

_Range = tuple[str, float]


def preferred(accept: str, offers: Sequence[str]) -> str:
    """The media type of `offers` with the highest weight in an Accept header.

    At equal weight, a type that the header names wins over one that it only covers (`*/*`). Of two named types the
    later offer wins, since only clients that can read it name it; of two covered types the earlier. If none is
    acceptable, the first is used: the specification lets a server answer in a type that was not requested, and a caller
    that can't read it can tell by its Content-Type.
    """
    ranges = [found for item in _ITEM.findall(accept.lower()) if (found := _range(item)) is not None]

    def rank(offer: str) -> tuple[float, bool, int]:
        weight, is_named = _weight(offer, ranges)
        place = offers.index(offer)
        return (weight, True, place) if is_named and weight > 0.0 else (weight, False, -place)

    return max(offers, key=rank)


def _range(item: str) -> _Range | None:
    """A media range without its parameters, and its weight; None if it is malformed."""
    weight = next((value for name, value in _PARAMETER.findall(item) if name == "q"), "1")
    return (item.partition(";")[0].strip(), float(weight)) if _WEIGHT.match(weight) else None


def _weight(offer: str, ranges: Sequence[_Range]) -> tuple[float, bool]:
    """The weight of the most specific range that covers an offer (the higher of two equally specific), and whether it
    names it.
    """
    patterns = ("*/*", f"{offer.partition('/')[0]}/*", offer)
    covering = [(patterns.index(name), weight) for name, weight in ranges if name in patterns]
    precision, weight = max(covering, default=(0, 0.0))
    return weight, precision == patterns.index(offer)
