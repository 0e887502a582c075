"""`python -m serve.compile`: compile what the server runs as machine code, ahead of its first start.

The code is the same for every model, so it can be compiled while the first model is still being trained.
"""

from __future__ import annotations

import sys

from fraud.command import EXIT_ERROR, print_error
from fraud.errors import ProjectError
from fraud.settings import load_settings
from serve.decoding.row_scanner import RowScanner
from serve.engine.compilation import compile_code


def main() -> int:
    """Compile into the folder that the settings name; what is there already is only read.

    Returns:
        The exit status: 0, or 2 where the settings are wrong or the code can't be compiled for this machine.
    """
    try:
        folder = load_settings().compiled_folder()
        compile_code(folder)
        RowScanner(folder)
    except ProjectError as error:
        print_error(error)
        return EXIT_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
