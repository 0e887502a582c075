"""Counterfactuals in words: single changes of disputable features that would have taken an
application out of review.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.change_words import tell_change
from fraud.features import FEATURES
from serve.audit.answering_versions import AnsweringVersion
from serve.audit.review_borders import Border
from serve.engine.single_changes import single_changes

NO_BORDER: Final = "no review policy was in force then: set --threshold"
NOT_REVIEWED: Final = "its probability is below the threshold"
NONE_DOES_IT: Final = "no change of a single disputable feature would have been sufficient"


class ToldChange(msgspec.Struct, frozen=True):
    """Another value of one feature, and the version's answer with it, all else unchanged."""

    field: str
    value: float
    instead_of: float
    probability: float
    text: str


class WhatWouldHaveChangedIt(msgspec.Struct, frozen=True):
    """Changes with which the application would not have been reviewed; if there are none, `why_none` says why."""

    threshold: float | None
    policy: str | None
    """The policy of the threshold; None if the auditor chose it."""
    changes: Sequence[ToldChange] = ()
    why_none: str | None = None


def told_changes(
    row: NDArray[np.float32], probability: float, border: Border | None, version: AnsweringVersion, language: str
) -> WhatWouldHaveChangedIt:
    """The changes of a row [F] with its answered probability."""
    if border is None:
        return WhatWouldHaveChangedIt(None, None, why_none=NO_BORDER)
    if probability < border.threshold:
        return WhatWouldHaveChangedIt(border.threshold, border.policy, why_none=NOT_REVIEWED)
    found = single_changes(row, border.threshold, FEATURES, version.contributions.thresholds, version.score)
    told = []
    for change in found:
        feature, own = FEATURES[change.column], float(row[change.column])
        text = tell_change(feature, own, change.value, language)
        told.append(ToldChange(feature.name, change.value, own, change.probability, text))
    return WhatWouldHaveChangedIt(border.threshold, border.policy, told, None if told else NONE_DOES_IT)
