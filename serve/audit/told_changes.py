"""What would have moved an application out of review: single changes of what a person can dispute, in words."""

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

NO_BORDER: Final = "no review policy was in force then: --threshold names a probability"
NOT_REVIEWED: Final = "its probability is below the threshold"
NONE_DOES_IT: Final = "no other value of one feature alone that may be disputed would have done it"


class ToldChange(msgspec.Struct, frozen=True):
    """Another value of one feature, and what the version then answers, all else as it was."""

    field: str
    value: float
    instead_of: float
    probability: float
    text: str


class WhatWouldHaveChangedIt(msgspec.Struct, frozen=True):
    """Changes with which the application would not have been reviewed; where there are none, `why_none` says why."""

    threshold: float | None
    policy: str | None
    """By which the threshold was in force; None where the auditor named it."""
    changes: Sequence[ToldChange] = ()
    why_none: str | None = None


def told_changes(
    row: NDArray[np.float32], probability: float, border: Border | None, version: AnsweringVersion, language: str
) -> WhatWouldHaveChangedIt:
    """Of a row [F] with the probability that it was answered."""
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
