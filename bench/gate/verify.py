"""`python -m bench verify`."""

from __future__ import annotations

import sys

import numpy as np
import typer

from bench.applications import encode_instances, join_instances
from bench.gate.deployment import Deployment, deployment_of
from bench.gate.errors import GateError
from fraud.command import EXIT_ERROR, print_error
from fraud.errors import ProjectError
from fraud.golden_rows import GoldenRows
from fraud.registry import PRODUCTION, ModelVersion, Registry
from fraud.settings import load_settings
from serve.engine import read_golden_rows


def verify() -> None:
    """Ask the server, not the registry alone, what is in production: version and answers.

    Every worker has to serve the version that the registry calls production, and the server has to answer the golden
    rows of that version as the trained model did. Exit status: 0 it does, 2 it does not, or can't be asked.
    """
    try:
        settings = load_settings()
        registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
        production = registry.version_of(PRODUCTION)
        if production is None:
            raise GateError("nothing is in production: `python -m bench gate` promotes a candidate")
        deployment = deployment_of(settings)
        deployment.verify(production.version)
        rows = _check_golden_rows(registry, production, deployment)
    except ProjectError as error:
        print_error(error)
        sys.exit(EXIT_ERROR)
    typer.echo(f"Every worker serves version {production.version}, and the server answers {rows} golden rows rightly.")


def _check_golden_rows(registry: Registry, version: ModelVersion, deployment: Deployment) -> int:
    """Send the version's own golden rows; gives how many.

    Raises:
        DeploymentError: the server does not answer them.
        GoldenRowsError: it answers otherwise than the trained model.
    """
    golden = read_golden_rows(registry.fetch_model(version))
    # A client can't send what is missing or negative; each worker checked those rows when it loaded the model.
    sendable = np.isfinite(golden.rows).all(axis=1) & (golden.rows >= 0).all(axis=1)
    sent = GoldenRows(golden.rows[sendable], golden.probabilities[sendable])
    sent.check(deployment.probabilities(join_instances(encode_instances(sent.rows.astype(np.float64)))))
    return len(sent.rows)
