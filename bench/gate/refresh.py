"""Where a candidate was rejected: the champion's recipe, fitted again on everything known, if that is not inferior.

A better recipe is rare, newer applications come every month. The refreshed version has a judged twin of its own, which
is compared with the champion's on applications that neither has seen, by the rule `noninferior`: what it brings is no
better recipe but the newest applications.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.gate.check import Gate
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.rule import Rule
from bench.gate.report.gate_report import GateReport
from fraud.progress import ShowStep
from fraud.registry import ModelVersion
from fraud.verdict import Verdict
from train.refresh import refresh, why_not_refreshed


@dataclass(frozen=True, slots=True)
class Refresh:
    """How the champion's recipe is fitted again."""

    seed: int
    threads: int

    def version(self, gate: Gate, champion: ModelVersion, progress: ShowStep) -> ModelVersion:
        """Register the refreshed version.

        Raises:
            ProjectError: it can't be fitted, proven or registered.
        """
        return refresh(
            gate.trainer_dsn,
            gate.registry,
            champion,
            gate.cutoff,
            known_before=gate.known_before,
            seed=self.seed,
            threads=self.threads,
            progress=progress,
        )


def may_refresh(report: GateReport, champion: ModelVersion | None, gate: Gate) -> bool:
    """Whether a rejection leaves something to refresh."""
    return report.verdict is Verdict.FAIL and champion is not None and why_not_refreshed(champion, gate.cutoff) is None


def refresh_policy(policy: QualityPolicy) -> QualityPolicy:
    """What is asked of a refreshed version: not to be worse; all limits hold as for any other."""
    return replace(policy, rule=Rule.NONINFERIOR)


def after_rejection(report: GateReport, rejected: ModelVersion, reasons: tuple[str, ...]) -> GateReport:
    """The report on a refreshed version, which says first what became of the candidate."""
    if report.quality is None:
        return report
    told = f"version {rejected.version}, the candidate, was rejected ({'; '.join(reasons)})"
    refreshed = f"version {report.quality.candidate} is the champion's recipe, fitted again on everything known"
    return replace(report, quality=replace(report.quality, reasons=(told, refreshed, *report.quality.reasons)))
