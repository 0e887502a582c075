"""Runs Jenkinsfiles by the harness beside this file: Groovy as Jenkins embeds it, and the `sh` steps for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.groovy import groovy

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "jenkins" / "pipelines"
HARNESS = Path(__file__).parent / "harness"
TIMEOUT_S = 3600.0


def need_groovy() -> None:
    """Skip a test where Groovy is missing."""
    groovy(HARNESS / "Harness.groovy")


@dataclass(frozen=True)
class Build:
    """What one build did; `shells` are its `sh` steps, as (stage, script, exit status)."""

    job: str
    number: int
    result: str
    description: str | None
    parameters: dict[str, str]
    stages: dict[str, str]
    shells: list[tuple[str | None, str, int]]
    log: str
    artifacts: list[str]
    tests: list[str]
    pages: list[str]
    declared: dict[str, Any]

    @classmethod
    def of(cls, report: dict[str, Any]) -> Build:
        stages = {stage["name"]: stage["result"] for stage in report.pop("stages")}
        shells = [(shell["stage"], shell["script"], shell["status"]) for shell in report.pop("shells")]
        return cls(**report | {"stages": stages, "shells": shells, "log": "\n".join(report["log"])})


@dataclass(frozen=True)
class Run:
    """The builds of one controller in the order of their start; `refused` is what Jenkins would not have taken."""

    refused: str | None
    builds: list[Build]
    home: Path

    def last(self, job: str) -> Build:
        return [build for build in self.builds if build.job == job][-1]


@dataclass(frozen=True)
class Jobs:
    """Builds that one controller is asked for, one after the other."""

    jobs: Sequence[tuple[str, Mapping[str, str]]]
    environment: Mapping[str, str]
    pipelines: Path = PIPELINES
    executors: int = 1
    by_hand: bool = False
    programs: Path | None = None
    """A folder that comes first on the path, where commands are not to be the real ones."""


def run_groovy(name: str, *arguments: Path, **environment: str) -> str:
    """Run a script of the harness; gives what it prints."""
    ended = subprocess.run(
        [*groovy(HARNESS / f"{name}.groovy"), *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def run_jobs(folder: Path, *controllers: Jobs) -> list[Run]:
    """Run the jobs of each controller, which has a folder of its own; all in one Java process."""
    specs: list[dict[str, Any]] = []
    for number, controller in enumerate(controllers):
        home = folder / f"jenkins-{number}"
        home.mkdir(parents=True)
        programs = () if controller.programs is None else (str(controller.programs),)
        path = os.pathsep.join([*programs, str(Path(sys.executable).parent), os.environ["PATH"]])
        specs.append(
            {
                "pipelines": str(controller.pipelines),
                "home": str(home),
                "jobs": [{"name": name, "parameters": dict(parameters)} for name, parameters in controller.jobs],
                "environment": {"HOME": str(home), **controller.environment, "PATH": path},
                "executors": controller.executors,
                "byHand": controller.by_hand,
            }
        )
    (folder / "specs.json").write_text(json.dumps(specs))
    sys.stdout.write(run_groovy("Harness", folder / "specs.json", folder / "reports.json"))
    reports = json.loads((folder / "reports.json").read_text())
    return [
        Run(report["refused"], [Build.of(build) for build in report["builds"]], Path(spec["home"]))
        for spec, report in zip(specs, reports, strict=True)
    ]
