"""The pages that people read, and the blocks of code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
_BLOCK: Final = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code: its language, what else its first line says (`name=value ...`), and its text."""

    page: Path
    language: str
    notes: dict[str, str]
    text: str

    @property
    def is_call(self) -> bool:
        """Whether it is a call that a reader can paste."""
        return not self.language and self.text.startswith(("KEY=", "curl "))


def blocks_of(page: Path) -> list[Block]:
    """All blocks of a page, in their order."""
    found = []
    for info, text in _BLOCK.findall(page.read_text()):
        language, *notes = info.split(" ") if info and "=" not in info.split(" ")[0] else ["", *info.split()]
        found.append(Block(page, language, dict(note.split("=", 1) for note in notes), text))
    return found
