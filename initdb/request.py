"""Which reference data are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fraud.features import FEATURES
from fraud.provenance import Provenance, ReferenceRows
from initdb.errors import OwnFeaturesError
from initdb.public_table import PUBLIC_FEATURES

GENERATED: Final = "generated rows"


@dataclass(frozen=True, slots=True)
class Request:
    """The public table or, without one, a seed; and the share of the reference data that it is to fill."""

    csv: Path | None
    seed: int
    scale: float
    credit_ceiling: float | None
    """EUR; only smaller loans count. None: all do."""
    keep_raw: bool
    data_dir: Path

    @property
    def source(self) -> str:
        """What the applicants are taken from."""
        return self.csv.name if self.csv else GENERATED

    def is_met_by(self, provenance: Provenance | None) -> bool:
        """Whether what is loaded is what is asked for."""
        asked_for = (self.source, self.seed, self.scale, self.credit_ceiling)
        return provenance is not None and [part.asked_for() for part in provenance.reference] == [asked_for]

    def provenance(self, rows: int, wave_rows: int, divorces: int, invented_divorces: int) -> Provenance:
        """What will be remembered of them."""
        part = ReferenceRows(
            source=self.source,
            seed=self.seed,
            scale=self.scale,
            rows=rows,
            credit_ceiling=self.credit_ceiling,
            wave_rows=wave_rows,
            divorces=divorces,
            invented_divorces=invented_divorces,
        )
        return Provenance((part,))


def check_features() -> None:
    """Refuse to make reference data for features that neither the public table nor the generator has.

    Raises:
        OwnFeaturesError: FEATURES_FILE names others than the project's own.
    """
    declared, public = ([(one.name, one.type) for one in features] for features in (FEATURES, PUBLIC_FEATURES))
    if declared != public:
        raise OwnFeaturesError(
            "FEATURES_FILE declares features that no reference applications can be made for: set APPLICATIONS_FILE to "
            "your own file, or run `python -m initdb load FILE`"
        )
