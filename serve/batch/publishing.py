"""The end of a run: all parts are there, and become what was asked for."""

from __future__ import annotations

from typing import Any, Final

from serve.batch.errors import OutputError
from serve.batch.part_files import join
from serve.batch.work_folder import SUCCESS_FILE, Output

COPIED_MAX_BYTES: Final = 5 * 1000**3
"""Of an object that S3 copies at once (Amazon S3 API Reference, "CopyObject"): so a file gets its name there."""


def publish(output: Output, parts: int, schema: Any) -> None:
    """Have the file made of its parts, or the folder called complete. Done again after a kill, it ends alike.

    Raises:
        OutputError: the file would be larger than its store allows.
    """
    if output.is_folder:
        output.folder.within(SUCCESS_FILE).replace(b"")
        for number in range(parts):
            facts = output.facts(number)
            facts.filesystem.delete_file(facts.path)
        return
    _refuse_uncopied(output, parts)
    staging = output.folder.within("joined").staging()
    join([output.part(number) for number in range(parts)], staging, output.format, schema)
    staging.rename(output.location)
    output.remove_parts()


def _refuse_uncopied(output: Output, parts: int) -> None:
    if output.location.is_local or sum(output.part(number).info().size for number in range(parts)) <= COPIED_MAX_BYTES:
        return
    raise OutputError(
        output.location,
        f"would be larger than S3 copies at once, {COPIED_MAX_BYTES:,} bytes: use its parts in {output.folder}, which "
        "are all there, or name a folder",
    )
