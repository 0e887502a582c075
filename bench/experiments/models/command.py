"""`python -m bench models`: is XGBoost the right choice? Other models on the same folds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from sklearn.metrics import log_loss

from bench.experiments.models.contenders import HALF_LIFE_DAYS, Contender, contenders
from bench.experiments.models.page import Result, write_page
from fraud.settings import DatabaseRole, load_settings
from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank
from train.dataset import Dataset, load_dataset
from train.maturity import label_cutoff
from train.recipe import recency_weights
from train.split import Fold, folds, split_by_day


def models(
    page: Annotated[Path, typer.Option(help="Markdown page; its plot goes into the same folder.")] = Path(
        "bench/MODELS.md"
    ),
) -> None:
    """Fit logistic regression, histogram boosting, LightGBM and XGBoost on the folds of the search; write a page."""
    settings = load_settings()
    cutoff = label_cutoff(settings.today, settings.label_maturity_days)
    dataset = load_dataset(settings.dsn(DatabaseRole.TRAINER), cutoff)
    compare_models(dataset, page, settings.train_threads)
    typer.echo(f"{page} and its plot are written.")


def compare_models(dataset: Dataset, page: Path, threads: int) -> None:
    """Compare on what is older than the test part, and write the page."""
    known = split_by_day(dataset).known
    blocks = folds(known)
    entered = track(list(contenders()), "fitting", console=Console(stderr=True), transient=True)
    results = list(_results(entered, blocks, threads))
    write_page(page, results, known.y.size, str(known.dates[0]), str(known.dates[-1]))


def _results(entered: Iterable[Contender], blocks: tuple[Fold, ...], threads: int) -> Iterator[Result]:
    for contender in entered:
        precisions, losses, seconds = [], [], []
        for fold in blocks:
            started_s = time.perf_counter()
            weights = recency_weights(fold.past.dates, HALF_LIFE_DAYS)
            probabilities = contender.fit(fold.past.x, fold.past.y, weights, threads)(fold.block.x)
            seconds.append(time.perf_counter() - started_s)
            precisions.append(average_precision(rank(fold.block.y, probabilities.astype(np.float32))))
            losses.append(float(log_loss(fold.block.y, probabilities)))
        yield Result(contender.name, contender.setting, tuple(precisions), tuple(losses), float(np.mean(seconds)))
