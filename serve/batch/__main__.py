"""`python -m serve.batch INPUT... OUTPUT`: score files with the production model."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Final

import typer
from rich.console import Console

from fraud.command import EXIT_ERROR, interrupt_once, print_error
from fraud.command_line import CommandLine
from fraud.cores import usable_cores
from fraud.counted import counted
from fraud.features import FEATURE_COUNT
from fraud.languages import ENGLISH
from fraud.progress import RowProgress
from fraud.reason_words import OFFERED
from fraud.registry import Registry
from fraud.settings import Settings, load_settings
from fraud.verdict import Verdict
from serve.batch.formats import FORMATS
from serve.batch.inputs import input_files
from serve.batch.ray_cluster import RayCluster
from serve.batch.recording import PredictionLog
from serve.batch.run import Order, Result, run
from serve.batch.work_folder import Output
from serve.batch.worker import ModelChoice
from serve.engine import EngineKind, EngineOptions
from serve.logs import LogFormat, configure_logging
from serve.scoring.asks import Asks

PROCESS: Final = "batch"
PROCESSES: Final = "processes"
RAY: Final = "ray"
ENGINES: Final = (PROCESSES, RAY)


def batch(
    inputs: Annotated[list[str], typer.Argument(help="Files, folders, patterns, file:// or s3:// addresses.")],
    output: Annotated[str, typer.Argument(help="A file, or a folder of parts if it ends with /.")],
    *,
    version: Annotated[int | None, typer.Option(min=1, help="Model version; default: production.")] = None,
    reasons: Annotated[
        int,
        typer.Option(
            min=0,
            max=FEATURE_COUNT,
            help="Number of reasons for each row: the features that raise or lower its score most.",
        ),
    ] = 0,
    language: Annotated[str, typer.Option(help=f"Language of the reasons: {', '.join(OFFERED)}.")] = ENGLISH,
    warnings: Annotated[bool, typer.Option("--warnings", help="Report implausible values.")] = False,
    folder_format: Annotated[
        str, typer.Option("--format", help=f"Format of a folder's parts: {', '.join(name[1:] for name in FORMATS)}.")
    ] = "parquet",
    record: Annotated[
        bool, typer.Option("--record", help="Record the answers in the prediction log, as the API does.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of scoring processes; default: one for each core.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help=f"Where they run, {' or '.join(ENGINES)}: on this machine, or on a Ray cluster.")
    ] = PROCESSES,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Address of the cluster's head; default: RAY_ADDRESS, or a new cluster."
        ),
    ] = None,
) -> None:
    """Score files of any size. After an interruption, the same command resumes where it stopped.

    Exit status: 0 every row was scored; 30 some rows were rejected, and OUTPUT.rejected.csv names them; 2 it could not
    run.
    """
    configure_logging(PROCESS)
    logging.getLogger().setLevel(logging.WARNING)
    interrupt_once()
    console = Console(stderr=True)
    try:
        _check_choices(language, folder_format, engine)
        _check_engine(engine, address, record=record)
        settings = load_settings()
        configure_logging(PROCESS, LogFormat(settings.log_format))
        logging.getLogger().setLevel(logging.WARNING)
        files = input_files(inputs)
        asks = Asks(report=True, warnings=warnings, reasons=reasons, language=language if reasons else ENGLISH)
        target = Output.of(output, folder_format)
        log = PredictionLog.of(settings) if record else None
        cluster = RayCluster(address, workers) if engine == RAY else None
        order = Order(files, target, _model(settings), version, asks, workers or usable_cores(), log, cluster)
        with RowProgress(console, sum(file.location.info().size for file in files)) as progress:
            result = run(order, _registry(settings), progress)
    except KeyboardInterrupt:
        print_error("interrupted: run the same command again to resume")
        sys.exit(EXIT_ERROR)
    _tell(result, target, progress.rows_per_s)
    sys.exit(Verdict.DATA_QUALITY_FAULT.exit_status if result.rejected else 0)


def _check_choices(language: str, folder_format: str, engine: str) -> None:
    for name, value, known in (
        ("--language", language, list(OFFERED)),
        ("--format", folder_format, [extension[1:] for extension in FORMATS]),
        ("--engine", engine, ENGINES),
    ):
        if value not in known:
            raise typer.BadParameter(f"{name} {value}: expected one of {', '.join(known)}")


def _check_engine(engine: str, address: str | None, *, record: bool) -> None:
    if address is not None and engine != RAY:
        raise typer.BadParameter(f"--address is for a Ray cluster: expected --engine {RAY} with it")
    if record and engine == RAY:
        raise typer.BadParameter(
            f"--record with --engine {RAY}: expected only one of them, since records go through the spool of this "
            f"machine"
        )


def _model(settings: Settings) -> ModelChoice:
    options = EngineOptions(kind=EngineKind(settings.engine), cache_dir=settings.compiled_folder())
    return ModelChoice(settings.run_dir.resolve(), settings.model_name, options)


def _registry(settings: Settings) -> Registry | None:
    uri = settings.mlflow_tracking_uri
    return Registry(uri, settings.model_name, settings.registry_timeout_s) if uri else None


def _tell(result: Result, output: Output, rows_per_s: float) -> None:
    rejected = f"; rejected: {counted(result.rejected, 'row')}, see {output.rejected}" if result.rejected else ""
    typer.echo(
        f"{output.location}: {counted(result.rows, 'row')} by version {result.version}, "
        f"{rows_per_s:,.0f} rows/s{rejected}"
    )


if __name__ == "__main__":
    CommandLine(batch)()
