"""The style sheet of the pages for people; reports include it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

STYLE: Final = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
