"""Counts -> what has changed: all tests of a window as one family, and what each of them means.

The likelihood ratio of all bins of a variable is the sum of that of the common bins among themselves and those of the
shares of all the others (partition of G, Agresti 2013, section 3.3). So testing the parts on their own loses nothing:
the common bins get the G test, and the shares of missing, unseen, out-of-range and rare values the exact test that
small counts need, each by its name.

*Drift* is a change of the applicants: the values in range are distributed otherwise, some lie beyond the reference's
range as well, fewer values are missing, or the positive rate has moved. Training again is the answer.

A *data-quality fault* is a change of the feed: values are missing that were there, lie where no value can lie, or lie
beyond the reference's range while all others are distributed as ever (a population does not move by its fringe alone),
or a fifth of them does. A model of such a window would be wrong; the feed has to be looked at first.

Values beyond the range are drift all the same once the training data have enough of them: somebody has confirmed them
by an outcome, and a retraining can learn them. So drift and a fault may be found at once, each with its own evidence.

The predicted probability comes from our own model, so its range says nothing about a feed: beyond it is drift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.binning import BinKind
from fraud.statistics.psi import psi
from fraud.verdict import Verdict, worst
from jenkins.drift.counts import LabelCounts, VariableCounts
from jenkins.drift.policy import ENOUGH_TO_LEARN, IMPLAUSIBLE_SHARE, DriftPolicy
from jenkins.drift.result import RareChange, RareKind, RateDrift, ShapeChange, VariableDrift
from jenkins.drift.statistics.distances import distances
from jenkins.drift.statistics.g_test import GTest, common_bins, g_test
from jenkins.drift.statistics.holm import holm
from jenkins.drift.statistics.share_test import share_test

OUT_OF_RANGE: Final = frozenset({BinKind.BELOW, BinKind.ABOVE})

Taught = Callable[[VariableCounts], int]
"""Applications of the training data whose value of a feature lies beyond the reference's range."""


def nothing_taught(_: VariableCounts) -> int:
    """Where nobody knows what the training data hold."""
    return 0


@dataclass(frozen=True, slots=True)
class RareTest:
    """Rows of one kind of rare values on both sides, and the test of their shares."""

    kind: RareKind
    reference_share: float
    current_share: float
    p_value: float


def judge(
    variables: Sequence[VariableCounts],
    labels: LabelCounts | None,
    policy: DriftPolicy,
    taught: Taught = nothing_taught,
) -> tuple[tuple[VariableDrift, ...], RateDrift | None]:
    """Test all variables and the positive rate together, and say what each change means.

    Args:
        variables: reference and window.
        labels: the same; None where no label counts yet.
        policy: what counts.
        taught: asked only of a feature of which too much lies beyond the reference's range.

    Returns:
        Findings in the order of the variables; None for the positive rate where no label counts yet.
    """
    shapes = [_shape_test(one) for one in variables]
    rares = [_rare_tests(one) for one in variables]
    rate_p = () if labels is None or labels.current_rows == 0 else (_rate_p_value(labels),)
    family = [*(test.p_value for test in shapes), *(test.p_value for tests in rares for test in tests), *rate_p]
    adjusted = iter(holm(family).tolist())
    # In the order in which the family was listed.
    shape_changes = [_shape_change(one, test, next(adjusted)) for one, test in zip(variables, shapes, strict=True)]
    rare_changes = [_rare_changes(tests, adjusted) for tests in rares]
    found = tuple(
        judge_variable(one, shape, rare, policy, taught)
        for one, shape, rare in zip(variables, shape_changes, rare_changes, strict=True)
    )
    return found, judge_rate(labels, rate_p[0], next(adjusted), policy) if labels and rate_p else None


def judge_variable(
    counts: VariableCounts, shape: ShapeChange, rare: tuple[RareChange, ...], policy: DriftPolicy, taught: Taught
) -> VariableDrift:
    """What the changes of one variable mean."""
    floor = policy.psi_floor_of(counts.name)
    verdicts, reasons = [Verdict.PASS], []
    moved = shape.adjusted_p_value <= policy.alpha and shape.psi >= floor
    if moved:
        verdicts.append(Verdict.FAIL)
        reasons.append(f"{counts.name}: distribution changed (PSI {shape.psi:.3f}), most in {_largest_move(counts)}")
    for change in rare:
        if not _counts(change, policy):
            continue
        verdict, sentence = _meaning(counts, change, moved), _sentence(change)
        if verdict is Verdict.DATA_QUALITY_FAULT and change.kind is RareKind.OUT_OF_RANGE:
            verdict, evidence = _fault_or_drift(taught(counts), alone=not moved)
            sentence += f"; {evidence}"
        elif verdict is Verdict.DATA_QUALITY_FAULT:
            sentence += ": check the feed before training again"
        verdicts.append(verdict)
        reasons.append(f"{counts.name}: {sentence}")
    return VariableDrift(counts, worst(verdicts), tuple(reasons), shape, rare, distances(counts), floor)


def judge_rate(labels: LabelCounts, p_value: float, adjusted: float, policy: DriftPolicy) -> RateDrift:
    """What the positive rate says."""
    before = labels.reference_positives / labels.reference_rows
    now = labels.current_positives / labels.current_rows
    drifted = adjusted <= policy.alpha and abs(now - before) >= policy.rate_floor
    reasons = (f"positive rate of {labels.current_rows:,} labels: {before:.1%} -> {now:.1%}",) if drifted else ()
    return RateDrift(labels, before, now, p_value, adjusted, Verdict.FAIL if drifted else Verdict.PASS, reasons)


def _shape_test(counts: VariableCounts) -> GTest:
    bins = counts.in_range & common_bins(counts.reference, counts.current)
    return g_test(counts.reference[bins], counts.current[bins])


def _rare_tests(counts: VariableCounts) -> list[RareTest]:
    kinds = np.array(counts.bins.kinds)
    missing = kinds == BinKind.MISSING
    outside = np.isin(kinds, list(OUT_OF_RANGE))
    unseen = ~(missing | outside | counts.in_range)
    rare = counts.in_range & ~common_bins(counts.reference, counts.current)
    return [
        _rare_test(counts, kind, bins)
        for kind, bins in (
            (RareKind.MISSING, missing),
            (RareKind.UNSEEN, unseen),
            (RareKind.OUT_OF_RANGE, outside),
            (RareKind.RARE, rare),
        )
        if bins.any()
    ]


def _rare_test(counts: VariableCounts, kind: RareKind, bins: NDArray[np.bool_]) -> RareTest:
    before, now = int(counts.reference[bins].sum()), int(counts.current[bins].sum())
    rows_before, rows_now = int(counts.reference.sum()), int(counts.current.sum())
    p_value = share_test(before, rows_before, now, rows_now)
    return RareTest(kind, before / rows_before, now / rows_now, p_value)


def _rate_p_value(labels: LabelCounts) -> float:
    return share_test(labels.reference_positives, labels.reference_rows, labels.current_positives, labels.current_rows)


def _shape_change(counts: VariableCounts, test: GTest, adjusted: float) -> ShapeChange:
    inside = psi(counts.reference[counts.in_range], counts.current[counts.in_range])
    return ShapeChange(test.g, test.degrees_of_freedom, test.p_value, adjusted, inside)


def _rare_changes(tests: Sequence[RareTest], adjusted: Iterator[float]) -> tuple[RareChange, ...]:
    return tuple(
        RareChange(test.kind, test.reference_share, test.current_share, test.p_value, next(adjusted)) for test in tests
    )


def _counts(change: RareChange, policy: DriftPolicy) -> bool:
    moved = abs(change.current_share - change.reference_share)
    return change.adjusted_p_value <= policy.alpha and moved >= policy.rare_share


def _meaning(counts: VariableCounts, change: RareChange, shape_moved: bool) -> Verdict:
    if change.kind is RareKind.RARE or change.current_share < change.reference_share:
        return Verdict.FAIL
    if change.kind is RareKind.MISSING:
        return Verdict.DATA_QUALITY_FAULT
    if counts.is_prediction:
        return Verdict.FAIL
    if change.kind is RareKind.OUT_OF_RANGE and shape_moved and change.current_share < IMPLAUSIBLE_SHARE:
        return Verdict.FAIL
    return Verdict.DATA_QUALITY_FAULT


def _fault_or_drift(taught: int, *, alone: bool) -> tuple[Verdict, str]:
    """Whether values beyond the range are the feed's fault, by what a retraining could learn; and what would decide it.

    Args:
        taught: such applications in the training data.
        alone: all other values of the feature are distributed as ever.
    """
    if taught >= ENOUGH_TO_LEARN:
        return Verdict.FAIL, f"the training data have {taught:,} such applications, so a retraining learns them"
    evidence = "all other values are unchanged, and the" if alone else "the"
    return Verdict.DATA_QUALITY_FAULT, (
        f"{evidence} training data have {taught:,} such applications, so no retraining could learn them. Compare some "
        "with their source: if they differ, mend the feed; if they are right, load outcomes of such applications (from "
        f"{ENOUGH_TO_LEARN} on this is drift), or decide by hand: `python -m jenkins.retrain --reason 'feed is right'`"
    )


def _sentence(change: RareChange) -> str:
    what = {
        RareKind.MISSING: "are missing",
        RareKind.UNSEEN: "have values where the reference has none",
        RareKind.OUT_OF_RANGE: "lie beyond all reference values",
        RareKind.RARE: "have values that are rare in the reference",
    }[change.kind]
    return f"{change.current_share:.2%} {what}, {change.reference_share:.2%} in the reference"


def _largest_move(counts: VariableCounts) -> str:
    before, now = counts.reference / counts.reference.sum(), counts.current / counts.current.sum()
    place = int(np.abs(np.where(counts.in_range, now - before, 0)).argmax())
    return f"{counts.bins.labels[place]} ({before[place]:.1%} -> {now[place]:.1%})"
