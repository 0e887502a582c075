"""The gate that a candidate passes to be promoted."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import annotated_types
from pydantic import BaseModel, Field, model_validator

from fraud.settings.part import Allowance, Part, PositiveFloat, PositiveInt, Ratio, Share
from fraud.statistics.review import REVIEW_CAPACITY


class GateVetoes(BaseModel, frozen=True, extra="forbid"):
    """Reasons to reject a candidate whatever its average precision; None = no veto."""

    brier_rise: Allowance | None = None
    precision_loss: Allowance | None = None
    """At the review capacity, as `recall_loss`."""
    recall_loss: Allowance | None = None
    slice_loss: Allowance | None = None
    """Loss of average precision in any group of one feature."""
    flip_share: Allowance | None = None
    """Share of applications that only one of the two models has reviewed."""
    fpr_ratio: Ratio | None = None
    """False-positive rate of a group divided by that of all others, where the champion's is lower."""
    selection_ratio: Ratio | None = None
    """Share of a group that is reviewed divided by that of all others, where the champion's is lower."""


class GateEffort(BaseModel, frozen=True, extra="forbid"):
    """How much the gate measures to compare latencies."""

    window_s: PositiveFloat = 2.0
    """Time for which one server is loaded before the other, seconds."""
    min_pairs: PositiveInt = 8
    """Fewest pairs of windows."""
    max_pairs: PositiveInt = 24
    """The largest number of pairs of windows that the gate measures."""
    too_noisy_ratio: Annotated[float, annotated_types.Gt(1)] = 2.0
    """The gate measures on while a latency ratio of this size cannot be ruled out; in the end: inconclusive."""

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        if self.min_pairs > self.max_pairs:
            raise ValueError(f"expected min_pairs of at most max_pairs={self.max_pairs}")
        return self


class GateSettings(Part):
    """The gate that a candidate passes to be promoted."""

    gate_rule: Literal["superior", "better", "noninferior"] = Field(
        "superior", description="what the candidate's AUC-PR must be beside the champion's to be promoted"
    )
    gate_level: float = Field(0.01, gt=0, lt=0.5, description="share of equal models that one gate may promote")
    gate_margin: Share = Field(0.005, description="loss of AUC-PR that GATE_RULE=noninferior, and a refresh, accept")
    gate_refresh: bool = Field(
        True, description="where a candidate is rejected, fit the champion's recipe again and ship it if not inferior"
    )
    gate_min_positives: PositiveInt = Field(
        100, description="fewest divorces, and fewest other applications, to judge on; with fewer: inconclusive"
    )
    gate_review_capacity: Share = Field(
        REVIEW_CAPACITY, description="share of applications that officers can review, for the gate's figures"
    )
    gate_vetoes: GateVetoes = Field(
        GateVetoes(),
        description="reasons to reject a candidate whatever its AUC-PR, as JSON: limits of brier_rise, precision_loss, "
        "recall_loss, slice_loss, flip_share, fpr_ratio and selection_ratio; not named = no veto",
    )
    gate_latency_ratio: float = Field(
        1.1, ge=1, description="refuse a candidate whose latency is significantly above this share of the champion's"
    )
    gate_p99_ms: dict[Literal["single", "batch_100", "batch_1000", "batch_10000"], PositiveFloat] = Field(
        {"single": 50.0, "batch_100": 100.0, "batch_1000": 250.0, "batch_10000": 1000.0},
        description="most p99 of a candidate by kind of request, milliseconds, as JSON; what it does not name is free",
    )
    gate_effort: GateEffort = Field(
        GateEffort(),
        description="how much the gate measures, as JSON; what is not named keeps its default",
    )
