"""The file of contribution tables beside `model.onnx`: MessagePack with raw little-endian arrays."""

from __future__ import annotations

from typing import Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from serve.engine.contributions.errors import ContributionsError
from serve.engine.contributions.tables import NOT_A_THRESHOLD, ContributionTables

FORMAT: Final = 1

_FLOAT: Final = np.dtype("<f4")
_INTEGER: Final = np.dtype("<i4")


class TableFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tables as written: the fields of `ContributionTables`, and the model they belong to."""

    format: int
    model_sha256: str
    """SHA-256 of the `model.onnx` whose log-odds they explain, lower-case hexadecimal."""
    feature_names: tuple[str, ...]
    base: float
    thresholds: bytes
    threshold_starts: bytes
    offsets: bytes
    starts: bytes
    columns: bytes
    column_starts: bytes
    values: bytes

    @classmethod
    def of(cls, tables: ContributionTables, model_sha256: str) -> Self:
        """The file of a model's tables."""
        return cls(
            format=FORMAT,
            model_sha256=model_sha256,
            feature_names=FEATURE_NAMES,
            base=tables.base,
            thresholds=tables.thresholds.astype(_FLOAT).tobytes(),
            threshold_starts=tables.threshold_starts.astype(_INTEGER).tobytes(),
            offsets=tables.offsets.astype(_INTEGER).tobytes(),
            starts=tables.starts.astype(_INTEGER).tobytes(),
            columns=tables.columns.astype(_INTEGER).tobytes(),
            column_starts=tables.column_starts.astype(_INTEGER).tobytes(),
            values=tables.values.astype(_FLOAT).tobytes(),
        )

    def to_bytes(self) -> bytes:
        """Serialize; equal tables produce equal bytes."""
        return msgspec.msgpack.encode(self)


def read_tables(content: bytes, model_sha256: str) -> ContributionTables:
    """The tables of a file, checked.

    Raises:
        ContributionsError: it is damaged, of another format, or of another model.
    """
    try:
        file = msgspec.msgpack.decode(content, type=TableFile)
    except msgspec.MsgspecError as error:
        raise ContributionsError(f"it is damaged ({error})") from None
    if file.format != FORMAT:
        raise ContributionsError(f"its format is {file.format}, expected {FORMAT}")
    if file.model_sha256 != model_sha256:
        raise ContributionsError(f"it belongs to the model with SHA-256 {file.model_sha256}, not {model_sha256}")
    if file.feature_names != FEATURE_NAMES:
        raise ContributionsError(f"its features are {', '.join(file.feature_names)}, not {', '.join(FEATURE_NAMES)}")
    try:
        tables = _tables(file)
    except ValueError as error:  # not whole numbers of entries, or of rows
        raise ContributionsError(f"it is damaged ({error})") from None
    tables.check()
    return tables


def _tables(file: TableFile) -> ContributionTables:
    thresholds, starts = _floats(file.thresholds), _integers(file.starts)
    intervals = len(thresholds) + NOT_A_THRESHOLD * FEATURE_COUNT
    return ContributionTables(
        base=file.base,
        thresholds=thresholds,
        threshold_starts=_integers(file.threshold_starts),
        offsets=_integers(file.offsets).reshape(intervals, max(len(starts) - 1, 0)),
        starts=starts,
        columns=_integers(file.columns),
        column_starts=_integers(file.column_starts),
        values=_floats(file.values),
    )


def _floats(content: bytes) -> NDArray[np.float32]:
    return np.frombuffer(content, _FLOAT).astype(np.float32)


def _integers(content: bytes) -> NDArray[np.int32]:
    return np.frombuffer(content, _INTEGER).astype(np.int32)
