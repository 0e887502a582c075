"""What the original system was accepted by, done as an operator does it: requests over HTTP, and our commands.

One request; a batch of a young wave that a model as of 2025-01-01 does not know, checked and answered by a retraining
on the same day; and a year of months.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from fraud.verdict import Verdict, worst
from tests.live_stack import LOGIN, LiveStack

REQUESTS: Final = Path(__file__).parent / "requests"
FIRST_DAY: Final = "2025-01-01"
"""The first model knows applications before this day, and the young wave begins on it."""
DRIFTING: Final = "Age_Days"
ANSWER_TIMEOUT_S: Final = 60.0
VERDICT_OF: Final = {verdict.exit_status: verdict for verdict in Verdict}


@dataclass(slots=True)
class Step:
    """One part of the acceptance: what was done, what came of it, and whether it is what was expected."""

    title: str
    rows: list[tuple[str, str, str, float]] = field(default_factory=list)
    """What was done, what was expected, what came of it, seconds."""
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The worst of its rows; a step that did nothing can't have passed."""
        return worst(self.verdicts or [Verdict.ERROR])

    def add(self, done: str, expected: str, found: str, verdict: Verdict, seconds: float) -> None:
        """Write a row down."""
        self.rows.append((done, expected, found, seconds))
        self.verdicts.append(verdict)

    def expect(self, holds: bool, done: str, expected: str, found: str, seconds: float = 0.0) -> None:
        """Write down something that holds or does not."""
        self.add(done, expected, found, Verdict.PASS if holds else Verdict.FAIL, seconds)


class BrokenOff(Exception):
    """A step ended otherwise than expected, so what builds on it makes no sense."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The flow on a stack that runs, with a log of each command."""

    stack: LiveStack
    environment: dict[str, str]
    """Of commands: as of today, whatever day the first model is of."""
    logs: Path
    steps: list[Step] = field(default_factory=list)

    def run(self, months: int) -> None:
        """All steps, or those up to one after which nothing more can be told."""
        try:
            self._one_request()
            self._young_wave()
            self._year(months)
        except BrokenOff:
            pass

    @property
    def verdict(self) -> Verdict:
        """Of the whole."""
        return worst(step.verdict for step in self.steps) if len(self.steps) == 3 else self.steps[-1].verdict

    def drift(self) -> dict[str, Any]:
        """The `verdict.json` of the check."""
        content: dict[str, Any] = json.loads((self.stack.run_dir / "drift" / "verdict.json").read_bytes())
        return content

    def plots_of_months(self) -> list[Path]:
        """The replay's plot, if it came so far."""
        return sorted((self.stack.run_dir / "replay").glob("*/replay.png"))

    def months(self) -> dict[str, Any] | None:
        """The replay's figures, if it came so far."""
        found = sorted((self.stack.run_dir / "replay").glob("*/replay.json"))
        return json.loads(found[-1].read_bytes()) if found else None

    def _one_request(self) -> None:
        with self._step("One request") as step:
            begun_s = time.monotonic()
            answer = self._post("/predict", "one_request.json")
            probability = answer.json().get("probability") if answer.status_code == 200 else None
            step.expect(
                isinstance(probability, float) and 0 < probability < 1,
                "POST /predict with one_request.json",
                "a probability",
                answer.text,
                time.monotonic() - begun_s,
            )
            info = self._model_info()
            step.expect(
                (info["model_version"], info["data_cutoff_date"]) == ("1", FIRST_DAY),
                "GET /model-info",
                f"version 1, which knows applications before {FIRST_DAY}",
                f"version {info['model_version']}, {info['data_cutoff_date']}",
            )

    def _young_wave(self) -> None:
        with self._step("A young wave, sent and checked on the same day") as step:
            begun_s = time.monotonic()
            answer = self._post("/batch_predict", "young_wave.json")
            rows = len(json.loads((REQUESTS / "young_wave.json").read_bytes())["data"])
            step.expect(
                answer.status_code == 200 and len(answer.json()["probabilities"]) == rows,
                "POST /batch_predict with young_wave.json",
                f"{rows:,} probabilities",
                f"status {answer.status_code}",
                time.monotonic() - begun_s,
            )
            self._command(step, Verdict.FAIL, "drift", "jenkins.drift", "check", "--now")
            reasons = [reason for reason in self.drift()["reasons"] if DRIFTING in reason]
            step.expect(bool(reasons), "reasons of the check", DRIFTING, "; ".join(reasons) or "others")
            self._command(step, Verdict.PASS, "claim", "jenkins.drift", "claim")
            self._command(step, Verdict.PASS, "retrain", "jenkins.retrain", "--reason", f"drift: {DRIFTING}")
            info = self._model_info()
            step.expect(
                info["model_version"] == "2",
                "GET /model-info",
                "version 2",
                f"version {info['model_version']}, which knows applications before {info['data_cutoff_date']}",
            )

    def _year(self, months: int) -> None:
        with self._step(f"{months} months") as step:
            self._command(step, Verdict.PASS, "replay", "train.replay", "--months", str(months))

    @contextmanager
    def _step(self, title: str) -> Iterator[Step]:
        step = Step(title)
        self.steps.append(step)
        try:
            yield step
        except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
            step.add("what came next", "an answer", f"{type(error).__name__}: {error}", Verdict.ERROR, 0.0)
        if step.verdict is not Verdict.PASS:
            raise BrokenOff

    def _command(self, step: Step, expected: Verdict, log: str, *arguments: str) -> None:
        """Run a command; raises BrokenOff when it does not end as expected."""
        begun_s = time.monotonic()
        command = ["-m", *arguments]
        with (self.logs / f"{log}.log").open("wb") as output:
            status = subprocess.run(
                [sys.executable, *command], env=self.environment, stdout=output, stderr=subprocess.STDOUT, check=False
            ).returncode
        found = VERDICT_OF.get(status, Verdict.ERROR)
        as_expected = found is expected
        # What could not be decided, or not be run, says nothing of the system's verdicts.
        untold = found in {Verdict.INCONCLUSIVE, Verdict.ERROR}
        told = Verdict.PASS if as_expected else found if untold else Verdict.FAIL
        last = (self.logs / f"{log}.log").read_text(errors="replace").strip().splitlines()[-1:]
        said = f"status {status}" + ("" if as_expected else f": {''.join(last)}")
        done = f"python {' '.join(command)}"
        step.add(done, f"status {expected.exit_status}", said, told, time.monotonic() - begun_s)
        if not as_expected:
            raise BrokenOff

    def _post(self, route: str, file: str) -> httpx.Response:
        headers = {**LOGIN, "Content-Type": "application/json"}
        content = (REQUESTS / file).read_bytes()
        return httpx.post(self.stack.url + route, content=content, headers=headers, timeout=ANSWER_TIMEOUT_S)

    def _model_info(self) -> dict[str, Any]:
        answer = httpx.get(self.stack.url + "/model-info", headers=LOGIN, timeout=ANSWER_TIMEOUT_S)
        answer.raise_for_status()
        info: dict[str, Any] = answer.json()
        return info
