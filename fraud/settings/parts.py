"""The settings of all parts together."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fraud.settings.access import AccessSettings
from fraud.settings.data import DataSettings
from fraud.settings.database import DatabaseSettings
from fraud.settings.drift import DriftSettings
from fraud.settings.gate import GateSettings
from fraud.settings.limits import LimitSettings
from fraud.settings.machine import MachineSettings
from fraud.settings.models import ModelSettings
from fraud.settings.notices import NoticeSettings
from fraud.settings.part import Part
from fraud.settings.record import RecordSettings
from fraud.settings.reviews import ReviewSettings
from fraud.settings.schedule import ScheduleSettings
from fraud.settings.server import ServerSettings


class Settings(
    MachineSettings,
    DatabaseSettings,
    DataSettings,
    ModelSettings,
    ServerSettings,
    LimitSettings,
    AccessSettings,
    RecordSettings,
    ReviewSettings,
    NoticeSettings,
    DriftSettings,
    GateSettings,
    ScheduleSettings,
):
    """All settings; their names are those of the environment, and what needs one part can ask for its class."""

    def pages_url(self) -> str:
        """Where people reach the pages."""
        return self.public_url or self.server_url()

    def compiled_folder(self) -> Path:
        """Where compiled code is kept between starts."""
        return self.compiled_dir or self.run_dir / "compiled"

    def spool_folder(self) -> Path:
        """Where predictions wait for the database."""
        return self.spool_dir or self.run_dir / "spool"


PARTS: Final[tuple[type[Part], ...]] = tuple(part for part in Settings.__bases__ if issubclass(part, Part))
"""The parts in the order of the reference."""
