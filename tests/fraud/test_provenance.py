"""What is said of where applications came from, and that it says what is made up."""

from __future__ import annotations

import pytest

from fraud.provenance import LoadedFile, OwnRows, Provenance, ReferenceRows

REFERENCE = ReferenceRows("Train_Dataset.csv", 7, 0.5, 1_000, wave_rows=94, divorces=119, invented_divorces=41)
OWN = OwnRows((LoadedFile("a.csv", "0" * 64, 10), LoadedFile("b.parquet", "1" * 64, 20)), "2026-11-27T10:00:00+00:00")
LATER = OwnRows((LoadedFile("c.csv", "2" * 64, 5),), "2026-12-01T10:00:00+00:00", replaced=3)


@pytest.mark.parametrize("parts", [(), (REFERENCE,), (OWN,), (REFERENCE, OWN, LATER)])
def test_comment_gives_back_what_it_was_made_of(parts: tuple[ReferenceRows | OwnRows, ...]) -> None:
    assert Provenance.from_comment(Provenance(parts).to_comment()) == Provenance(parts)


def test_rows_are_those_that_are_left() -> None:
    assert Provenance((REFERENCE, OWN, LATER)).rows == 1_000 + 30 + 5 - 3


def test_comment_of_the_first_version_is_read() -> None:
    comment = '{"source": "generated rows", "seed": 4, "scale": 0.012, "rows": 2568}'
    found = Provenance.from_comment(comment)
    assert found == Provenance((ReferenceRows("generated rows", 4, 0.012, 2_568),))
    assert "a demonstration: dates are drawn, and a new wave is simulated" in str(found)


@pytest.mark.parametrize("comment", [None, "a table", '{"source": "x"}', "[]", "", '{"parts": [{"kind": "other"}]}'])
def test_comment_of_somebody_else_is_no_provenance(comment: str | None) -> None:
    assert Provenance.from_comment(comment) is None


def test_demonstration_says_how_much_of_it_is_invented() -> None:
    assert "94 applications are a simulated new wave: 41 of all 119 divorces are invented for it" in str(REFERENCE)


def test_own_files_are_named_and_nothing_is_said_to_be_invented() -> None:
    assert str(Provenance((OWN, LATER))) == (
        "30 applications from a.csv, b.parquet, loaded 2026-11-27; "
        "5 applications from c.csv in the place of 3 with the same id, loaded 2026-12-01"
    )
    assert Provenance((OWN,)).has_file("b.parquet")
    assert not Provenance((REFERENCE, OWN)).has_file("Train_Dataset.csv")
