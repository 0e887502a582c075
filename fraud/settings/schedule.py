"""When drift checks, retraining and upkeep run, and how often a busy gate is tried again."""

from __future__ import annotations

from pydantic import Field

from fraud.settings.part import Part, PositiveInt


class ScheduleSettings(Part):
    """When drift checks, retraining and upkeep run, and how often a busy gate is tried again."""

    schedule_drift: str = Field("0 1 * * *", description="when `jenkins.schedule` checks for drift, as cron, UTC")
    schedule_retrain: str = Field("0 3 1 * *", description="when `jenkins.schedule` retrains, as cron, UTC")
    schedule_rewrite: str = Field(
        "0 4 * * *", description="quiet hour in which `jenkins.schedule` rewrites what was erased, as cron, UTC"
    )
    retrain_tries: PositiveInt = Field(
        3,
        description="measurements of one retraining's gate while the machine is too busy to tell, and retrainings for "
        "one drift while nothing is decided",
    )
    retrain_pause_s: float = Field(600.0, ge=0, description="time from one such measurement to the next, seconds")
