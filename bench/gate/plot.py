"""A plot that travels with a report."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from train.axes import save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI: Final = 80
"""Small enough that a page with a dozen plots stays below half a megabyte."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A finished PNG."""

    name: str
    """Short, without spaces: the name of its file."""
    caption: str
    """What it shows, for those who can't see it too."""
    png: bytes = field(repr=False)

    @classmethod
    def of(cls, axes: Axes, name: str, caption: str) -> Self:
        """Draw the figure of the axes."""
        target = io.BytesIO()
        save_png(axes, target, DPI)
        return cls(name, caption, target.getvalue())
