"""One training as a run in MLflow: parameters, metrics and files."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from convert import Conversion
from convert.parity_report import ContributionParity, ParityReport
from fraud.errors import RegistryError
from fraud.registry import (
    CONTRIBUTIONS_SHA256_TAG,
    MODEL_FOLDER,
    PARITY_MADE_ROWS_TAG,
    PARITY_REAL_ROWS_TAG,
    Registry,
    mlflow_client,
    registry_errors,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient


def record_run(
    registry: Registry, params: Mapping[str, str], metrics: Mapping[str, float], folder: Path, name: str | None = None
) -> str:
    """Write a run, with the files of `folder` under `model/`, to the experiment with the model's name; returns its id.

    Without a `name` MLflow makes one up.

    Raises:
        RegistryError: MLflow does not answer or refuses; the run, if it began, is marked FAILED.
    """
    uri = registry.tracking_uri
    client = mlflow_client(uri, registry.timeout_s)
    with registry_errors(uri):
        run_id: str = client.create_run(_experiment_id(client, registry.model_name), run_name=name).info.run_id
    try:
        with registry_errors(uri):
            _log(client, run_id, params, metrics)
            client.log_artifacts(run_id, str(folder), MODEL_FOLDER)
            client.set_terminated(run_id, "FINISHED")
    except RegistryError:
        with contextlib.suppress(RegistryError), registry_errors(uri):
            client.set_terminated(run_id, "FAILED")
        raise
    return run_id


def parity_metrics(parity: ParityReport) -> dict[str, float]:
    """How equal the converted model is, as metrics of its run."""
    return {
        "parity_rows": parity.rows.total,
        "parity_rows_real": parity.rows.real,
        "parity_rows_made": parity.rows.made,
        "parity_margin_bit_equal_share": parity.margin_bit_equal_share,
        "parity_probability_max_relative_difference": parity.max_relative_difference,
        "parity_probability_max_absolute_difference": parity.max_absolute_difference,
        **_contribution_metrics(parity.contributions),
    }


def _contribution_metrics(parity: ContributionParity | None) -> dict[str, float]:
    if parity is None:
        return {}
    return {
        "parity_contributions_rows": parity.rows,
        "parity_contributions_effect_max_difference": parity.effect_max_difference,
        "parity_contributions_sum_max_difference": parity.sum_max_difference,
    }


def conversion_tags(conversion: Conversion) -> dict[str, str]:
    """What the proof of a version was on, and which tables explain it, as tags of it."""
    rows, contributions = conversion.parity.rows, conversion.parity.contributions
    proven = {PARITY_REAL_ROWS_TAG: str(rows.real), PARITY_MADE_ROWS_TAG: str(rows.made)}
    return proven if contributions is None else proven | {CONTRIBUTIONS_SHA256_TAG: contributions.sha256}


def _experiment_id(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found is not None else client.create_experiment(name))


def _log(client: MlflowClient, run_id: str, params: Mapping[str, str], metrics: Mapping[str, float]) -> None:
    from mlflow.entities import Metric, Param  # noqa: PLC0415 - takes a second

    now_ms = time.time_ns() // 1_000_000
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now_ms, 0) for name, value in metrics.items()],
        params=[Param(name, value) for name, value in params.items()],
    )
