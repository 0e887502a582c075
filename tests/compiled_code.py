"""Where tests, and the servers that they start, keep compiled code: one folder, so that nothing is compiled twice."""

from __future__ import annotations

from pathlib import Path
from typing import Final

COMPILED_DIR: Final = Path(__file__).parents[1] / "serve" / "engine" / "__pycache__"
"""The one beside the kernels, which stays from one session to the next; a change of the code is another name there."""
