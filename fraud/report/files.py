"""Files of a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_files(folder: Path, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write each content under its name into the folder, which is made if it is not there.

    Files of an earlier report are replaced; each appears whole or not at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        partial = folder / f".{name}.partial"
        partial.write_bytes(content)
        partial.replace(folder / name)
    return tuple(folder / name for name in contents)
