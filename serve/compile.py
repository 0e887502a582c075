"""`python -m serve.compile`: compile what the server runs as machine code, ahead of its first start.

The code is the same for every model, so it can be compiled while the first model is still being trained.
"""

from __future__ import annotations

from fraud.command_line import CommandLine
from fraud.settings import load_settings
from serve.decoding.row_scanner import RowScanner
from serve.engine.compilation import compile_code


def main() -> None:
    """Compile the server's code into COMPILED_DIR, ahead of its first start; what is there already is only read.

    Exit status: 0 compiled, 2 the settings are wrong, or the code can't be compiled for this machine.
    """
    folder = load_settings().compiled_folder()
    compile_code(folder)
    RowScanner(folder)


if __name__ == "__main__":
    CommandLine(main)()
