"""The progress of a long step: a changing line on a terminal, occasional lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.markup import escape

from fraud.stack.child import Tell

LINE_INTERVAL_S: Final = 10.0


@contextmanager
def shown(console: Console, first: str) -> Iterator[Tell]:
    """Show what is going on for as long as the block runs; the block tells it by the function that it gets."""
    if console.is_terminal:
        with console.status(escape(first)) as status:
            yield lambda text: status.update(escape(text))
        return
    console.print(first, markup=False, highlight=False, soft_wrap=True)
    printed_at = time.monotonic()

    def tell(text: str) -> None:
        nonlocal printed_at
        if time.monotonic() - printed_at >= LINE_INTERVAL_S:
            console.print(text, markup=False, highlight=False, soft_wrap=True)
            printed_at = time.monotonic()

    yield tell
