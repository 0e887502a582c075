"""Reasons of a score: the features with the largest effects, as numbers and in words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_NAMES, FEATURES
from fraud.languages import ENGLISH
from fraud.reason_words import OFFERED
from serve.engine.contributions import Contributions
from serve.errors import ReasonsUnavailable

_IS_INTEGRAL: Final = [feature.integral for feature in FEATURES]
PIECE_ROWS: Final = 1000
EXACT_INTEGERS: Final = 2**53
"""Largest number written as an integer: beyond it JSON readers lose digits, and the writer allows only 64 bits."""
NO_POSITIONS: Final = np.empty(0, np.intp)

ToldRow = list[dict[str, Any]] | None
"""A row's reasons; None for an invalid row."""


class Reasons(msgspec.Struct, frozen=True, gc=False):
    """Effects of all features on the log-odds of the scored rows, and the rows' positions in the request."""

    base: float
    """Log-odds of the expected value."""
    matrix: NDArray[np.float32]
    """The scored rows, [N, F]."""
    effects: NDArray[np.float32]
    """[N, F]; a row's sum and `base` are its log-odds."""
    order: NDArray[np.intp]
    """[N, K]: each row's features with the largest effects, largest first; ties by column."""
    positions: NDArray[np.intp] = NO_POSITIONS
    """Positions of the scored rows in the request."""
    sent: int = 0
    """Number of rows in the request."""
    told: int = 0
    """Number of reasons for each row that are put in words."""
    language: str = ENGLISH

    def on_record(self) -> NDArray[np.float32]:
        """The form of the record, [N, 2 K]: pairs of a feature's number and its effect."""
        rows, count = self.order.shape
        pairs = np.empty((rows, count, 2), np.float32)
        pairs[:, :, 0] = self.order
        pairs[:, :, 1] = np.take_along_axis(self.effects, self.order, axis=1)
        return pairs.reshape(rows, 2 * count)

    def rows(self) -> Iterator[ToldRow]:
        """Iterate over the reasons of each row of the request; for a large batch all together
        would take much memory.
        """
        following = 0
        for position, row in zip(self.positions.tolist(), self._good_rows(), strict=True):
            yield from repeat(None, position - following)
            following = position + 1
            yield row
        yield from repeat(None, self.sent - following)

    def _good_rows(self) -> Iterator[ToldRow]:
        words = OFFERED[self.language]
        for start in range(0, len(self.order), PIECE_ROWS):
            piece = slice(start, start + PIECE_ROWS)
            order = self.order[piece, : self.told]
            values, effects = (np.take_along_axis(of[piece], order, axis=1) for of in (self.matrix, self.effects))
            # Python lists of float32, which JSON writes with the fewest digits; iterating over arrays row by row is
            # slower.
            flat, count = list(effects.ravel()), order.shape[1]
            for row, (columns, row_values) in enumerate(zip(order.tolist(), values.tolist(), strict=True)):
                row_effects = flat[row * count : (row + 1) * count]
                yield [
                    {
                        "field": FEATURE_NAMES[column],
                        "value": _json_value(column, value),
                        "effect": effect,
                        "text": words[column].tell(value, effect),
                    }
                    for column, value, effect in zip(columns, row_values, row_effects, strict=True)
                ]

    def pieces(self) -> Iterator[list[ToldRow]]:
        """`rows`, in chunks."""
        rows = self.rows()
        while piece := list(islice(rows, PIECE_ROWS)):
            yield piece

    def texts(self) -> list[str | None]:
        """The reasons of each row of the request as one text."""
        return [None if row is None else "; ".join(reason["text"] for reason in row) for row in self.rows()]

    def attributions(self) -> NDArray[np.float32]:
        """The effects of all features on each row of the request, NaN for an invalid row."""
        found = np.full((self.sent, self.effects.shape[1]), np.nan, np.float32)
        found[self.positions] = self.effects
        return found


def _json_value(column: int, value: float) -> np.float32 | int | None:
    """The value as the client may have sent it; None for a missing one."""
    if value != value:  # noqa: PLR0124 - NaN
        return None
    is_whole = _IS_INTEGRAL[column] and abs(value) <= EXACT_INTEGERS and value.is_integer()
    return int(value) if is_whole else np.float32(value)


def weightiest(effects: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """The columns of the `count` largest effects of each row, [N, count]; ties by column."""
    return np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :count]


def explain(contributions: Contributions | None, version: int, matrix: NDArray[np.float32], count: int) -> Reasons:
    """The reasons of each row.

    Raises:
        ReasonsUnavailable: the version has no tables of contributions.
    """
    if contributions is None:
        raise without_reasons(version)
    effects = contributions.effects(matrix)
    return Reasons(contributions.base, matrix, effects, weightiest(effects, count))


def without_reasons(version: int) -> ReasonsUnavailable:
    """The error of a version without reasons."""
    return ReasonsUnavailable(
        f"version {version} of the model has no reasons: it was registered by an older release; send the request "
        f"without reasons, or promote a newer version"
    )
