"""`python -m bench verify`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import typer

from bench.applications import encode_instances, join_instances
from bench.gate.deployment import Answer, deployment_of
from bench.gate.errors import DeploymentError, GateError
from bench.gate.server import Server
from fraud.golden_rows import GoldenRows, GoldenRowsError
from fraud.registry import PRODUCTION, ModelVersion, Registry
from fraud.settings import load_settings
from fraud.verdict import Verdict, worst
from serve.engine import read_golden_rows


def verify() -> None:
    """Ask every server of SERVER_URLS, not only the registry, which version is in production, and check its answers.

    Every worker has to serve the version that the registry calls production, and each server has to answer the golden
    rows of that version as the trained model did. Exit status: 0 all do; 10 a server does not; 2 the registry or a
    server can't be asked.
    """
    settings = load_settings()
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    production = registry.version_of(PRODUCTION)
    if production is None:
        raise GateError("nothing is in production: `python -m bench gate` promotes a candidate")
    rows = _sendable_rows(registry, production)
    answers = deployment_of(settings).ask_each(lambda server: _check(server, production, rows))
    sys.exit(_tell(answers, production, len(rows.rows)).exit_status)


def _tell(answers: Sequence[Answer], production: ModelVersion, rows: int) -> Verdict:
    """A line for each server, faults on standard error; returns the verdict on all of them."""
    for answer in answers:
        if answer.fault is None:
            typer.echo(
                f"{answer.server.address}: every worker serves version {production.version}, and the server answers "
                f"{rows} golden rows correctly."
            )
        else:
            typer.echo(f"{answer.verdict.upper()}: {answer.fault}", err=True)
    return worst(answer.verdict for answer in answers)


def _check(server: Server, production: ModelVersion, rows: GoldenRows) -> None:
    server.verify(production.version)
    try:
        rows.check(server.probabilities(join_instances(encode_instances(rows.rows.astype(np.float64)))))
    except GoldenRowsError as error:
        raise DeploymentError(f"{server.address}: {error}") from error


def _sendable_rows(registry: Registry, version: ModelVersion) -> GoldenRows:
    """The version's own golden rows, without those that a client can't send.

    Each worker checked missing and negative values when it loaded the model.
    """
    golden = read_golden_rows(registry.fetch_model(version))
    sendable = np.isfinite(golden.rows).all(axis=1) & (golden.rows >= 0).all(axis=1)
    return GoldenRows(golden.rows[sendable], golden.probabilities[sendable])
