"""How often two judgements agree, and how much of that is beyond chance."""

from __future__ import annotations

from collections.abc import Sequence

from fraud.statistics.interval import Interval
from fraud.statistics.reliability import share_interval


def agreement(pairs: Sequence[tuple[bool, bool]]) -> Interval | None:
    """Share of pairs of judgements that are the same, with its 95% score interval; None without pairs."""
    if not pairs:
        return None
    return share_interval(sum(one == other for one, other in pairs), len(pairs))


def kappa(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa (Cohen 1960): agreement beyond chance, 1 if all agree, 0 if agreement is as by chance.

    None where chance alone would make all agree, or there are no pairs.
    """
    if not pairs:
        return None
    first = sum(one for one, _ in pairs) / len(pairs)
    second = sum(other for _, other in pairs) / len(pairs)
    by_chance = first * second + (1 - first) * (1 - second)
    if by_chance == 1:
        return None
    observed = sum(one == other for one, other in pairs) / len(pairs)
    return (observed - by_chance) / (1 - by_chance)
