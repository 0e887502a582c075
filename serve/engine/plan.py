"""The choice of a kernel for each batch size, and its measurements; saved as JSON beside the model."""

from __future__ import annotations

import logging
import platform
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from fraud.cores import usable_cores
from serve.engine.cover import BlockCosts

logger = logging.getLogger(__name__)

LARGEST_ROWS: Final = (1, 16, 256, 4096, None)
"""Upper bound of each class of batch sizes; the last one has none."""

FORMAT: Final = 2
"""Increase it when older plans would be misread, or would be measured differently now."""


@dataclass(frozen=True, slots=True)
class PlanKey:
    """The conditions of a plan: it is measured again when any of them changes."""

    format: int
    model_sha256: str
    kind: str
    threads: int
    processor: str
    cores: int
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Contender:
    """A kernel on a number of threads, and its time on fresh rows (lower quartile), microseconds a row."""

    kernel: str
    threads: int
    us_per_row: float


@dataclass(frozen=True, slots=True)
class BatchClass:
    """The choice for batches of up to `largest_rows` rows (None: no bound), measured at `measured_rows` rows.

    `block_rows` are the blocks into which the forest kernel cuts a batch of this size, largest first; 1 = row by row.
    """

    largest_rows: int | None
    measured_rows: int
    kernel: str
    threads: int
    block_rows: tuple[int, ...]
    contenders: tuple[Contender, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All choices, one for each class of batch sizes, smallest first, and the costs of the forest kernel's blocks."""

    key: PlanKey
    classes: tuple[BatchClass, ...]
    blocks: BlockCosts | None


def plan_key(model_sha256: str, kind: str, threads: int) -> PlanKey:
    """The key of a model on this machine."""
    packages = ("llvmlite", "numba", "numpy", "onnxruntime")
    return PlanKey(
        format=FORMAT,
        model_sha256=model_sha256,
        kind=kind,
        threads=threads,
        processor=_processor(),
        cores=usable_cores(),
        versions={name: version(name) for name in packages},
    )


def plan_path(model_path: Path) -> Path:
    """The file of a model's plan."""
    return model_path.with_name(f"{model_path.name}.plan.json")


def read_plan(path: Path, key: PlanKey) -> Plan | None:
    """The plan measured under the same conditions, else None."""
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        logger.warning("the plan is measured again: %s can't be read (%s)", path, error)
        return None
    return plan if plan.key == key and _complete(plan) else None


def write_plan(path: Path, plan: Plan) -> None:
    """Save the plan for the next start; if the folder can't be written, the next start measures again."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            file.write(msgspec.json.format(msgspec.json.encode(plan)) + b"\n")
        Path(file.name).replace(path)
    except OSError as error:
        logger.info("the plan is not saved: %s can't be written (%s)", path, error.strerror)


def _complete(plan: Plan) -> bool:
    return tuple(batch.largest_rows for batch in plan.classes) == LARGEST_ROWS


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
