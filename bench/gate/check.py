"""The whole check, from two registered versions to a report; it changes nothing."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.gate.latency.judge import LatencyRule
from bench.gate.latency.load_plan import REQUEST_KINDS
from bench.gate.latency.load_process import load_process
from bench.gate.latency.measure import Effort, measure
from bench.gate.latency.report import LatencyReport
from bench.gate.latency.servers import SERVER_COMMAND, served
from bench.gate.quality.check import check_quality
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.report import QualityReport
from fraud.api_keys import SCORING_API_KEY, Role, key_settings
from fraud.progress import ShowStep
from fraud.registry import ModelVersion, Registry
from fraud.verdict import Verdict


@dataclass(frozen=True, slots=True)
class LatencyTest:
    """How latency is measured."""

    rule: LatencyRule
    effort: Effort
    seed: int
    """Of the rows that are sent."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gate works with and what it asks for."""

    registry: Registry
    trainer_dsn: str
    """Of the applications."""
    server_settings: Mapping[str, str]
    """Of both servers: above all the database of the prediction log."""
    cutoff: dt.date
    """Applications from this day on are unknown, or have no mature label."""
    known_before: dt.datetime
    """Outcomes that were recorded from this moment on are unknown."""
    quality: QualityPolicy
    latency: LatencyTest
    work_dir: Path
    """Where the two servers run, in folders that do not outlive the check."""
    server_command: tuple[str, ...] = SERVER_COMMAND

    def check(
        self, candidate: ModelVersion, champion: ModelVersion | None, progress: ShowStep
    ) -> tuple[QualityReport, LatencyReport | None]:
        """Judge the candidate; latency is measured only of one that is good enough.

        Raises:
            ProjectError: something does not answer, or can't be run.
        """
        progress("comparing quality", 0, 1)
        quality = check_quality(
            *(self.trainer_dsn, self.registry, candidate, champion),
            cutoff=self.cutoff,
            known_before=self.known_before,
            policy=self.quality,
        )
        progress("comparing quality", 1, 1)
        if quality.verdict is not Verdict.PASS:
            return quality, None
        return quality, self.check_latency(candidate, champion, progress)

    def check_latency(
        self, candidate: ModelVersion, champion: ModelVersion | None, progress: ShowStep
    ) -> LatencyReport:
        """Serve both versions side by side and load them in turns.

        Without a champion the candidate is on both sides: its ratios are 1, but for noise, and what remains are
        the absolute objectives and the errors.
        """
        self.work_dir.mkdir(parents=True, exist_ok=True)
        key = key_settings("gate", Role.SCORE)
        with (
            tempfile.TemporaryDirectory(dir=self.work_dir) as folder,
            load_process(REQUEST_KINDS, key[SCORING_API_KEY], self.latency.seed) as load,
        ):
            progress("starting servers", 0, 2)
            sides = (champion or candidate, candidate)
            command = self.server_command
            settings = {**self.server_settings, **key}
            with served(self.registry, sides[0], Path(folder) / "champion", settings, command) as champion_url:
                progress("starting servers", 1, 2)
                with served(self.registry, sides[1], Path(folder) / "candidate", settings, command) as candidate_url:
                    progress("starting servers", 2, 2)
                    return measure(
                        (champion_url, candidate_url),
                        load,
                        REQUEST_KINDS,
                        rule=self.latency.rule,
                        effort=self.latency.effort,
                        progress=lambda done, most: progress("comparing latency (ends early)", done, most),
                    )
