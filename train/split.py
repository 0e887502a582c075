"""The temporal split: the newest tenth tests, the tenth before it validates, the rest trains.

Borders lie between days: applications of one day never stand on both sides, so a model is always judged on days that
it has not seen.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from train.dataset import Dataset
from train.errors import LabelError, TooFewDaysError

HELD_OUT_SHARE: Final = 0.1
"""Share of rows in the test part, and in the validation part."""
PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Split:
    """The three parts and the days on which the newer two begin."""

    training: Dataset
    validation: Dataset
    test: Dataset
    first_day: dt.date
    validation_start: dt.date
    test_start: dt.date
    last_day: dt.date

    def parts(self) -> dict[str, Dataset]:
        """The parts by name, oldest first."""
        return {"training": self.training, "validation": self.validation, "test": self.test}


def split_by_day(dataset: Dataset) -> Split:
    """Cut a data set, whose rows are sorted by date, at the two day borders nearest to 80% and 90% of its rows.

    Raises:
        TooFewDaysError: the rows lie on fewer than three days.
        LabelError: a part holds one class only.
    """
    validation, test = borders(dataset.dates)
    split = Split(
        training=dataset.part(slice(0, validation)),
        validation=dataset.part(slice(validation, test)),
        test=dataset.part(slice(test, None)),
        first_day=dataset.dates[0].item(),
        validation_start=dataset.dates[validation].item(),
        test_start=dataset.dates[test].item(),
        last_day=dataset.dates[-1].item(),
    )
    for name, part in split.parts().items():
        if part.positive_rate in (0, 1):
            raise LabelError(
                f"the {name} part ({part.y.size:,} rows) holds only the label {part.y[0]}: "
                "collect more applications or choose a later --today"
            )
    return split


def borders(dates: NDArray[np.datetime64]) -> tuple[int, int]:
    """First row of validation and of test, for N rising dates.

    Of two borders at the same distance the older one is taken, so that the newer part is the larger.
    """
    starts = np.flatnonzero(dates[1:] != dates[:-1]) + 1
    days = starts.size + 1
    if days < PARTS:
        raise TooFewDaysError(
            f"the applications lie on {days} day(s): training, validation and test need at least {PARTS}; "
            "collect more days or choose a later --today"
        )
    # The first border is kept for validation, else training would be empty.
    test = _nearest(starts[1:], (1 - HELD_OUT_SHARE) * dates.size)
    validation = _nearest(starts[starts < test], (1 - 2 * HELD_OUT_SHARE) * dates.size)
    return validation, test


def _nearest(starts: NDArray[np.intp], row: float) -> int:
    return int(starts[np.abs(starts - row).argmin()])
