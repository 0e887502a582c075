"""This machine: its run folder, its day, its logs, and who acts on it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

from pydantic import Field

from fraud.environment import DEFAULT_RUN_DIR
from fraud.settings.part import Part


class MachineSettings(Part):
    """This machine: its run folder, its day, its logs, and who acts on it."""

    run_dir: Path = Field(DEFAULT_RUN_DIR, description="folder for data, secrets, models and logs of this machine")
    features_file: Path | None = Field(None, description="declares the features; unset = fraud/features.toml")
    today: dt.date = Field(
        default_factory=lambda: dt.datetime.now(dt.UTC).date(),
        description="applications from this day on are unknown to training (UTC day)",
        json_schema_extra={"default": "today"},
    )
    acting_person: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="name for promotions and rollbacks on record; unset = who is logged in on the machine",
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="form of the server's log lines; auto = for people on a terminal, else JSON"
    )
