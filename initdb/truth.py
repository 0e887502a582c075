"""The true probability of a divorce of every generated application: its average precision is what a model can reach.

The generator knows what it drew a label from. Its rows are drawn again, which costs half a minute and keeps the table
free of what no agency has. A row's probability depends only on its features: nobody can see whether a young applicant
came with the wave, so both origins are weighted.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from fraud.database import connect
from fraud.features import FEATURE_NAMES, FEATURES
from fraud.provenance import ReferenceRows, read_provenance
from initdb.blanks import BureauBlanks
from initdb.errors import TruthError
from initdb.kept_shares import kept_shares
from initdb.population import Population
from initdb.preparation import AGE_STEP, AGE_STEP_ABOVE, FloatMatrix, prepare
from initdb.profile import FloatArray, load_profile
from initdb.raw_table import CHUNK_ROWS, write_raw_table
from initdb.reference import (
    RECENT,
    WAVE_CONTRAST,
    WAVE_SIGNS,
    ReferenceData,
    build_reference,
    is_young,
    raw_rows_for,
)
from initdb.request import GENERATED

AGE: Final = FEATURE_NAMES.index("Age_Days")
BUREAU: Final = FEATURE_NAMES.index("Credit_Bureau")


def generated_provenance(dsn: str) -> ReferenceRows:
    """Where the table's rows came from.

    Raises:
        TruthError: not from the generator, so nobody knows the truth.
    """
    with connect(dsn) as connection:
        provenance = read_provenance(connection)
    match provenance.parts if provenance is not None else ():
        case (ReferenceRows(source=source) as rows,) if source == GENERATED:
            return rows
        case _:
            raise TruthError(f"the true probabilities are unknown of {provenance or 'applications of unknown origin'}")


def write_truth(provenance: ReferenceRows, path: Path) -> None:
    """Write labels and true probabilities, [rows] each in the table's order, as a NumPy archive."""
    population = Population.fit(load_profile())
    ceiling = provenance.credit_ceiling
    rows = raw_rows_for(provenance.scale, kept_shares(population, ceiling))
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.csv"
        write_raw_table(raw, population, rows, provenance.seed, lambda _rows: None)
        data = build_reference(prepare(raw, lambda _bytes: None, ceiling), provenance.scale, provenance.seed)
    ordinary = _drawn_probabilities(data.features, population, rows, provenance.seed)
    np.savez(path, labels=data.labels, probabilities=_with_wave(data, ordinary))


def _drawn_probabilities(features: FloatMatrix, population: Population, rows: int, seed: int) -> FloatArray:
    """What the labels of these rows were drawn from [rows]; no two of them are equal in all features.

    Of a row without the bureau's number it is that of the number which was blanked: a little more than can be known.
    """
    place = {row.tobytes(): number for number, row in enumerate(np.ascontiguousarray(features))}
    found = np.full(len(features), np.nan)
    blank = BureauBlanks.from_profile(population.profile).shares(np.array([0.0, 1.0]))
    for chunk in range(-(-rows // CHUNK_ROWS)):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(chunk,)))
        values, _ = population.draw(CHUNK_ROWS, rng)
        prepared, risk = _prepared(values), population.labels.probabilities(values)
        blanked = prepared.copy()
        blanked[:, BUREAU] = np.nan
        # The bureau's number is blank more often of those who divorce, so whether it is there tells something too.
        for matrix, (negative, positive) in ((prepared, 1 - blank), (blanked, blank)):
            known = risk * positive / (risk * positive + (1 - risk) * negative)
            for row, probability in zip(matrix, known, strict=True):
                number = place.get(row.tobytes())
                if number is not None:
                    found[number] = probability
    if np.isnan(found).any():
        raise TruthError(f"{int(np.isnan(found).sum()):,} applications were not drawn by this generator")
    return found


def _prepared(values: FloatArray) -> FloatMatrix:
    """As `initdb.preparation` leaves them."""
    values = values.copy()
    values[values[:, AGE] > AGE_STEP_ABOVE, AGE] -= AGE_STEP
    integral = [feature.integral for feature in FEATURES]
    values[:, integral] = np.rint(values[:, integral])
    return np.ascontiguousarray(values, np.float32)


def _with_wave(data: ReferenceData, ordinary: FloatArray) -> FloatArray:
    """Probabilities by features alone, where a young applicant of these months may be of the wave or not.

    The wave's labels are a draw without replacement with odds that grow with the signs: of many rows, each that is not
    positive already becomes so with 1 - exp(-scale * odds), where the scale makes half of the wave positive.
    """
    signs = data.features[:, [FEATURE_NAMES.index(name) for name in WAVE_SIGNS]]
    ranked = np.sort(signs[data.wave], axis=0)
    rank = np.mean([np.searchsorted(column, signs[:, number]) for number, column in enumerate(ranked.T)], axis=0)
    recency = 1.0 - rank / len(ranked)
    spread = np.ptp(recency[data.wave])
    odds = np.exp(WAVE_CONTRAST * recency / spread)

    def in_wave(scale: float) -> FloatArray:
        return np.asarray(ordinary + (1 - ordinary) * (1 - np.exp(-scale * odds)))

    scale = float(brentq(lambda scale: in_wave(scale)[data.wave].mean() - 0.5, 1e-9, 1e3))
    young = is_young(data.features) & (data.dates >= np.datetime64(RECENT[0]))
    share = data.wave.sum() / young.sum()
    mixed: npt.NDArray[np.float64] = np.where(young, share * in_wave(scale) + (1 - share) * ordinary, ordinary)
    return mixed
