"""`python -m fraud.stack`: from an empty machine to a serving model, until Ctrl-C.

Each step calls the same command that a person or a pipeline would (`python -m initdb`, `train`, `serve`); what this
file adds is their order and their end. Services that the settings name are used, others are started.
"""

from __future__ import annotations

import time
from typing import Final

from rich.console import Console

from fraud.command import interrupt_once
from fraud.command_line import CommandLine
from fraud.settings import load_settings
from fraud.stack.services import Stack
from fraud.stack.summary import print_summary

WATCH_INTERVAL_S: Final = 0.5


def main() -> int:
    """Start everything on this machine: database, registry, first model, server; until Ctrl-C, which stops it all.

    Services that the settings name are used, the others are started. Data, secrets and logs are in RUN_DIR; the scoring
    server listens on SERVE_PORT. SIGTERM (`kill`) stops it too, also in the background, where Ctrl-C has no effect.
    Exit status: 0 after Ctrl-C or SIGTERM, 2 a service does not start, or ends by itself.
    """
    console = Console()
    interrupt_once()
    try:
        settings = load_settings()
        with Stack(settings, console) as stack:
            stack.start()
            print_summary(console, settings)
            while True:
                stack.check()
                time.sleep(WATCH_INTERVAL_S)
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


if __name__ == "__main__":
    CommandLine(main)()
