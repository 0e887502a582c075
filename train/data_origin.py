"""What a model card says of where the applications came from, and of what in them is made up."""

from __future__ import annotations

from typing import Final

from fraud.provenance import Provenance

UNKNOWN: Final = (
    "- Where the applications came from is not on record. Reference applications derive from a public table of car\n"
    "  loans whose label is a default, which stands in for divorces, or are simulated from its statistics; then the\n"
    "  figures above say nothing about real couples.\n"
)
MADE_UP: Final = (
    "- The reference applications derive from a public table of car loans whose label is a default, and stand in\n"
    "  for divorces. Where that table is not there, they are simulated from its statistics. Their dates are drawn,\n"
    "  and the new wave from 2025 on is made up. The figures above say nothing about real couples.\n"
)


def origin(provenance: Provenance | None) -> str:
    """What was loaded, as a sentence, or a list of them."""
    if provenance is None or not provenance.parts:
        return "Where they came from is not on record."
    parts = "\n".join(f"- {part}" for part in provenance.parts)
    return f"Loaded, among them what is later than that:\n\n{parts}"


def limits(provenance: Provenance | None) -> str:
    """What follows from it for whoever reads figures, as lines; none for applications that are all somebody's own."""
    if provenance is None or not provenance.parts:
        return UNKNOWN
    invented = "".join(
        f"- {part.invented_divorces:,} of the {part.divorces:,} divorces from {part.source} are invented.\n"
        for part in provenance.reference
        if part.invented_divorces is not None and part.divorces is not None
    )
    return f"{MADE_UP}{invented}" if provenance.reference else ""
