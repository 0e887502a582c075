"""Where commands tell what they do, and how they end by a fault that their user can mend."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

from fraud.command import EXIT_ERROR
from fraud.errors import ProjectError
from fraud.verdict import Verdict
from initdb.errors import FaultyApplicationsError

console: Final = Console(stderr=True)


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """End the program where the block raises an error of ours: with its line, or lines, and a status."""
    try:
        yield
    except ProjectError as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        at_fault = isinstance(error, FaultyApplicationsError)
        sys.exit(Verdict.DATA_QUALITY_FAULT.exit_status if at_fault else EXIT_ERROR)
