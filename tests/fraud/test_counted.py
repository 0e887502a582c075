"""Numbers with their nouns, as messages write them."""

import pytest

from fraud.counted import counted


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 records"), (1, "1 record"), (2, "2 records"), (12_345, "12,345 records")]
)
def test_noun_agrees_with_its_number(number: int, told: str) -> None:
    assert counted(number, "record") == told


def test_irregular_plural_is_used_beyond_one() -> None:
    assert [counted(number, "index", "indices") for number in (1, 3)] == ["1 index", "3 indices"]
