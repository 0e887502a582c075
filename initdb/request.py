"""Which reference data are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from initdb.training_table import Provenance

GENERATED: Final = "generated rows"


@dataclass(frozen=True, slots=True)
class Request:
    """The public table or, without one, a seed; and the share of the reference data that it is to fill."""

    csv: Path | None
    seed: int
    scale: float
    keep_raw: bool
    data_dir: Path

    def provenance(self, rows: int) -> Provenance:
        """What will be remembered of them."""
        return Provenance(self.csv.name if self.csv else GENERATED, self.seed, self.scale, rows)
