"""The gate as the settings say."""

from __future__ import annotations

import time

from bench.gate.check import Gate, LatencyTest
from bench.gate.latency.judge import LatencyRule
from bench.gate.latency.measure import Effort
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.rule import Rule
from fraud.registry import Registry
from fraud.settings import DatabaseRole, Settings
from train.maturity import known_before, label_cutoff


def assemble_gate(settings: Settings) -> Gate:
    """The gate.

    Raises:
        SettingsError: the registry or the database is not set, or a password is missing.
    """
    measuring = settings.gate_effort
    return Gate(
        registry=Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s),
        trainer_dsn=settings.dsn(DatabaseRole.TRAINER),
        server_settings={
            "DATABASE_URL": settings.dsn(DatabaseRole.SERVER),
            "SERVER_DB_PASSWORD": "",  # the address names role and password already
            "COMPILED_DIR": str(settings.compiled_folder().resolve()),
        },
        cutoff=label_cutoff(settings.today, settings.label_maturity_days),
        known_before=known_before(settings.today),
        quality=_quality(settings),
        latency=LatencyTest(
            rule=LatencyRule(
                max_ratio=settings.gate_latency_ratio,
                too_noisy_ratio=measuring.too_noisy_ratio,
                max_p99_us={kind: 1000 * limit_ms for kind, limit_ms in settings.gate_p99_ms.items()},
            ),
            effort=Effort(measuring.window_s, measuring.min_pairs, measuring.max_pairs),
            seed=time.time_ns(),
        ),
        work_dir=settings.run_dir / "gate",
    )


def _quality(settings: Settings) -> QualityPolicy:
    return QualityPolicy(
        rule=Rule(settings.gate_rule),
        level=settings.gate_level,
        margin=settings.gate_margin,
        minimum_positives=settings.gate_min_positives,
        review_capacity=settings.gate_review_capacity,
        vetoes=settings.gate_vetoes,
    )
