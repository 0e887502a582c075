"""`python -m train.candidate_parity`: prove the registered candidate once more, from its files in the registry.

Training proves what it is about to upload. This proves what came out of the registry again: the very bytes that a
server would load and a gate would judge, beside the models as XGBoost saved them, on rows of which part was not drawn
before.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from convert import prove
from convert.errors import ParityError
from convert.parity_report import ParityReport
from convert.source import load_classifier
from fraud.command_line import CommandLine
from fraud.errors import RegistryError
from fraud.progress import ShowStep, steps_on
from fraud.registry import CANDIDATE, TWIN_FOLDER, ModelVersion, Registry
from fraud.report.verdict_file import write_verdict
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.verdict import Verdict
from train.artifacts import NATIVE_FILE
from train.dataset import load_dataset
from train.maturity import label_cutoff

app = CommandLine()


@app.command()
def main(
    today: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Prove it on the applications before this day [TODAY]."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--report", help="Folder of verdict.json; default: <RUN_DIR>/parity.")
    ] = None,
) -> None:
    """Compare the candidate's models, shipped and twin, with their XGBoost models, all from the registry.

    Exit status: 0 the same answers, 10 another answer, 2 error.
    """
    settings = load_settings()
    verdict, reason, parity = _prove(settings, today.date() if today else settings.today)
    write_verdict(folder or settings.run_dir / "parity", verdict, (reason,), parity)
    typer.echo(f"{verdict.upper()}: {reason}")
    sys.exit(verdict.exit_status)


def _prove(settings: Settings, today: dt.date) -> tuple[Verdict, str, dict[str, ParityReport | None]]:
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    candidate = registry.version_of(CANDIDATE)
    if candidate is None:
        raise RegistryError(f"{settings.model_name} has no candidate: `python -m train` registers one")
    cutoff = label_cutoff(today, settings.label_maturity_days)
    proofs: dict[str, ParityReport | None] = {"parity": None, "twin_parity": None}
    with Progress(console=Console(stderr=True)) as bar:
        try:
            rows = load_dataset(settings.dsn(DatabaseRole.TRAINER), cutoff).x
            compared, seed = 0, settings.train_seed + 1
            for name, model in _models(candidate).items():
                parity = _compare(registry, candidate, model, rows, seed=seed, progress=steps_on(bar))
                proofs[name] = parity
                compared += parity.rows.total
        except ParityError as error:
            return Verdict.FAIL, f"version {candidate.version}: {error}", proofs
    return Verdict.PASS, f"version {candidate.version} answers as XGBoost on {compared:,} rows", proofs


@dataclass(frozen=True, slots=True)
class _Model:
    """Where one of a version's models is in the registry."""

    title: str
    download: Callable[[Registry, ModelVersion], bytes]
    native_file: str
    download_contributions: Callable[[Registry, ModelVersion], bytes | None] = lambda *_: None


def _models(candidate: ModelVersion) -> dict[str, _Model]:
    """An earlier version has only one model."""
    models = {"parity": _Model("shipped model", Registry.fetch_model, NATIVE_FILE, Registry.fetch_contributions)}
    if candidate.twin_sha256 is not None:
        models["twin_parity"] = _Model("judged twin", Registry.fetch_twin, f"{TWIN_FOLDER}/{NATIVE_FILE}")
    return models


def _compare(
    registry: Registry,
    candidate: ModelVersion,
    model: _Model,
    rows: NDArray[np.float32],
    *,
    seed: int,
    progress: ShowStep,
) -> ParityReport:
    step = f"fetching the {model.title}"
    progress(step, 0, 3)
    with tempfile.TemporaryDirectory() as name:
        converted = model.download(registry, candidate)
        progress(step, 1, 3)
        classifier = load_classifier(registry.download_file(candidate, model.native_file, Path(name)))
        progress(step, 2, 3)
    contributions = model.download_contributions(registry, candidate)
    progress(step, 3, 3)
    return prove(
        *(converted, classifier, rows),
        seed=seed,
        contributions=contributions,
        progress=lambda done, all_: progress(f"proving the {model.title}", done, all_),
    )


if __name__ == "__main__":
    app()
