"""A process that promotes version 2 over version 1 and is killed at its n-th change of the registry."""

from __future__ import annotations

import os
import signal
import sys

from bench.gate.promotion import promote
from fraud.registry import CANDIDATE, PRODUCTION, Registry


class DeadlyRegistry(Registry):
    """Kills its process instead of making its n-th change."""

    changes_left = 0

    def set_alias(self, alias: str, version: int) -> None:
        self._die_in_time()
        super().set_alias(alias, version)

    def delete_alias(self, alias: str) -> None:
        self._die_in_time()
        super().delete_alias(alias)

    def _die_in_time(self) -> None:
        if self.changes_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.changes_left -= 1


def main(tracking_uri: str, model_name: str, changes: str) -> None:
    registry = DeadlyRegistry(tracking_uri, model_name)
    champion, candidate = registry.version_of(PRODUCTION), registry.version_of(CANDIDATE)
    assert candidate is not None
    registry.changes_left = int(changes)
    promote(registry, champion, candidate, None, lambda: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
