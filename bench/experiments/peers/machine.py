"""Where and with what a stage was measured."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Final

import msgspec

from bench.experiments.peers.environment import installed_version

PACKAGES: Final = {
    "mlserver": ("mlserver", "xgboost"),
    "mlflow": ("mlflow", "xgboost-cpu"),
    "bentoml": ("bentoml", "xgboost-cpu"),
    "mosec": ("mosec", "xgboost-cpu"),
    "original": ("fastapi", "pydantic", "xgboost-cpu"),
}
OUR_PACKAGES: Final = ("fastapi", "uvicorn", "onnxruntime", "numba")


class Machine(msgspec.Struct, frozen=True):
    """Date, processor and versions."""

    date: str
    processor: str
    cores: int
    system: str
    versions: dict[str, str]


def describe_machine(pythons: dict[str, Path]) -> Machine:
    """This machine now; `pythons` are the interpreters of the peers' environments by the name of their lock."""
    versions = {"ours": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in OUR_PACKAGES)}
    for peer, python in pythons.items():
        versions[peer] = ", ".join(f"{name} {installed_version(python, name)}" for name in PACKAGES[peer])
    return Machine(
        date=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        versions=versions,
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
