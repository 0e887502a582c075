"""`python -m serve.stream --source postgres|nats|kafka`: score applications of one queue into another."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from fraud.command import INTERRUPTS
from fraud.command_line import CommandLine
from fraud.features import FEATURE_COUNT
from fraud.languages import ENGLISH
from fraud.reason_words import OFFERED
from fraud.registry import Registry
from fraud.settings import DatabaseRole, Settings, load_settings
from serve.batch.worker import ModelChoice
from serve.engine import EngineKind, EngineOptions
from serve.logs import LogFormat, configure_logging
from serve.scoring.asks import Asks
from serve.scoring.reasons import without_reasons
from serve.stream.bridge import FollowedModel, Model, run_bridge
from serve.stream.errors import StreamError
from serve.stream.instance import Instance
from serve.stream.kafka_settings import read_properties
from serve.stream.messages import Broker
from serve.stream.nats_broker import NatsBroker
from serve.stream.postgres_broker import PostgresBroker
from serve.stream.recording import recording

PROCESS: Final = "stream"
POSTGRES: Final = "postgres"
NATS: Final = "nats"
KAFKA: Final = "kafka"
SOURCES: Final = (POSTGRES, NATS, KAFKA)
BATCH: Final = 1_000


class Places(NamedTuple):
    """What brokers outside of PostgreSQL are told."""

    names: tuple[str, str, str]
    """Topics or subjects of applications, answers and dead letters."""
    nats_url: str | None
    kafka_config: Path | None


def stream(
    source: Annotated[str, typer.Option(help=f"The broker: {' or '.join(SOURCES)}.")],
    *,
    applications: Annotated[
        str, typer.Option(help="Topic or subject that applications come from (Kafka, NATS).")
    ] = "applications",
    answers: Annotated[str, typer.Option(help="Topic or subject that answers go to.")] = "answers",
    dead_letters: Annotated[str, typer.Option(help="Topic or subject of what can't be scored.")] = "dead-letters",
    nats_url: Annotated[
        str | None, typer.Option(envvar="NATS_URL", help="Of the server; best by the variable, as it may hold a login.")
    ] = None,
    kafka_config: Annotated[
        Path | None,
        typer.Option(envvar="KAFKA_CONFIG", help="File of the client's properties: brokers, SASL, TLS, group.id."),
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="Version of the model; default: follow production.")
    ] = None,
    reasons: Annotated[
        int, typer.Option(min=0, max=FEATURE_COUNT, help="Reasons a row: what raises or lowers its score most.")
    ] = 0,
    language: Annotated[str, typer.Option(help=f"Of the reasons: {', '.join(OFFERED)}.")] = ENGLISH,
    warnings: Annotated[bool, typer.Option("--warnings", help="Tell of values that are hardly plausible.")] = False,
    batch: Annotated[int, typer.Option(min=1, max=100_000, help="Applications in flight at most.")] = BATCH,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the answers in the prediction log, as those of the API are.")
    ] = False,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="End when all are answered.")] = False,
) -> None:
    """Answer each application once, however often a bridge is killed; several may run side by side.

    Exit status: 0 it was told to end, or all are answered; 2 it could not go on, and nothing is lost.
    """
    configure_logging(PROCESS)
    for name, value, known in (("--source", source, SOURCES), ("--language", language, OFFERED)):
        if value not in known:
            raise typer.BadParameter(f"{name} {value}: expected one of {', '.join(known)}")
    settings = load_settings()
    configure_logging(PROCESS, LogFormat(settings.log_format))
    logging.getLogger().setLevel(logging.WARNING)
    asks = Asks(report=True, warnings=warnings, reasons=reasons, language=language if reasons else ENGLISH)
    is_stopped = _stopped_by_signal()
    model = _model(settings, version, asks)
    with ExitStack() as beside:
        places = Places((applications, answers, dead_letters), nats_url, kafka_config)
        broker = beside.enter_context(closing(_broker(source, settings, places, beside)))
        recorder = None
        if record:
            recorder = beside.enter_context(recording(settings, broker.name, until_shipped=until_empty))
        totals = run_bridge(broker, model, asks, batch, is_stopped, until_empty=until_empty, recorder=recorder)
    typer.echo(f"{totals.answered:,} applications were answered, {totals.dead:,} are dead letters")


def _stopped_by_signal() -> Callable[[], bool]:
    """Whether a signal has told this process to end; it ends between two batches."""
    told = threading.Event()
    for interrupt in INTERRUPTS:
        if signal.getsignal(interrupt) is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(interrupt, lambda _signal, _frame: told.set())
    return told.is_set


def _broker(source: str, settings: Settings, places: Places, beside: ExitStack) -> Broker:
    if source == POSTGRES:
        return PostgresBroker(settings.dsn(DatabaseRole.SERVER))
    if source == KAFKA:
        if places.kafka_config is None:
            raise StreamError(
                "no Kafka cluster is named: set KAFKA_CONFIG to a file with bootstrap.servers = HOST:PORT"
            )
        properties = read_properties(places.kafka_config)
        instance = beside.enter_context(closing(Instance(settings.run_dir.resolve())))
        return _kafka(properties, instance.id, places.names)
    if places.nats_url is None:
        raise StreamError("no NATS server is named: set NATS_URL, such as nats://host:4222")
    return NatsBroker(places.nats_url, *places.names)


def _kafka(properties: Mapping[str, str], instance_id: str, topics: tuple[str, str, str]) -> Broker:
    try:
        from serve.stream.kafka_broker import KafkaBroker  # noqa: PLC0415 - its client is an optional extra
    except ModuleNotFoundError as error:
        if error.name != "confluent_kafka":
            raise
        raise StreamError("the client of Kafka is not installed: expected `pip install '.[serve,stream]'`") from None
    return KafkaBroker(properties, instance_id, topics)


def _model(settings: Settings, version: int | None, asks: Asks) -> Model:
    uri = settings.mlflow_tracking_uri
    registry = Registry(uri, settings.model_name, settings.registry_timeout_s) if uri else None
    options = EngineOptions(kind=EngineKind(settings.engine), cache_dir=settings.compiled_folder())
    choice = ModelChoice(settings.run_dir.resolve(), settings.model_name, options)
    manifest = choice.fetch_version(version, registry)
    if asks.reasons and manifest.contributions_sha256 is None:
        raise without_reasons(manifest.model_version)
    serving = choice.serving(registry)
    serving.prepare(manifest.model_version)
    serving.commit(manifest.model_version)
    if version is not None or registry is None:
        return lambda: serving.active
    return FollowedModel(serving, asks)


if __name__ == "__main__":
    CommandLine(stream)()
