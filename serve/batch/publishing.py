"""The end of a run: all parts are there, and become what was asked for."""

from __future__ import annotations

import os
from typing import Any

from serve.batch.locations import STAGING
from serve.batch.part_files import join
from serve.batch.work_folder import SUCCESS_FILE, Output


def publish(output: Output, parts: int, schema: Any) -> None:
    """Have the file made of its parts, or the folder called complete. Done again after a kill, it ends alike."""
    if output.is_folder:
        output.folder.within(SUCCESS_FILE).replace(b"")
        for number in range(parts):
            facts = output.facts(number)
            facts.filesystem.delete_file(facts.path)
        return
    staging = output.folder.within(f"joined{STAGING}{os.getpid()}")
    join([output.part(number) for number in range(parts)], staging, output.format, schema)
    staging.rename(output.location)
    output.remove_parts()
