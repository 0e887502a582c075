"""Prepared applicants -> the dated reference data set in three parts.

1. applications of the ordinary population until the end of 2024,
2. further ones of the same population from 2025 on,
3. the *new wave* from 2025 on: young couples of whom half divorce.

The wave is a simulated scenario. Its applicants are taken from rows kept back for it, so that parts 1 and 2 stay an
unbiased sample; what makes couples marry for a loan is made up, the applicants aren't.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fraud.features import FEATURE_NAMES
from initdb.errors import TooFewRowsError
from initdb.preparation import Applicants, FloatMatrix, LabelVector

HISTORY_ROWS: Final = 107_000
HISTORY: Final = (dt.date(2023, 5, 1), dt.date(2024, 12, 31))
RECENT_ROWS: Final = 87_000
WAVE_ROWS: Final = 20_000
RECENT: Final = (dt.date(2025, 1, 1), dt.date(2026, 4, 30))
REFERENCE_ROWS: Final = HISTORY_ROWS + RECENT_ROWS + WAVE_ROWS

WAVE_YOUNGER_THAN: Final = 9_855.0
"""Days (27 years), after the preparation's age step."""

WAVE_SIGNS: Final = ("Phone_Change", "ID_Days", "Registration_Days", "Employed_Days")
"""Who has just moved, changed phone, papers and job is likelier to have come for the loan."""

WAVE_CONTRAST: Final = 3.0
"""How much the signs tell: the log odds between the most and the least recent applicant."""

SPLIT_STREAM: Final = (2**32 - 1,)
"""The random stream of the split, apart from those of the raw table's chunks."""

MARGIN: Final = 6.0
"""Standard deviations by which chance may fall short before a generated table is too small."""

IntVector = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """Dated applications in order of their date: features [rows, 10], labels [rows], dates [rows], the wave's rows."""

    features: FloatMatrix
    labels: LabelVector
    dates: npt.NDArray[np.datetime64]
    wave: npt.NDArray[np.bool_]
    scale: float
    invented_divorces: int
    """Of the wave: divorces of applicants who are none in the table."""

    @property
    def application_ids(self) -> list[str]:
        """One text a row, in date order, so that an id doesn't tell the part."""
        return [f"R{number:07d}" for number in range(1, len(self.labels) + 1)]


@dataclass(frozen=True, slots=True)
class PartSizes:
    """Rows of the three parts; the wave's are even, as exactly half of them are positive."""

    history: int
    recent: int
    wave: int

    @property
    def ordinary(self) -> int:
        """Rows of the ordinary population."""
        return self.history + self.recent


@dataclass(frozen=True, slots=True)
class KeptShares:
    """Of generated raw rows, those that the preparation keeps; of these, those younger than the wave's limit."""

    kept: float
    young: float


COUNTED_SHARES: Final = KeptShares(kept=0.1384, young=0.2620)
"""With the agency's ceiling, counted on 2.3 million."""


def part_sizes(scale: float) -> PartSizes:
    """The parts at a scale of 0 to 1, none of them empty."""
    return PartSizes(
        history=max(round(HISTORY_ROWS * scale), 1),
        recent=max(round(RECENT_ROWS * scale), 1),
        wave=2 * max(round(WAVE_ROWS * scale / 2), 1),
    )


def raw_rows_for(scale: float, shares: KeptShares = COUNTED_SHARES) -> int:
    """Rows to generate so that the three parts at this scale almost surely can be made of those that are kept."""
    sizes = part_sizes(scale)
    kept_back = _with_margin(sizes.wave) / shares.young
    return math.ceil(_with_margin(sizes.ordinary + kept_back) / shares.kept)


def _with_margin(count: float) -> float:
    return count + MARGIN * math.sqrt(count) + MARGIN**2


def is_young(features: FloatMatrix) -> npt.NDArray[np.bool_]:
    """Who can belong to the wave, [rows]."""
    return features[:, FEATURE_NAMES.index("Age_Days")] < WAVE_YOUNGER_THAN


def build_reference(applicants: Applicants, scale: float, seed: int) -> ReferenceData:
    """The data set at the scale asked for or, where the rows don't allow it, at the largest that they do.

    No row is used twice.

    Raises:
        TooFewRowsError: not even the smallest can be made.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=SPLIT_STREAM))
    order = rng.permutation(len(applicants.labels))
    features, labels = applicants.features[order], applicants.labels[order]
    scale = _largest_scale(is_young(features), scale)
    sizes = part_sizes(scale)
    if not _fits(is_young(features), sizes):
        raise TooFewRowsError(
            f"{len(order):,} usable rows can't be split into history, recent applications and a wave of applicants "
            "younger than 27: use a larger table, or generate the rows"
        )
    wave = _last_young(is_young(features), sizes.wave)
    rows = np.concatenate((np.arange(sizes.ordinary), wave))
    simulated = wave_labels(features[wave], labels[wave], rng)
    invented = int((simulated > labels[wave]).sum())
    labels = np.concatenate((labels[: sizes.ordinary], simulated))
    dates = np.concatenate(
        (_spread(HISTORY, sizes.history), _spread(RECENT, sizes.recent), _spread(RECENT, sizes.wave))
    )
    in_wave = np.arange(len(rows)) >= sizes.ordinary
    shuffled = rng.permutation(len(rows))
    by_date = shuffled[np.argsort(dates[shuffled], kind="stable")]
    return ReferenceData(features[rows][by_date], labels[by_date], dates[by_date], in_wave[by_date], scale, invented)


def wave_labels(features: FloatMatrix, labels: LabelVector, rng: np.random.Generator) -> LabelVector:
    """The wave's labels: its positives, and as many of the others as make exactly half, the likelier first.

    Drawn without replacement with odds that grow with the signs (Gumbel top-k, Yellott 1977). If more than half were
    positive, the surplus is drawn the same way.
    """
    signs = features[:, [FEATURE_NAMES.index(name) for name in WAVE_SIGNS]]
    # Ranks, not days: the scheme must do the same to the real rows and to generated ones.
    recency = 1.0 - signs.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable").mean(axis=1) / len(labels)
    spread = recency.max() - recency.min() if len(labels) > 1 else 1.0
    priority = WAVE_CONTRAST * recency / spread + rng.gumbel(size=len(labels))
    first_come = np.lexsort((-priority, -labels))
    result = np.zeros_like(labels)
    result[first_come[: len(labels) // 2]] = 1
    return result


def _largest_scale(young: npt.NDArray[np.bool_], wanted: float) -> float:
    if _fits(young, part_sizes(wanted)):
        return wanted
    low, high = 0.0, wanted
    while round(REFERENCE_ROWS * (high - low)) >= 1:
        middle = (low + high) / 2
        low, high = (middle, high) if _fits(young, part_sizes(middle)) else (low, middle)
    return low


def _fits(young: npt.NDArray[np.bool_], sizes: PartSizes) -> bool:
    """Whether enough young rows lie behind the ordinary ones."""
    return sizes.ordinary < len(young) and int(young[sizes.ordinary :].sum()) >= sizes.wave


def _last_young(young: npt.NDArray[np.bool_], count: int) -> IntVector:
    return np.flatnonzero(young)[-count:]


def _spread(period: tuple[dt.date, dt.date], rows: int) -> npt.NDArray[np.datetime64]:
    """Days from first to last, both included, each as often as any other or once more."""
    first, last = period
    days = (last - first).days + 1
    return np.datetime64(first, "D") + (np.arange(rows) * days // rows).astype("timedelta64[D]")
