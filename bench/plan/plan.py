"""A plan: what each capacity brings, and which one the limits leave as the best."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import msgspec
import numpy as np

from bench.plan.errors import PlanError
from bench.plan.evidence import Evidence, Source
from bench.plan.forecast import Choice, Price, forecast

STEPS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 2.0)
"""Shares of the cases that officers can handle: more than all of them, to see what further officers would find."""
SEED: Final = 20250501
"""Fixed: who plans again gets the same bands."""
PLAN_FOLDER: Final = "plan"
"""In the run folder."""
PLAN_FILE: Final = "plan.json"


class Limits(msgspec.Struct, frozen=True):
    """What is asked of the review."""

    cases: float
    """That officers can handle a week."""
    price: Price
    max_wrongly_suspected: float | None = None
    """Couples a week; None: no cap."""


class Plan(msgspec.Struct, frozen=True):
    """What `plan.json` holds."""

    made_at: dt.datetime
    limits: Limits
    model_name: str
    model_version: int
    model_sha256: str
    source: Source
    first_day: dt.date
    days: int
    applications: int
    labelled: int
    days_ahead: int
    choices: tuple[Choice, ...]
    recommended: int | None
    """Place of the best choice within the limits; None: no review is worth its cost there."""

    def to_json(self) -> bytes:
        """For a file that people read too."""
        return msgspec.json.format(msgspec.json.encode(self)) + b"\n"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the text of `to_json`.

        Raises:
            PlanError: there is no such file, or it is something else.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError) as error:
            raise PlanError(f"{path} is no plan ({error}): make one with `python -m bench plan`") from None


def make_plan(evidence: Evidence, limits: Limits, *, days_ahead: int, made_at: dt.datetime) -> Plan:
    """Forecast each capacity, and choose."""
    capacities = [share * limits.cases for share in STEPS]
    rng = np.random.default_rng(SEED)
    seen, version = evidence.seen, evidence.version
    choices = forecast(seen, evidence.known, capacities, limits.price, days_ahead=days_ahead, rng=rng)
    return Plan(
        made_at,
        limits,
        version.name,
        version.version,
        version.sha256,
        evidence.source,
        seen.first_day.astype("datetime64[D]").item(),
        seen.number_of_days,
        seen.probabilities.size,
        evidence.labelled,
        days_ahead,
        choices,
        recommend(choices, limits),
    )


def recommend(choices: Sequence[Choice], limits: Limits) -> int | None:
    """Place of the choice with the highest expected gain among those within the limits; None if none gains anything.

    The cap holds for the upper end of the band: it is kept by 39 of 40 months, not by every other one.
    """
    cap = np.inf if limits.max_wrongly_suspected is None else limits.max_wrongly_suspected
    allowed = [
        place
        for place, choice in enumerate(choices)
        if choice.capacity <= limits.cases * (1 + 1e-9) and choice.expected.wrongly_suspected.high <= cap
    ]
    best = max(allowed, key=lambda place: choices[place].expected.euros.estimate, default=None)
    return best if best is not None and choices[best].expected.euros.estimate > 0 else None
