"""shap's explainer as a contender: in an environment of its own, asked over pipes."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray
from xgboost import Booster

from bench.experiments.peers.environment import REQUIREMENTS, make_environment
from convert.source import Matrix
from fraud.features import FEATURE_COUNT

LOCK: Final = REQUIREMENTS / "oracles" / "shap.lock"
SERVICE: Final = Path(__file__).with_name("shap_service.py")
END_S: Final = 10


class ShapProcess:
    """A process that explains the rows it gets; a pipe adds some 50 us a call."""

    def __init__(self, outgoing: IO[bytes], incoming: IO[bytes]) -> None:
        self._outgoing = outgoing
        self._incoming = incoming

    def effects(self, x: Matrix) -> NDArray[np.float64]:
        """Contributions of the rows of `x` [N, 10], [N, 10]."""
        self._outgoing.write(struct.pack("<q", len(x)) + x.tobytes())
        self._outgoing.flush()
        content = self._incoming.read(8 * FEATURE_COUNT * len(x))
        return np.frombuffer(content, np.float64).reshape(len(x), FEATURE_COUNT)


@contextmanager
def shap_process(booster: Booster, folder: Path) -> Iterator[ShapProcess]:
    """Explain a booster for the block; the environment is made in `folder`, unless it is there.

    Raises:
        PeersError: shap can't be installed.
    """
    python = make_environment(LOCK, folder)
    model = folder / "model.ubj"
    booster.save_model(model)
    with subprocess.Popen(
        [str(python), str(SERVICE), str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process with pipes has pipes")
        try:
            yield ShapProcess(process.stdin, process.stdout)
        finally:
            process.stdin.close()
            process.wait(END_S)
