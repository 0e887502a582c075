"""The end of a run: publishing the output once all parts exist."""

from __future__ import annotations

from typing import Any, Final

from serve.batch.errors import OutputError
from serve.batch.part_files import join
from serve.batch.work_folder import SUCCESS_FILE, Output

COPIED_MAX_BYTES: Final = 5 * 1000**3
"""Size limit of S3's CopyObject (Amazon S3 API Reference, "CopyObject"), by which a file gets its final name."""


def publish(output: Output, parts: int, schema: Any) -> None:
    """Make the file from its parts, or mark the folder complete. Idempotent: safe to repeat after a kill.

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
        f"would be larger than S3 can copy in one call, {COPIED_MAX_BYTES:,} bytes: use its parts in {output.folder}, "
        f"which are complete, or name a folder",
    )
