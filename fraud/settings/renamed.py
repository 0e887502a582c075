"""Former names of settings: an error names the setting that replaced each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from fraud.errors import SettingsError


def _entry(table: str, name: str) -> str:
    return f'set {table}={{"{name}": ...}}'


INSTEAD: Final[Mapping[str, str]] = {
    **{
        f"DATA_{name.upper()}": _entry("DATA_LIMITS", name)
        for name in (
            "min_rows",
            "min_positives",
            "min_label_rate",
            "max_label_rate",
            "max_duplicate_share",
            "max_atypical_share",
            "max_age_days",
        )
    },
    **{
        f"GATE_MAX_{name.upper()}": _entry("GATE_VETOES", name)
        for name in (
            "brier_rise",
            "precision_loss",
            "recall_loss",
            "slice_loss",
            "flip_share",
            "fpr_ratio",
            "selection_ratio",
        )
    },
    **{
        f"GATE_{name.upper()}": _entry("GATE_EFFORT", name)
        for name in ("window_s", "min_pairs", "max_pairs", "too_noisy_ratio")
    },
    # POSTGRES_PORT counted beside POSTGRES_HOST only; Kubernetes makes one of a service's name.
    **dict.fromkeys(
        ("POSTGRES_HOST", "POSTGRES_DB", "POSTGRES_USER"),
        "set DATABASE_URL=postgresql://USER@HOST:PORT/DATABASE, beside POSTGRES_PASSWORD",
    ),
    "GATE_LOAD_PROCESSES": "remove it: one Locust process makes the gate's load",
    "ADMIN_USER": "remove it: the administrator's name is admin",
    "CREDIT_CEILING": "remove it: reference applications are for less than EUR 25,000",
    "DATA_SEED": "remove it; `python -m initdb` has an option for the seed",
    "DRIFT_REFERENCE": "remove it: features are compared with the newest fifth of the training data",
    "IDEMPOTENCY_MAX_BYTES": "remove it: answers under an Idempotency-Key take at most 1 GiB",
    "LOG_FLUSH_INTERVAL_MS": "remove it: predictions gather for 100 ms",
    "START_STANDSTILL_S": "remove it: `make run` gives up on a service that makes no progress for 120 s",
}
"""Former name -> what to do."""


def refuse_renamed(environment: Mapping[str, str], files: Sequence[Path]) -> None:
    """Return where nothing sets a former name.

    Args:
        environment: that of the process.
        files: of settings.

    Raises:
        SettingsError: something does; the name, its place and what to do instead.
    """
    places: list[tuple[str, Mapping[str, str | None]]] = [("the environment", environment)]
    places += [(str(file), dotenv_values(file)) for file in files]
    for place, values in places:
        for name in values:
            if values[name] and (instead := INSTEAD.get(name.upper())):
                raise SettingsError(f"{name.upper()} of {place} is no setting any more: {instead}")
