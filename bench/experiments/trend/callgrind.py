"""Counts the instructions of workloads by valgrind's callgrind."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.experiments.files.command import make_model
from bench.experiments.trend.counted import COMPILE_ONLY, LONGER
from bench.experiments.trend.errors import TrendError
from bench.experiments.trend.workloads import WORKLOADS
from fraud.api_keys import Role, key_settings
from serve.metrics import METRICS_DIR_VARIABLE

MODEL_NAME: Final = "divorce-model"
TIMEOUT_S: Final = 1_800.0
PROFILE_LINES: Final = 15
MAIN_THREAD: Final = "01"
"""As callgrind calls it, at the end of a file's name."""
LIBRARIES: Final = ("numpy", "numba", "onnxruntime", "msgspec", "orjson", "httptools", "xgboost-cpu")
"""Whose own instructions are counted too."""
_TOTALS: Final = re.compile(r"^totals: (\d+)$", re.MULTILINE)
_FUNCTION: Final = re.compile(r"^ *[\d,]+ \([ \d.]+%\)")


@dataclass(frozen=True, slots=True)
class Count:
    """What one step of a workload takes."""

    instructions: float
    profile: str
    """The functions that take most of it, as callgrind_annotate tells them."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted, and on what."""

    by_workload: Mapping[str, Count]
    processor: str
    """The features of the processor that valgrind shows: NumPy, ONNX Runtime and glibc choose their code by them."""


def prepare(folder: Path) -> dict[str, str]:
    """Make a model and the environment in which workloads run."""
    make_model(folder, MODEL_NAME)
    metrics = folder / "metrics"
    metrics.mkdir()
    return {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}},
        "RUN_DIR": str(folder / "run"),
        "MODEL_NAME": MODEL_NAME,
        "MLFLOW_TRACKING_URI": "",
        "ENGINE": "forest",  # which kernel is faster under valgrind says nothing
        "MAX_WAIT_MS": "600000",  # what takes minutes there is no overload
        "ADMIN_PASSWORD": "of-nobody-for-a-count",
        "APPLICANT_REF_KEY": "of-nobody-for-a-count-of-instructions",
        "PYTHONHASHSEED": "0",
        # A processor that valgrind supports: so compiled code is the same under it, without it, and on each machine.
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse3,+ssse3,+sse4.1,+sse4.2",
        METRICS_DIR_VARIABLE: str(metrics),
        **key_settings("trend", Role.SCORE),
    }


def count(names: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Counts:
    """Count workloads, one after the other in one process: most of the time goes into its start.

    Only the thread that does the steps counts: how often others look at the clock depends on the load of the machine.

    Raises:
        TrendError: valgrind is not here, or a workload did not end well.
    """
    if shutil.which("valgrind") is None:
        raise TrendError("valgrind is not installed: `apt install valgrind`")
    out = folder / "callgrind"
    options = ("--instr-atstart=no", "--separate-threads=yes", f"--callgrind-out-file={out}")
    valgrind = ("valgrind", "--quiet", "--tool=callgrind", *options)
    workloads = (sys.executable, "-m", "bench.experiments.trend.counted", *names)
    _run((*workloads, COMPILE_ONLY), folder, environment)
    processor = _run((*valgrind, *workloads), folder, environment).strip()
    found = {}
    for number, name in enumerate(names):
        short, long = (out.with_name(f"{out.name}.{2 * number + loop}-{MAIN_THREAD}") for loop in (1, 2))
        steps = (LONGER - 1) * WORKLOADS[name].steps
        found[name] = Count((_total(long) - _total(short)) / steps, _profile(long))
        short.unlink()
        long.unlink()
    return Counts(found, processor)


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Returns what the command wrote."""
    try:
        ended = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise TrendError(f"nothing was counted within {TIMEOUT_S:g} s") from None
    if ended.returncode != 0:
        raise TrendError(f"`{command[0]}` ended with status {ended.returncode}: {ended.stderr.strip()[-500:]}")
    return ended.stdout


def surroundings(processor: str) -> dict[str, str]:
    """What else than our code decides a count; counts of different surroundings are not compared.

    Of the machine's processor only `Counts.processor` decides: valgrind shows programs one of its own, which has what
    valgrind knows and the machine has too. So two machines with AVX2 count alike, whatever else they can do.
    """
    valgrind = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S607 - by PATH
    return {
        "valgrind": valgrind.strip(),
        "machine": platform.machine(),
        "processor": processor,
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _total(dump: Path) -> int:
    found = _TOTALS.search(dump.read_text(errors="replace")) if dump.exists() else None
    if found is None:
        raise TrendError(f"{dump.name}: callgrind wrote no total")
    return int(found[1])


def _profile(dump: Path) -> str:
    told = subprocess.run(
        ["callgrind_annotate", str(dump)],  # noqa: S607 - valgrind's own, by PATH
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    ).stdout
    return "\n".join([line for line in told.splitlines() if _FUNCTION.match(line)][: PROFILE_LINES + 1])
