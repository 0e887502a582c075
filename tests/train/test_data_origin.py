"""The model card says what its applications are: somebody's own, or a demonstration in which something is made up."""

from __future__ import annotations

import pytest

from fraud.provenance import LoadedFile, OwnRows, Provenance, ReferenceRows
from train.data_origin import MADE_UP, UNKNOWN, limits, origin

REFERENCE = ReferenceRows("Train_Dataset.csv", 7, 1.0, 17_000, wave_rows=1_600, divorces=2_100, invented_divorces=714)
FIRST_FORM = ReferenceRows("generated rows", 7, 1.0, 17_000)
OWN = OwnRows((LoadedFile("loans.csv", "0" * 64, 500),), "2026-11-27T10:00:00+00:00")
INVENTED = "- 714 of the 2,100 divorces from Train_Dataset.csv are invented.\n"


@pytest.mark.parametrize(
    ("provenance", "said"),
    [
        pytest.param(None, UNKNOWN, id="not on record"),
        pytest.param(Provenance(()), UNKNOWN, id="nothing loaded"),
        pytest.param(Provenance((OWN,)), "", id="somebody's own"),
        pytest.param(Provenance((REFERENCE,)), MADE_UP + INVENTED, id="demonstration"),
        pytest.param(Provenance((FIRST_FORM,)), MADE_UP, id="demonstration of the first version"),
        pytest.param(Provenance((REFERENCE, OWN)), MADE_UP + INVENTED, id="both"),
    ],
)
def test_limits_say_what_is_made_up(provenance: Provenance | None, said: str) -> None:
    assert limits(provenance) == said


def test_origin_names_every_part() -> None:
    text = origin(Provenance((REFERENCE, OWN)))
    assert "- 17,000 applications from Train_Dataset.csv" in text
    assert "714 of all 2,100 divorces are invented for it" in text
    assert "- 500 applications from loans.csv, loaded 2026-11-27" in text
    assert origin(None) == "Where they came from is not on record."
