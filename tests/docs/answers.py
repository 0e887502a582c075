"""Whether an answer is the one that a page shows.

The block below a call shows its answer as JSON. Three things may differ from it:

- an object with a member `...` stands for one that has more members;
- a text that ends with `...` stands for any text that begins as it does;
- the members that the block names (```` ```json varies=probability,text ````) may have other values of the same type.

Everything else has to be equal: the members, their values, and the length of each list.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any, Final

ANY_REST: Final = "..."


def differences(
    shown: Any, given: Any, varying: Set[str], at: str = "answer", *, varies: bool = False
) -> Iterator[str]:
    """One line for each place where an answer is not as shown."""
    if isinstance(shown, dict) and isinstance(given, dict):
        named = shown.keys() - {ANY_REST}
        if not named <= given.keys() or (ANY_REST not in shown and named != given.keys()):
            yield f"{at}: members {sorted(given)}, and the page shows {sorted(shown)}"
        for name in shown.keys() & given.keys():
            yield from differences(shown[name], given[name], varying, f"{at}.{name}", varies=varies or name in varying)
    elif isinstance(shown, list) and isinstance(given, list):
        if len(shown) != len(given):
            yield f"{at}: {len(given)} items, and the page shows {len(shown)}"
        for place, (left, right) in enumerate(zip(shown, given, strict=False)):
            yield from differences(left, right, varying, f"{at}[{place}]", varies=varies)
    elif not (_same_type(shown, given) if varies else _equal(shown, given)):
        yield f"{at}: {given!r}, and the page shows {shown!r}"


def _same_type(shown: Any, given: Any) -> bool:
    return _type(shown) is _type(given)


def _type(value: Any) -> type:
    """JSON has one type of number."""
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _equal(shown: Any, given: Any) -> bool:
    if isinstance(shown, str) and isinstance(given, str) and shown.endswith(ANY_REST):
        return given.startswith(shown.removesuffix(ANY_REST))
    return _same_type(shown, given) and bool(shown == given)
