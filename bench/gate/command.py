"""`python -m bench gate`."""

from __future__ import annotations

import datetime as dt
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from bench.gate.assembly import assemble_gate
from bench.gate.check import Gate
from bench.gate.deployment import Deploy, Deployment, deployment_of
from bench.gate.errors import GateError
from bench.gate.lock import alone
from bench.gate.promote import note_promotion, tell_missing
from bench.gate.promotion import finish, promote
from bench.gate.refresh import Refresh, after_rejection, may_refresh, refresh_policy
from bench.gate.report.files import stored_report, write_report
from bench.gate.report.gate_report import GateReport
from bench.gate.report.summary import print_summary
from fraud.errors import ProjectError
from fraud.progress import steps_on
from fraud.registry import CANDIDATE, GATE_FOLDER, GATE_VERDICT_TAG, PRODUCTION, ModelVersion
from fraud.report.stored import store_report
from fraud.settings import DatabaseRole, load_settings
from fraud.verdict import Verdict


def gate(
    *,
    today: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Applications from this day on are unknown to the gate [TODAY]."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--report", help="Folder of the report; default: <RUN_DIR>/gate/report.")
    ] = None,
    measure_only: Annotated[
        bool,
        typer.Option(
            "--measure-only", help="Change nothing: `python -m bench promote` promotes a candidate that passed."
        ),
    ] = False,
    deploy: Deploy = True,
) -> None:
    """Compare the candidate with production; promote it if it is better and as fast.

    If it is rejected, production's recipe is fitted again on everything known, and promoted if it is not inferior
    (GATE_REFRESH).

    Exit status: 0 promoted (or, with --measure-only, may be promoted), 10 rejected, 20 inconclusive, 2 error. Only 0
    changes anything.
    """
    settings = load_settings()
    if today is not None:
        settings = settings.model_copy(update={"today": today.date()})
    run = Run(
        assemble_gate(settings),
        deployment_of(settings) if deploy and not measure_only else None,
        settings.dsn(DatabaseRole.TRAINER),
        folder or settings.run_dir / "gate" / "report",
        measure_only,
        Refresh(settings.train_seed, settings.train_threads) if settings.gate_refresh else None,
        settings.acting_person,
    )
    report = run.report()
    if report is None:
        typer.echo(
            "The candidate is already in production" + (": nothing to measure." if measure_only else ", and served.")
        )
        return
    store_report(run.trainer_dsn, stored_report(report))
    print_summary(Console(), report, run.folder)
    sys.exit(report.verdict.exit_status)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the gate, from the lock to the promotion."""

    gate: Gate
    deployment: Deployment | None
    trainer_dsn: str
    folder: Path
    measure_only: bool
    refresh: Refresh | None = None
    """What to do where a candidate is rejected; None: nothing."""
    acting_person: str | None = None
    """Who has it run; None: who is logged in on the machine."""

    def report(self) -> GateReport | None:
        """What came of it, which is on disk as well; None when the candidate is in production already."""
        started, started_s = dt.datetime.now(dt.UTC), time.monotonic()
        report = GateReport(self.gate.registry.model_name, started, seconds=0.0, quality=None, latency=None)
        try:
            return self._decide(report)
        except ProjectError as error:
            report = replace(report, error=str(error), seconds=time.monotonic() - started_s)
            write_report(report, self.folder)
            return report

    def _decide(self, report: GateReport) -> GateReport | None:
        registry = self.gate.registry
        with alone(self.trainer_dsn, registry.model_name) as check_lock:
            candidate, champion = registry.version_of(CANDIDATE), registry.version_of(PRODUCTION)
            if candidate is None:
                raise GateError("the registry has no candidate: `python -m train` registers one")
            if champion is not None and champion.version == candidate.version:
                if not self.measure_only:
                    tell_missing(finish(registry, candidate, self.deployment))
                    note_promotion(self.trainer_dsn, champion, candidate, self.acting_person)
                return None
            report = self._judge(report, candidate, champion)
            self._record(report, candidate)
            if champion is not None and self.refresh is not None and may_refresh(report, champion, self.gate):
                candidate, report = self._refreshed(self.refresh, report, candidate, champion)
            if report.verdict is Verdict.PASS and not self.measure_only:
                try:
                    tell_missing(promote(registry, champion, candidate, self.deployment, check_lock))
                    note_promotion(self.trainer_dsn, champion, candidate, self.acting_person)
                except ProjectError as error:
                    report = replace(report, error=f"not promoted: {error}")
                    self._record(report, candidate)
            return report

    def _judge(self, report: GateReport, candidate: ModelVersion, champion: ModelVersion | None) -> GateReport:
        started_s = time.monotonic()
        with Progress(console=Console(stderr=True), transient=True) as bar:
            quality, latency = self.gate.check(candidate, champion, steps_on(bar))
        return replace(report, quality=quality, latency=latency, seconds=time.monotonic() - started_s)

    def _refreshed(
        self, refresh: Refresh, rejection: GateReport, candidate: ModelVersion, champion: ModelVersion
    ) -> tuple[ModelVersion, GateReport]:
        """The champion's recipe in the candidate's place, if it passes; else both as they were."""
        with Progress(console=Console(stderr=True), transient=True) as bar:
            refreshed = refresh.version(self.gate, champion, steps_on(bar))
        gate = replace(self.gate, quality=refresh_policy(self.gate.quality))
        judged = replace(self, gate=gate)._judge(rejection, refreshed, champion)
        report = after_rejection(judged, candidate, rejection.reasons)
        if report.verdict is Verdict.PASS:
            self.gate.registry.set_alias(CANDIDATE, refreshed.version)
        self._record(report, refreshed)
        return refreshed, report

    def _record(self, report: GateReport, candidate: ModelVersion) -> None:
        """Keep the report on disk and with the version."""
        write_report(report, self.folder)
        self.gate.registry.attach(candidate, self.folder, GATE_FOLDER)
        self.gate.registry.set_tag(candidate.version, GATE_VERDICT_TAG, report.verdict)
