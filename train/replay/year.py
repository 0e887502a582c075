"""Month after month, as an operator would: train, gate, serve."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx

from fraud.api_keys import SCORING_API_KEY, bearer
from fraud.foreign_errors import refusal, why_unanswered
from fraud.registry import CANDIDATE, PRODUCTION, Registry
from fraud.stack.child import Child
from fraud.verdict import Verdict
from train.replay.commands import Commands
from train.replay.errors import ReplayError
from train.replay.gate_result import read_gate_result
from train.replay.light_load import LoadCounts, counted, light_load
from train.replay.outcome import Decision

ANSWER_TIMEOUT_S: Final = 30.0
DECIDED: Final = tuple(verdict.exit_status for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE))

Progress = Callable[[dt.date, str], None]
"""Month and what is done in it -> shown to whoever waits."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was decided and served, month by month, and the load beside it."""

    decisions: tuple[Decision, ...]
    served: tuple[int, ...]
    """Version that the server answered with after each decision."""
    load: LoadCounts


@dataclass(frozen=True, slots=True)
class Year:
    """What a replay works with."""

    commands: Commands
    registry: Registry
    url: str
    """Where the server will be."""
    folder: Path

    def replay(self, months: Iterable[dt.date], progress: Progress) -> Replayed:
        """Replay the months; from the first promotion on a server runs, and is asked without a pause.

        Raises:
            ReplayError: a command fails, a service ends, or what is served is not what the registry says.
        """
        decisions: list[Decision] = []
        served: list[int] = []
        statistics = self.folder / "load.json"
        with ExitStack() as at_end:
            services: list[Child] = []
            for first in months:
                decisions.append(self._decide(first, progress, deploy=bool(services)))
                if not services:
                    _check_promoted(decisions[-1])
                    progress(first, "starting the server")
                    services.append(at_end.enter_context(self._server()))
                    services.append(at_end.enter_context(light_load(self.commands, self.url, statistics)))
                for service in services:
                    service.check()
                served.append(self._served_version(first))
        return Replayed(tuple(decisions), tuple(served), counted(statistics))

    def _decide(self, first: dt.date, progress: Progress, *, deploy: bool) -> Decision:
        """Train and gate."""
        name, report = f"{first:%Y-%m}", self.folder / f"gate-{first:%Y-%m}"
        progress(first, "training")
        started_s = time.monotonic()
        self.commands.run(f"{name}-train", "train", "--today", str(first))
        trained_s = time.monotonic()
        candidate = self.registry.version_of(CANDIDATE)
        if candidate is None:
            raise ReplayError(f"{name}: `python -m train` has registered no candidate")
        progress(first, "gate")
        options = ("--today", str(first), "--report", str(report), *(() if deploy else ("--no-deploy",)))
        status = self.commands.run(f"{name}-gate", "bench", "gate", *options, accepted=DECIDED)
        result = read_gate_result(report, status)
        return Decision(
            first_day=first,
            candidate=candidate.version,
            verdict=result.verdict,
            reasons=result.reasons,
            champion_ap=result.champion_ap,
            candidate_ap=result.candidate_ap,
            worst_median_ratio=result.worst_median_ratio,
            training_s=trained_s - started_s,
            gate_s=time.monotonic() - trained_s,
        )

    @contextmanager
    def _server(self) -> Iterator[Child]:
        with self.commands.service("server", "serve") as server:
            server.wait_until_answers(f"{self.url}/health/ready")
            yield server

    def _served_version(self, first: dt.date) -> int:
        """The version that the server answers with, which has to be the one in production."""
        try:
            answer = httpx.get(
                f"{self.url}/model-info",
                headers=bearer(self.commands.environment[SCORING_API_KEY]),
                timeout=ANSWER_TIMEOUT_S,
                trust_env=False,
            )
            if answer.status_code != HTTPStatus.OK:
                raise ValueError(f"it answered {refusal(answer.status_code, answer.content)}")
            served = int(answer.json()["model_version"])
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise ReplayError(
                f"{first:%Y-%m}: {self.url}/model-info: {why_unanswered(error)}; see the server's log"
            ) from error
        production = self.registry.version_of(PRODUCTION)
        if production is None or production.version != served:
            named = "none" if production is None else str(production.version)
            raise ReplayError(f"{first:%Y-%m}: the server serves version {served}, production in the registry: {named}")
        return served


def _check_promoted(decision: Decision) -> None:
    if decision.verdict is not Verdict.PASS:
        raise ReplayError(
            f"{decision.first_day:%Y-%m}: the first candidate was not promoted, so there is nothing to serve: "
            + "; ".join(decision.reasons)
        )
