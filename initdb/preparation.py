"""Raw CSV -> prepared applicants: the same for the public table and for a generated one.

The CSV is read block by block as text, because the public one has symbols among its numbers, and each block is
narrowed to the loans below the ceiling before its other columns are read as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from fraud.features import FEATURE_NAMES, FEATURES
from initdb.errors import NoUsableRowsError, RawTableError
from initdb.public_table import EDUCATION_DAYS

EDUCATION_COLUMN: Final = "Client_Education"
LABEL_COLUMN: Final = "Default"
NUMBER_COLUMNS: Final = tuple(name for name in FEATURE_NAMES if name != "Education_Days")
USED_COLUMNS: Final = (*NUMBER_COLUMNS, EDUCATION_COLUMN, LABEL_COLUMN)

AGENCY_CEILING: Final = 25_000.0
"""EUR; the agency lends less than this."""

AGE_STEP_ABOVE: Final = 11_000.0
"""Days; older people (30 years and more) are made younger: the agency's couples marry for the first time."""

AGE_STEP: Final = 3_650.0
"""Days; ten years."""

NUMBER: Final = r"^\d+(\.\d*)?([eE][+-]?\d{1,2})?$"
BLANKS: Final = r"[\s\x{00A0}\x{2009}\x{202F}]+"
"""Also the blanks that some exports put between thousands."""

LARGEST_INTEGER: Final = 2**31 - 1
"""PostgreSQL's `integer`."""

BLOCK_BYTES: Final = 16 * 2**20

REMEDY: Final = "set RAW_TABLE (or --csv) to the public Train_Dataset.csv, or leave it unset to generate rows"

FloatMatrix = npt.NDArray[np.float32]
LabelVector = npt.NDArray[np.int16]
Progress = Callable[[int], None]
"""Told after each block how many bytes of the file were read."""


@dataclass(frozen=True, slots=True)
class Applicants:
    """Prepared rows: features [rows, 10] in schema order, labels [rows], and how many raw rows there were.

    NaN: a blank, in a feature that may be missing.
    """

    features: FloatMatrix
    labels: LabelVector
    raw_rows: int


def prepare(path: Path, progress: Progress, ceiling: float | None = AGENCY_CEILING) -> Applicants:
    """Read, filter and recode the raw table; no two applicants of the result are equal in all features.

    Only loans below `ceiling` (EUR) are kept; None: all of them.

    Raises:
        RawTableError: the file isn't there, is empty, isn't a CSV or lacks a column.
        NoUsableRowsError: no row has a loan below the ceiling, all values and a label.
    """
    matrices, labels, raw_rows = [], [], 0
    for batch in _blocks(path, progress):
        raw_rows += batch.num_rows
        matrix, label = _prepared(batch, math.inf if ceiling is None else ceiling)
        matrices.append(matrix)
        labels.append(label)
    features = np.concatenate(matrices) if matrices else np.empty((0, len(FEATURES)), dtype=np.float32)
    if len(features) == 0:
        raise NoUsableRowsError(
            path,
            f"none of {raw_rows:,} rows has a Credit_Amount{'' if ceiling is None else f' below {ceiling:,.0f}'}, "
            "a value in every used column and a Default of 0 or 1",
            REMEDY,
        )
    first = ~pd.DataFrame(features).duplicated().to_numpy()
    return Applicants(features[first], np.concatenate(labels)[first], raw_rows)


def _blocks(path: Path, progress: Progress) -> Iterator[pa.RecordBatch]:
    try:
        with path.open("rb") as file:
            header = csv.open_csv(file, read_options=csv.ReadOptions(block_size=BLOCK_BYTES)).schema.names
    except OSError as error:
        raise RawTableError(path, error.strerror or str(error), REMEDY) from error
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise RawTableError(path, f"can't be read as a CSV ({' '.join(str(error).split())})", REMEDY) from error
    missing = [name for name in USED_COLUMNS if name not in header]
    if missing:
        raise RawTableError(path, f"has no column {', '.join(missing)}", f"its header must name them; {REMEDY}")
    options = csv.ConvertOptions(
        include_columns=USED_COLUMNS, column_types=dict.fromkeys(USED_COLUMNS, pa.string()), strings_can_be_null=False
    )
    try:
        with path.open("rb") as file:
            yield from _counted(
                csv.open_csv(file, csv.ReadOptions(block_size=BLOCK_BYTES), convert_options=options),
                file.tell,
                progress,
            )
    except pa.ArrowInvalid as error:
        raise RawTableError(path, f"is broken in the middle ({' '.join(str(error).split())})", REMEDY) from error


def _counted(reader: csv.CSVStreamingReader, tell: Callable[[], int], progress: Progress) -> Iterator[pa.RecordBatch]:
    before = 0
    for batch in reader:
        yield batch
        progress(tell() - before)
        before = tell()


def _prepared(batch: pa.RecordBatch, ceiling: float) -> tuple[FloatMatrix, LabelVector]:
    """The block's usable rows, recoded."""
    amount = _numbers(batch.column("Credit_Amount"))
    batch = batch.filter(pa.array(amount < ceiling))
    columns = [_numbers(batch.column(name)) for name in NUMBER_COLUMNS]
    matrix = np.column_stack([*columns, _education_days(batch.column(EDUCATION_COLUMN))])
    age = matrix[:, FEATURE_NAMES.index("Age_Days")]
    age[age > AGE_STEP_ABOVE] -= AGE_STEP
    integral = [feature.integral for feature in FEATURES]
    matrix[:, integral] = np.rint(matrix[:, integral])
    label = _numbers(batch.column(LABEL_COLUMN))
    minimum = np.array([feature.minimum for feature in FEATURES])
    known = (matrix >= minimum) & (matrix <= LARGEST_INTEGER)
    usable = (known | _may_stay_blank(batch)).all(axis=1) & np.isin(label, (0.0, 1.0))
    return matrix[usable].astype(np.float32), label[usable].astype(np.int16)


def _may_stay_blank(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Where there is nothing, in a feature that may be missing, [rows, 10]; a symbol for a number is no blank."""
    blank = np.zeros((batch.num_rows, len(FEATURES)), dtype=bool)
    for column, feature in enumerate(FEATURES):
        if feature.may_be_missing:
            texts = batch.column(feature.name if feature.name in NUMBER_COLUMNS else EDUCATION_COLUMN)
            is_blank = pc.equal(pc.replace_substring_regex(texts, BLANKS, ""), "")
            blank[:, column] = is_blank.to_numpy(zero_copy_only=False)
    return blank


def _numbers(texts: pa.Array) -> npt.NDArray[np.float64]:
    """The column as float64; NaN where the text isn't a number of zero or more."""
    squeezed = pc.replace_substring_regex(texts, BLANKS, "")
    numbers = pc.if_else(pc.match_substring_regex(squeezed, NUMBER), squeezed, None)
    return np.asarray(pc.cast(numbers, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _education_days(texts: pa.Array) -> npt.NDArray[np.float64]:
    """Days of schooling; NaN for a blank or an unknown level."""
    names = pc.replace_substring_regex(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), r"\s+", "_")
    index = pc.index_in(names, value_set=pa.array(EDUCATION_DAYS)).to_numpy(zero_copy_only=False)
    days = np.array([*EDUCATION_DAYS.values(), np.nan])
    return np.asarray(days[np.nan_to_num(index, nan=len(EDUCATION_DAYS)).astype(np.int64)])
