"""The year: score a month, look at as many as officers can and at a control sample, learn later what became of them.

```
month's model -> probabilities -> the suspected (capacity) + control sample -> looked at -> outcomes, months later
      ^                                                                                          |
      └──────────────── retraining on all that is known by then, weighted or not <───────────────┘
```

Two desks with the same applicants differ in one thing: one weighs each outcome by 1 / the probability of having been
looked at, in training and in its report; the other takes outcomes as they come. Nobody who runs a desk knows the truth
that both are held against: what became of everybody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.control_sample import drawn
from fraud.statistics.average_precision import average_precision
from fraud.statistics.design_weights import design_weights
from fraud.statistics.interval import Interval
from fraud.statistics.ranking import rank
from jenkins.drift.control import estimate
from jenkins.drift.evaluation.label_year.applicants import Applicants, applicants
from serve.audit.decisions import Decision
from train.dataset import Dataset
from train.fitting import fit_everything, probabilities
from train.recipe import Recipe

MONTHS: Final = 12
MONTHS_BEFORE: Final = 6
RECIPE: Final = Recipe(3, 60, 0.15, 0.8, 5.0, None)
KEY: Final = b"a key of the simulation's control sample"


@dataclass(frozen=True, slots=True)
class Desk:
    """How much a desk can do."""

    applications: int
    """A month."""
    capacity: float = 0.05
    """Share of them that officers look at for their probability."""
    control_share: float = 0.05
    """Share of the others that are looked at as well."""
    weighted: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Worked:
    """A month behind the desk."""

    applicants: Applicants
    probabilities: NDArray[np.float32]
    threshold: float
    looked_at: NDArray[np.bool_]
    likely: NDArray[np.float64]
    """Probability of having been looked at [N]."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a desk reports of some months once their outcomes are known, and what is true."""

    reported: Interval
    """Average precision."""
    truth: float
    """Average precision on everybody."""
    mean_probability: float
    """What the models of these months said of everybody, on average."""
    rate: float
    """How many of everybody divorced."""

    @property
    def holds(self) -> bool:
        """Whether the truth lies in the interval."""
        return self.reported.low <= self.truth <= self.reported.high


def simulate(desk: Desk, seed: int, months: int = MONTHS) -> list[Worked]:
    """Months of a desk that is retrained each month; with the same seed every desk has the same applicants."""
    rng = np.random.default_rng(seed)
    before = [applicants(month, desk.applications, rng) for month in range(-MONTHS_BEFORE, 0)]
    worked: list[Worked] = []
    for month in range(months):
        model = fit_everything(RECIPE, known_by(month, before, worked, weighted=desk.weighted), seed, 1).pipeline
        here = applicants(month, desk.applications, rng)
        worked.append(look(desk, here, probabilities(model, here.x)))
    return worked


def look(desk: Desk, here: Applicants, scores: NDArray[np.float32]) -> Worked:
    """Whom officers look at: as many as they can of the most suspected, and who is drawn of the others."""
    threshold = float(np.quantile(scores, 1 - desk.capacity))
    suspected = scores >= np.float32(threshold)
    looked_at = suspected.copy()
    others = np.flatnonzero(~suspected)
    looked_at[others] = drawn(KEY, desk.control_share, "", here.names, others)
    return Worked(here, scores, threshold, looked_at, np.where(suspected, 1.0, desk.control_share))


def known_by(month: int, before: Sequence[Applicants], worked: Sequence[Worked], *, weighted: bool) -> Dataset:
    """The data of a retraining at the beginning of a month.

    Everybody from before the desk, and those reviewed since then whose outcomes are known.
    """
    chosen = [(one.applicants, one.looked_at & (one.applicants.known_in < month), one.likely) for one in worked]
    everybody = [(one, np.ones(one.divorced.size, np.bool_), np.ones(one.divorced.size)) for one in before]
    parts = [*everybody, *chosen]
    likely = np.concatenate([of[rows] for _, rows, of in parts])
    return Dataset(
        np.concatenate([one.x[rows] for one, rows, _ in parts]),
        np.concatenate([one.divorced[rows] for one, rows, _ in parts]),
        np.concatenate([one.days[rows] for one, rows, _ in parts]),
        weights=design_weights(likely) if weighted else None,
    )


def report(desk: Desk, months: Sequence[Worked]) -> Report:
    """What the desk reports of these months, by the product's own estimate (`jenkins.drift.control`)."""
    made: list[Decision] = []
    outcomes: dict[str, int] = {}
    for one in months:
        made += _decisions(desk, one)
        outcomes |= dict(zip(one.applicants.names, one.applicants.divorced.tolist(), strict=True))
    found = estimate(made, outcomes).average_precision
    if found is None:
        raise ValueError("no reviewed applicant has divorced: expected more applications per month")
    labels = np.concatenate([one.applicants.divorced for one in months])
    scores = np.concatenate([one.probabilities for one in months])
    return Report(found, average_precision(rank(labels, scores)), float(scores.mean()), float(labels.mean()))


def _decisions(desk: Desk, one: Worked) -> list[Decision]:
    at = dt.datetime.combine(one.applicants.days[0].astype(dt.date), dt.time(), dt.UTC)
    return [
        Decision(
            received_at=at,
            request_id=name,
            load_test=False,
            row_number=0,
            application_id=name,
            policy="1-simulated",
            probability=float(score),
            threshold=float(np.float32(one.threshold)),
            reviewed=bool(looked_at),
            control=bool(looked_at and likely < 1),
            looked_at_probability=float(likely) if desk.weighted else 1.0,
        )
        for name, score, looked_at, likely in zip(
            one.applicants.names, one.probabilities, one.looked_at, one.likely, strict=True
        )
    ]
