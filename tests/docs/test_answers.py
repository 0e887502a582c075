"""The comparison of answers finds what differs, and lets pass what a page says may vary."""

from __future__ import annotations

from typing import Any

import pytest

from tests.docs.answers import differences


@pytest.mark.parametrize(
    ("shown", "given", "varying"),
    [
        pytest.param({"a": 1, "b": [True, None]}, {"b": [True, None], "a": 1}, "", id="equal"),
        pytest.param({"a": 0.5}, {"a": 1}, "a", id="another number that may vary"),
        pytest.param({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]}, "a", id="within what may vary"),
        pytest.param({"a": "2f3c..."}, {"a": "2f3cf877"}, "", id="a text that goes on"),
        pytest.param({"a": 1, "...": "more"}, {"a": 1, "b": 2}, "", id="more members"),
    ],
)
def test_answer_as_shown_has_no_difference(shown: Any, given: Any, varying: str) -> None:
    assert list(differences(shown, given, {varying})) == []


@pytest.mark.parametrize(
    ("shown", "given", "varying"),
    [
        pytest.param({"a": 1}, {"a": 2}, "", id="another number"),
        pytest.param({"a": 1}, {"a": True}, "", id="a truth value for a number"),
        pytest.param({"a": 1}, {"a": "1"}, "a", id="another type of what may vary"),
        pytest.param({"a": 1}, {"a": 1, "b": 2}, "", id="one more member"),
        pytest.param({"a": 1, "...": "more"}, {"b": 2}, "", id="one of several members is missing"),
        pytest.param({"a": 1, "b": 2}, {"a": 1}, "b", id="a member that may vary is missing"),
        pytest.param({"a": [1]}, {"a": [1, 1]}, "a", id="a longer list of what may vary"),
        pytest.param({"a": "2f..."}, {"a": "3f"}, "", id="a text that begins otherwise"),
        pytest.param([1], {"a": 1}, "", id="a list for an object"),
    ],
)
def test_answer_unlike_the_page_has_one_difference(shown: Any, given: Any, varying: str) -> None:
    assert len(list(differences(shown, given, {varying}))) == 1
