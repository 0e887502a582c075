"""`python -m serve.compile`: compile the server's machine code before its first start.

The code is the same for every model, so it can be compiled while the first model is still being trained.
"""

from __future__ import annotations

from fraud.command_line import CommandLine
from fraud.settings import load_settings
from serve.decoding.row_scanner import RowScanner
from serve.engine.compilation import compile_code


def main() -> None:
    """Compile the server's machine code into COMPILED_DIR before its first start; code that is up to date is kept.

    Exit status: 0 compiled, 2 the settings are wrong, or the code can't be compiled for this machine.
    """
    folder = load_settings().compiled_folder()
    compile_code(folder)
    RowScanner(folder)


if __name__ == "__main__":
    CommandLine(main)()
