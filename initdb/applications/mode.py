"""What becomes of the applications that are there."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What becomes of the rows that are in the table."""

    APPEND = "append"
    """They stay, and an id that is there already is a fault."""
    REPLACE_SAME = "replace-same"
    """They stay, but for those whose ids come again."""
    REPLACE = "replace"
    """They go."""
