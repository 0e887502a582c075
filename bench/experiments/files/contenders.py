"""Who scores files: ours, and XGBoost as people read and write files around it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bench.experiments.peers.environment import REQUIREMENTS, make_environment

OURS: Final = "serve.batch"
PANDAS: Final = "pandas"
POLARS: Final = "polars"
RAY: Final = "ray"
PEERS: Final = (PANDAS, POLARS, RAY)

TITLES: Final = MappingProxyType(
    {
        OURS: "serve.batch",
        PANDAS: "XGBoost with pandas",
        POLARS: "XGBoost with polars",
        RAY: "Ray Data with XGBoost",
    }
)


def make_commands(
    peers: Collection[str], model: Path, folder: Path, tell: Callable[[str], None]
) -> dict[str, list[str]]:
    """How each is called, but for the input and the output; environments of peers are made in `folder`.

    Raises:
        PeersError: the packages of a peer can't be installed.
    """
    commands = {OURS: [sys.executable, "-m", "serve.batch"]}
    for name in peers:
        if name == PANDAS:
            commands[name] = [sys.executable, "-m", "bench.experiments.files.pandas_process", str(model)]
            continue
        tell(f"environment of {name}")
        python = make_environment(REQUIREMENTS / "peers" / f"{name}.lock", folder / name)
        commands[name] = [str(python), str(Path(__file__).with_name(f"{name}_process.py")), str(model)]
    return commands
