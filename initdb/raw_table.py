"""Write a raw CSV like the public `Train_Dataset.csv`: its columns, its statistics, its blanks and stray symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from fraud.features import FEATURE_NAMES
from initdb.blanks import BUREAU_COLUMN, STRAY_TOKENS, BureauBlanks
from initdb.columns import EDUCATION
from initdb.population import Population
from initdb.preparation import EDUCATION_COLUMN, LABEL_COLUMN
from initdb.profile import FloatArray, Profile
from initdb.public_table import EDUCATION_DAYS

ID_COLUMN: Final = "ID"
RAW_COLUMNS: Final = (ID_COLUMN, *FEATURE_NAMES[:EDUCATION], EDUCATION_COLUMN, LABEL_COLUMN)

EDUCATION_TEXTS: Final = {
    "junior_secondary": "Junior secondary",
    "secondary": "Secondary",
    "graduation_dropout": "Graduation dropout",
    "graduation": "Graduation",
    "post_grad": "Post Grad",
}

FIRST_ID: Final = 12_100_000
CHUNK_ROWS: Final = 65_536
DRAWERS: Final = 2
"""Threads that draw chunks."""

Progress = Callable[[int], None]
"""Told after each chunk how many rows it had."""


def write_raw_table(path: Path, population: Population, rows: int, seed: int, progress: Progress) -> None:
    """Write `rows` rows; the same seed and count give the same bytes, and a longer table begins with the shorter.

    Each chunk has a random stream of its own, so that chunks can be drawn side by side.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([(name, _column_type(name, population.profile)) for name in RAW_COLUMNS])
    options = csv.WriteOptions(quoting_style="none", quoting_header="none")
    unfinished = path.with_suffix(".part")
    try:
        with csv.CSVWriter(unfinished, schema, write_options=options) as writer:
            for batch in _chunks(population, rows, seed, schema):
                writer.write_batch(batch)
                progress(batch.num_rows)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _chunks(population: Population, rows: int, seed: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    starts = range(0, rows, CHUNK_ROWS)
    with ThreadPoolExecutor(DRAWERS) as pool:
        # As many chunks at a time as there are threads: map() would draw all before the disk had taken the first.
        for window in range(0, len(starts), DRAWERS):
            jobs = [
                pool.submit(_chunk, population, start, min(CHUNK_ROWS, rows - start), seed, schema)
                for start in starts[window : window + DRAWERS]
            ]
            yield from (job.result() for job in jobs)


def _column_type(name: str, profile: Profile) -> pa.DataType:
    return pa.string() if name in profile.official.stray_tokens or name == EDUCATION_COLUMN else pa.int64()


def _chunk(population: Population, start: int, rows: int, seed: int, schema: pa.Schema) -> pa.RecordBatch:
    """Rows `start` to `start + rows` of the table."""
    # Whole chunks are drawn and cut, so that the last one doesn't depend on where the table ends.
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(start // CHUNK_ROWS,)))
    values, labels = population.draw(CHUNK_ROWS, rng)
    arrays = [pa.array(np.arange(FIRST_ID + start, FIRST_ID + start + CHUNK_ROWS))]
    for name, column in zip(RAW_COLUMNS[1:-1], values.T, strict=True):
        blank = rng.random(CHUNK_ROWS) < _blank_shares(name, labels, population.profile)
        arrays.append(_spoilt(name, column, blank, population.profile, rng))
    arrays.append(pa.array(labels.astype(np.int64)))
    return pa.record_batch(arrays, schema=schema).slice(0, rows)


def _blank_shares(name: str, labels: FloatArray, profile: Profile) -> FloatArray:
    if name == BUREAU_COLUMN:
        return BureauBlanks.from_profile(profile).shares(labels)
    return np.full(len(labels), profile.official.blank_share[name])


def _spoilt(
    name: str, column: FloatArray, blank: npt.NDArray[np.bool_], profile: Profile, rng: np.random.Generator
) -> pa.Array:
    """The column as the CSV holds it: blanks as nulls, a few symbols among the numbers."""
    if name == EDUCATION_COLUMN:
        days = np.array(sorted(EDUCATION_DAYS.values()))
        level = pa.array(np.searchsorted(days, column).astype(np.int8), mask=blank)
        texts = [EDUCATION_TEXTS[kind] for kind, _ in sorted(EDUCATION_DAYS.items(), key=lambda item: item[1])]
        return pa.array(texts).take(level)
    whole = bool((column == np.rint(column)).all())
    numbers = pa.array(column.astype(np.int64) if whole else column, mask=blank)
    tokens = profile.official.stray_tokens.get(name, 0)
    if tokens == 0:
        return numbers
    stray = np.flatnonzero(rng.random(CHUNK_ROWS) < tokens / profile.official.rows)
    mask = np.zeros(CHUNK_ROWS, dtype=bool)
    mask[stray] = True
    symbols = pa.array([STRAY_TOKENS[i] for i in rng.integers(len(STRAY_TOKENS), size=len(stray))], type=pa.string())
    return pc.replace_with_mask(pc.cast(numbers, pa.string()), mask, symbols)
