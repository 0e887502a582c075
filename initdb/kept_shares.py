"""How many generated raw rows the preparation keeps, so that neither too few nor far too many are generated."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from fraud.features import FEATURES
from initdb.columns import AGE, AMOUNT
from initdb.errors import TooFewRowsError
from initdb.population import Population
from initdb.preparation import AGE_STEP, AGE_STEP_ABOVE, AGENCY_CEILING, EDUCATION_COLUMN, NUMBER_COLUMNS
from initdb.profile import OfficialTable
from initdb.public_table import PUBLIC_FEATURES
from initdb.reference import COUNTED_SHARES, WAVE_YOUNGER_THAN, KeptShares

SAMPLE_ROWS: Final = 400_000
SAMPLE_SEED: Final = 1931
STANDARD_ERRORS: Final = 3.0
"""By which an estimated share is lowered: a few rows too many cost a second, one too few a smaller data set."""


def kept_shares(population: Population, ceiling: float | None) -> KeptShares:
    """The counted shares for the agency's ceiling and the public features, estimated ones for anything else.

    Raises:
        TooFewRowsError: hardly any generated loan is below the ceiling.
    """
    if ceiling == AGENCY_CEILING and FEATURES == PUBLIC_FEATURES:
        return COUNTED_SHARES
    values, _ = population.draw(SAMPLE_ROWS, np.random.default_rng(SAMPLE_SEED))
    below = values[:, AMOUNT] < (math.inf if ceiling is None else ceiling)
    ages = values[below, AGE]
    young = np.where(ages > AGE_STEP_ABOVE, ages - AGE_STEP, ages) < WAVE_YOUNGER_THAN
    kept = _lowered(int(below.sum()), SAMPLE_ROWS) * _readable_share(population.profile.official)
    young_share = _lowered(int(young.sum()), max(len(young), 1))
    if min(kept, young_share) <= 0:
        raise TooFewRowsError(f"a ceiling of EUR {ceiling:g} is below nearly all loans")
    return KeptShares(kept, young_share)


def _lowered(count: int, of: int) -> float:
    share = count / of
    return share - STANDARD_ERRORS * math.sqrt(share * (1.0 - share) / of)


def _readable_share(table: OfficialTable) -> float:
    """Of rows that have neither a blank nor a symbol where a value must be: these fall independently of each other."""
    share = 1.0
    for feature in FEATURES:
        name = feature.name if feature.name in NUMBER_COLUMNS else EDUCATION_COLUMN
        symbols = table.stray_tokens.get(name, 0) / table.rows
        share *= 1.0 - symbols
        if not feature.may_be_missing:
            share *= 1.0 - table.blank_share[name]
    return share
