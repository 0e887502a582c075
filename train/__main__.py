"""`python -m train`: train on the applications in PostgreSQL and register the model as candidate."""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from convert.errors import EXIT_PARITY_FAILED, ParityError
from fraud.acting_person import person_here
from fraud.command import EXIT_ERROR, print_error
from fraud.command_line import CommandLine
from fraud.errors import ProjectError
from fraud.model_changes import Act, note_change
from fraud.progress import steps_on
from fraud.registry import PRODUCTION, ModelVersion, Registry
from fraud.schema_version import refuse_unfit
from fraud.settings import DatabaseRole, Settings, load_settings, parse_excluded
from train.cluster import Cluster, ray_cluster
from train.maturity import known_before, label_cutoff
from train.pipeline import run
from train.reconversion import reconvert
from train.report import print_outcome
from train.servable import why_unservable

THREADS: Final = "threads"
RAY: Final = "ray"
ENGINES: Final = (THREADS, RAY)

app = CommandLine()


@app.command()
def main(
    *,
    today: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Applications from this day on are unknown to training [TODAY]."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of training [TRAIN_SEED].")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of training [TRAIN_THREADS].")] = None,
    promote_first: Annotated[
        bool,
        typer.Option("--promote-first", help="Put the model into production if there is none that can be served."),
    ] = False,
    only_first: Annotated[
        bool,
        typer.Option(
            "--only-first",
            help="Do nothing if the version in production can be served. With --promote-first, one of an "
            "earlier version of this project is converted again, and only if that fails another is trained.",
        ),
    ] = False,
    labels_known_before: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            help="Outcomes that were recorded from this moment on are unknown to training; a version's tag "
            "labels_known_before trains it again [the end of --today].",
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Reason for the training, stored with the version in the registry.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FEATURE",
            help="A feature on which the model must not split; repeatable; `none`: use all [EXCLUDED_FEATURES].",
        ),
    ] = None,
    parallel_trials: Annotated[
        int,
        typer.Option(
            min=1,
            help="Recipes that the search asks for at a time, so that more cores have work; the model depends on it.",
        ),
    ] = 1,
    engine: Annotated[
        str,
        typer.Option(help=f"What fits the trials, {' or '.join(ENGINES)}: this machine, or a Ray cluster."),
    ] = THREADS,
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Of the cluster's head; default: RAY_ADDRESS, or a new one.")
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Nodes of the cluster that grow each model's trees together, on --threads cores each; default: this "
            "machine alone. The model depends on it.",
        ),
    ] = None,
) -> None:
    """Train on the applications in PostgreSQL, prove the ONNX model, and register it as candidate.

    Exit status: 0 a version was registered; 10 the converted model failed its parity check; 2 another error. In both of
    these cases nothing is registered.
    """
    try:
        where = _where(engine, address, nodes)
        settings = load_settings()
        day = today.date() if today else settings.today
        _train(
            settings,
            today=day,
            known=_moment(labels_known_before) if labels_known_before else known_before(day),
            seed=settings.train_seed if seed is None else seed,
            threads=threads or settings.train_threads,
            promote_first=promote_first,
            only_first=only_first,
            reason=reason,
            excluded=parse_excluded(",".join(without)) if without else settings.excluded_features,
            parallel_trials=parallel_trials,
            where=where,
        )
    except ProjectError as error:
        print_error(error)
        raise typer.Exit(EXIT_PARITY_FAILED if isinstance(error, ParityError) else EXIT_ERROR) from error


def _train(
    settings: Settings,
    *,
    today: dt.date,
    known: dt.datetime,
    seed: int,
    threads: int,
    promote_first: bool,
    only_first: bool,
    reason: str | None,
    excluded: tuple[str, ...] | None,
    parallel_trials: int,
    where: AbstractContextManager[Cluster | None],
) -> None:
    cutoff = label_cutoff(today, settings.label_maturity_days)
    dsn = settings.dsn(DatabaseRole.TRAINER)
    refuse_unfit(dsn)
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    production = registry.version_of(PRODUCTION) if only_first else None
    person = person_here(settings.acting_person)
    if production is not None and _is_servable(
        dsn, registry, production, seed=seed, may_replace=promote_first, person=person
    ):
        return
    with Progress(console=Console(stderr=True)) as bar:
        outcome = run(
            dsn,
            registry,
            cutoff,
            seed=seed,
            threads=threads,
            promote_first=promote_first,
            reason=reason,
            excluded=excluded,
            known_before=known,
            progress=steps_on(bar),
            parallel_trials=parallel_trials,
            where=where,
        )
    if outcome.production == outcome.version.version:
        _note(dsn, outcome.version, production, person)
    print_outcome(Console(), outcome)


def _where(engine: str, address: str | None, nodes: int | None) -> AbstractContextManager[Cluster | None]:
    if engine not in ENGINES:
        raise typer.BadParameter(f"--engine {engine}: expected one of {', '.join(ENGINES)}")
    if engine == RAY:
        return ray_cluster(address, nodes)
    for name, value in (("--address", address), ("--nodes", nodes)):
        if value is not None:
            raise typer.BadParameter(f"{name} is of a Ray cluster: expected --engine {RAY}")
    return nullcontext()


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r}: expected a date, time and offset, as 2026-03-01T02:00:00+00:00",
            param_hint="--labels-known-before",
        )
    return moment


def _note(dsn: str, version: ModelVersion, before: ModelVersion | None, person: str) -> None:
    number = None if before is None else before.version
    note_change(dsn, version.name, Act.PROMOTION, version.version, before=number, person=person)


def _is_servable(
    dsn: str, registry: Registry, production: ModelVersion, *, seed: int, may_replace: bool, person: str
) -> bool:
    """Whether a version that can be served is in production, after converting it again where that is what it takes."""
    fault = why_unservable(registry, production)
    if fault is None:
        typer.echo(f"Version {production.version} of {production.name} is in production already.")
        return True
    typer.echo(f"Version {production.version} of {production.name} can't be served any more: {fault}.")
    if not may_replace:
        return False
    try:
        with Progress(console=Console(stderr=True)) as bar:
            version = reconvert(dsn, registry, production, seed=seed, progress=steps_on(bar))
    except ProjectError as error:
        typer.echo(f"It can't be converted again: {error}; another is trained.")
        return False
    _note(dsn, version, production, person)
    typer.echo(f"Converted again, it is version {version.version}, and in production.")
    return True


if __name__ == "__main__":
    app()
