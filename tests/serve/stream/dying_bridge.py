"""Run by tests as `python -m tests.serve.stream.dying_bridge SITE... -- ARGUMENT...`: a bridge killed at each.

Sites are those of `tests.serve.batch.dying_run`.
"""

from __future__ import annotations

from serve.stream.__main__ import stream
from tests.serve.batch.dying_run import tell_ends

if __name__ == "__main__":
    tell_ends(stream)
