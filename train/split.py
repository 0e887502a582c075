"""The temporal split: the newest tenth tests, all before it is known to the search; and time-ordered folds.

Borders lie between days: applications of one day never stand on both sides, so a model is always judged on days that
it has not seen.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from train.dataset import Dataset
from train.errors import LabelError, TooFewDaysError

TEST_SHARE: Final = 0.1
"""Share of rows in the test part."""
FOLDS: Final = 4
RECENT_SHARE: Final = 0.2
"""Share of rows, the newest, that the folds' blocks make up together."""
LEAST_DAYS: Final = 3


@dataclass(frozen=True, slots=True)
class Split:
    """The test part and all that is older."""

    known: Dataset
    """The rows for the search and the fit of a model that will be judged."""
    test: Dataset

    @property
    def first_day(self) -> dt.date:
        """Of the known part."""
        return _day(self.known, 0)

    @property
    def test_start(self) -> dt.date:
        """First day of the test part."""
        return _day(self.test, 0)

    @property
    def last_day(self) -> dt.date:
        """Of the test part."""
        return _day(self.test, -1)

    def parts(self) -> dict[str, Dataset]:
        """The parts by name, oldest first."""
        return {"before the test": self.known, "test": self.test}


@dataclass(frozen=True, slots=True)
class Fold:
    """A block of whole days, and what was known when it began."""

    past: Dataset
    block: Dataset


def split_by_day(dataset: Dataset) -> Split:
    """Cut a data set, whose rows are sorted by date, at the day border nearest to 90% of its rows.

    Raises:
        TooFewDaysError: the rows lie on fewer than three days.
        LabelError: a part holds one class only.
    """
    starts = _starts(dataset)
    # The first border is left to the folds, which lie before the test.
    border = _nearest(starts[1:], (1 - TEST_SHARE) * dataset.y.size)
    split = Split(dataset.part(slice(0, border)), dataset.part(slice(border, None)))
    for name, part in split.parts().items():
        if part.positive_rate in (0, 1):
            raise LabelError(
                f"the part {name} ({part.y.size:,} rows) holds only the label {part.y[0]}: "
                "collect more applications or choose a later --today"
            )
    return split


def folds(dataset: Dataset) -> tuple[Fold, ...]:
    """Neighbouring blocks of the newest fifth, oldest first, each with all that is older than it.

    There are four where the days allow it. A block joins the next one until both sides of it hold both labels, so a
    fold can always be fitted and judged.

    Raises:
        TooFewDaysError: all rows lie on one day.
        LabelError: no border has both labels on both sides.
    """
    rows = dataset.y.size
    starts = _starts(dataset, least_days=2)
    wanted = 1 - RECENT_SHARE * (1 - np.arange(FOLDS) / FOLDS)
    borders = sorted({_nearest(starts, share * rows) for share in wanted})
    kept: list[int] = []
    end = rows
    for border in reversed(borders):
        if _has_both(dataset.y[:border]) and _has_both(dataset.y[border:end]):
            kept.append(border)
            end = border
    if not kept:
        raise LabelError(
            f"the newest of {rows:,} applications hold one label only, or the older ones do: collect more "
            "applications or choose a later --today"
        )
    edges = [*reversed(kept), rows]
    return tuple(
        Fold(dataset.part(slice(0, begin)), dataset.part(slice(begin, stop))) for begin, stop in pairwise(edges)
    )


def recent_start(dataset: Dataset) -> int:
    """First row of the newest fifth, at a day border."""
    return _nearest(_starts(dataset, least_days=2), (1 - RECENT_SHARE) * dataset.y.size)


def _starts(dataset: Dataset, least_days: int = LEAST_DAYS) -> NDArray[np.intp]:
    """First row of each day but the first."""
    starts = np.flatnonzero(dataset.dates[1:] != dataset.dates[:-1]) + 1
    days = starts.size + 1
    if days < least_days:
        raise TooFewDaysError(
            f"the applications lie on {days} day(s): training needs at least {least_days}; "
            "collect more days or choose a later --today"
        )
    return starts


def _nearest(starts: NDArray[np.intp], row: float) -> int:
    """Of two borders at the same distance the older one, so that the newer part is the larger."""
    return int(starts[np.abs(starts - row).argmin()])


def _has_both(labels: NDArray[np.int8]) -> bool:
    return bool(labels.min() != labels.max())


def _day(part: Dataset, row: int) -> dt.date:
    day: dt.date = part.dates[row].item()
    return day
