"""Reasons to refuse a candidate whatever its average precision: each is off unless a limit is set.

A loss is a veto when its whole 95% interval lies beyond the limit, so that a small slice does not refuse good models
by chance: with ten slices, the lower ends of a loss that is not there lie beyond 0 in one gate of five. The share of
flipped decisions is no estimate but a count, and is compared as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.gate.quality.comparison import Comparison
from bench.gate.quality.slices import SliceReport
from fraud.settings.gate import GateVetoes
from fraud.statistics.interval import Interval


def vetoes(
    limits: GateVetoes, comparison: Comparison, slices: Sequence[SliceReport], flip_share: float
) -> Iterator[str]:
    """A sentence for every limit that the candidate breaks."""
    losses = (
        ("Brier score", comparison.brier_score.difference, limits.brier_rise, "GATE_VETOES brier_rise"),
        (
            "review precision",
            _loss(comparison.review_precision.difference),
            limits.precision_loss,
            "GATE_VETOES precision_loss",
        ),
        ("review recall", _loss(comparison.review_recall.difference), limits.recall_loss, "GATE_VETOES recall_loss"),
        *(
            (f"average precision of {part.name}", _loss(part.difference), limits.slice_loss, "GATE_VETOES slice_loss")
            for part in slices
            if part.difference is not None
        ),
    )
    for name, loss, limit, setting in losses:
        if limit is not None and loss.low > limit:
            yield (
                f"veto: {name} is worse by {loss.estimate:.4f} (95% interval {loss.low:.4f} to {loss.high:.4f}), "
                f"more than {setting}={limit:g}"
            )
    if limits.flip_share is not None and flip_share > limits.flip_share:
        yield (
            f"veto: the decision of {flip_share:.2%} of the applications changes, "
            f"more than GATE_VETOES flip_share={limits.flip_share:g}"
        )


def _loss(difference: Interval) -> Interval:
    """What falls by -0.02 loses 0.02."""
    return Interval(-difference.estimate, -difference.high, -difference.low)
