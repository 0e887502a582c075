"""What the replay reads of the gate's `gate.json`; everything else in it is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from fraud.verdict import Verdict
from train.replay.errors import ReplayError

GATE_JSON: Final = "gate.json"


class Estimate(msgspec.Struct, frozen=True):
    """A figure with an interval, of which only the figure is shown here."""

    estimate: float


class BothModels(msgspec.Struct, frozen=True):
    """One figure of both models on the gate's rows."""

    champion: Estimate
    candidate: Estimate


class VersusChampion(msgspec.Struct, frozen=True):
    """The candidate beside the champion."""

    average_precision: BothModels


class Evaluation(msgspec.Struct, frozen=True):
    """The candidate alone."""

    average_precision: Estimate


class VersusChance(msgspec.Struct, frozen=True):
    """The candidate where there is no champion."""

    evaluation: Evaluation


class Quality(msgspec.Struct, frozen=True):
    """The gate's AUC-PR half."""

    candidate: int
    versus_champion: VersusChampion | None
    versus_chance: VersusChance | None


class KindLatency(msgspec.Struct, frozen=True):
    """One kind of request."""

    name: str
    p50_ratio: Estimate


class Latency(msgspec.Struct, frozen=True):
    """The gate's latency half."""

    kinds: tuple[KindLatency, ...]


class GateResult(msgspec.Struct, frozen=True):
    """The gate's verdict and the figures of the table."""

    verdict: Verdict
    reasons: tuple[str, ...]
    quality: Quality | None
    latency: Latency | None

    @property
    def champion_ap(self) -> float | None:
        """Average precision of the champion on the gate's rows; None where the gate had none or could not compare."""
        compared = self.quality and self.quality.versus_champion
        return compared.average_precision.champion.estimate if compared else None

    @property
    def candidate_ap(self) -> float | None:
        """Average precision of the candidate on the same rows."""
        if self.quality is None:
            return None
        if self.quality.versus_champion is not None:
            return self.quality.versus_champion.average_precision.candidate.estimate
        alone = self.quality.versus_chance
        return None if alone is None else alone.evaluation.average_precision.estimate

    @property
    def worst_median_ratio(self) -> float | None:
        """Candidate over champion, median latency of the kind of request that suffers most; None when not measured."""
        if self.latency is None:
            return None
        return max((kind.p50_ratio.estimate for kind in self.latency.kinds), default=None)


def read_gate_result(folder: Path, exit_status: int) -> GateResult:
    """The report that a gate of this exit status has written into the folder.

    Raises:
        ReplayError: there is none, it is no report, or it says something else than the exit status.
    """
    path = folder / GATE_JSON
    try:
        result = msgspec.json.decode(path.read_bytes(), type=GateResult)
    except (OSError, msgspec.MsgspecError) as error:
        raise ReplayError(f"the gate ended with status {exit_status}, and {path} can't be read: {error}") from error
    if result.verdict.exit_status != exit_status:
        raise ReplayError(f"the gate ended with status {exit_status}, but {path} says {result.verdict}")
    return result
