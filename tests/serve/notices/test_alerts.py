"""A running server's alerts: they begin at once, and are over when it has been quiet for a while."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serve.notices.alerts import Alerts, Latch, Requests
from serve.notices.words import REFUSALS, SPOOL


def seen(latch: Latch, values: list[float]) -> list[bool]:
    return [latch.see(value) for value in values]


@pytest.mark.parametrize(
    ("values", "on"),
    [
        ([0.1, 0.5, 0.51, 0.4, 0.4], [False, False, True, True, True]),
        ([0.9, 0.1, 0.4, 0.1, 0.1], [True, True, True, True, False]),
        ([0.9, 0.1, 0.1, 0.9], [True, True, False, True]),
    ],
    ids=["stays on between the borders", "over after quiet looks in a row", "on again"],
)
def test_a_latch_does_not_flutter(values: list[float], on: list[bool]) -> None:
    assert seen(Latch(on_above=0.5, over_below=0.25, looks=2), values) == on


def counted(*looks: tuple[int, int]) -> Iterator[Requests]:
    for all_, refused in looks:
        yield Requests(all_, refused)


@pytest.mark.parametrize(
    ("looks", "on"),
    [
        ([(1000, 500), (2000, 500)], [False]),
        ([(1000, 0), (2000, 51)], [True]),
        ([(1000, 0), (2000, 50)], [False]),
        ([(0, 0), (19, 19)], [False]),
        ([(0, 0), (20, 20), (1000, 20), (2000, 20)], [True, True, False]),
        ([(0, 0), (0, 0)], [False]),
    ],
    ids=["what was before counts not", "above", "at the border", "too few", "over after two looks", "nobody calls"],
)
def test_refusals_are_a_share_of_what_came_since_the_last_look(looks: list[tuple[int, int]], on: list[bool]) -> None:
    counts = counted(*looks)
    alerts = Alerts(lambda: 0.0, lambda: next(counts), looks_until_over=2)
    assert [alerts.look() for _ in on] == [{SPOOL: False, REFUSALS: is_on} for is_on in on]


def test_a_spool_that_fills_is_an_alert() -> None:
    alerts = Alerts(lambda: 0.6, lambda: Requests(0, 0))
    assert alerts.look() == {SPOOL: True, REFUSALS: False}
