"""What is called drift: how sure a change must be, and how large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ALPHA: Final = 0.001
PSI_FLOOR: Final = 0.02
RARE_SHARE: Final = 0.002
RATE_FLOOR: Final = 0.02
MINIMUM_ROWS: Final = 1_000

IMPLAUSIBLE_SHARE: Final = 0.2
"""No population changes so that this share of a feature lies beyond all reference values: then the feed is at fault."""

ENOUGH_TO_LEARN: Final = 100
"""Training applications beyond the reference's range from which on a model can learn them."""


@dataclass(frozen=True, slots=True)
class DriftPolicy:
    """A change counts when it is significant (`alpha`) and no smaller than its floor.

    With many rows everything is significant, so a floor is needed; with few rows every figure is large, so is the test.
    """

    alpha: float = ALPHA
    """Share of checks without any change that call one significant; Holm's correction holds it over all tests."""
    psi_floor: float = PSI_FLOOR
    """PSI of the values in range below which a significant change is let pass."""
    psi_floors: Mapping[str, float] = field(default_factory=dict)
    """The same for some variables, by name."""
    rare_share: float = RARE_SHARE
    """Change of the share of missing, unseen or out-of-range values below which it is let pass."""
    rate_floor: float = RATE_FLOOR
    """Change of the positive rate below which it is let pass."""
    minimum_rows: int = MINIMUM_ROWS
    """Fewer rows in a window are too few to tell."""

    def psi_floor_of(self, variable: str) -> float:
        """The variable's floor."""
        return self.psi_floors.get(variable, self.psi_floor)
