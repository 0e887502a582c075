"""Where in the prediction log a job's answers stand, told before each is written, so that none is recorded twice.

    RUN_DIR/batch/<output>.places/<job>/<chain>   a line of fixed length for each record that was about to be written

A process writes one chain and alone its file. A place may be claimed more than once, when a record could not be
written: the last claim is the one that holds. What was claimed last and is not in the log was never written.
"""

from __future__ import annotations

import os
import shutil
import struct
import uuid
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from serve.batch.errors import ResumeError
from serve.prediction_log.place import recorded_up_to
from serve.prediction_log.record import RecordPlace

_CLAIM: Final = struct.Struct("<QII")
"""Sequence in the chain; part; chunk of the part."""
_CHECKSUM: Final = struct.Struct("<I")
_LINE_BYTES: Final = _CLAIM.size + _CHECKSUM.size


class Chunk(NamedTuple):
    """Rows that are scored at a time, and are one record."""

    part: int
    number: int
    """Within the part, from 0."""


class PlaceJournal:
    """One process's claims; each is on the disk before its record is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def claim(self, place: RecordPlace, chunk: Chunk) -> None:
        """A chunk's record is about to be written there.

        Raises:
            OSError: the disk does not take the claim; don't write the record.
        """
        if self._descriptor is None:
            path = self._folder / place.chain_id.hex
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            sync_folder(self._folder)
        claim = _CLAIM.pack(place.sequence, *chunk)
        os.write(self._descriptor, claim + _CHECKSUM.pack(zlib.crc32(claim)))
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)


class JobPlaces:
    """All claims of a job."""

    def __init__(self, folder: Path, job_id: str) -> None:
        """`folder` is the output's; those of other jobs in it are of outputs that were removed."""
        self._outputs = folder
        self.folder = folder / job_id

    def begin(self) -> None:
        """Make the folder, and force it to the disk; those of other jobs are removed."""
        self.forget()
        self.folder.mkdir(mode=0o700, parents=True)
        sync_folder(self._outputs)
        sync_folder(self._outputs.parent)

    def forget(self) -> None:
        """Remove them, once the job is complete."""
        if self._outputs.exists():
            shutil.rmtree(self._outputs)

    def refuse_missing(self) -> None:
        """Raise ResumeError where this machine does not know what an earlier run has recorded."""
        if not self.folder.is_dir():
            raise ResumeError(
                f"what this run has recorded is told by another RUN_DIR, or another machine's, not by {self.folder}: "
                "go on with it there, or remove the parts to start over, and to record all of it once more"
            )

    def chains(self) -> list[uuid.UUID]:
        """The chains that its processes have written, or were about to."""
        return [uuid.UUID(path.name) for path in sorted(self.folder.iterdir())]

    def recorded(self, spool: Path) -> Mapping[int, frozenset[int]]:
        """By part: the chunks that are in the log. None of the job's processes may be at work.

        Raises:
            ResumeError: a claim is gone.
        """
        found: dict[int, set[int]] = {}
        for chain_id in self.chains():
            claims = dict(_read_claims(self.folder / chain_id.hex))
            for sequence in range(1, recorded_up_to(spool, chain_id) + 1):
                if sequence not in claims:
                    raise ResumeError(
                        f"{self.folder / chain_id.hex} does not tell what record {sequence} of its chain is: it was "
                        "changed or put back, so that it can't be told what is recorded"
                    )
                part, number = claims[sequence]
                found.setdefault(part, set()).add(number)
        return {part: frozenset(chunks) for part, chunks in found.items()}


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_claims(path: Path) -> Iterator[tuple[int, Chunk]]:
    """The whole ones, in the order of writing; the last may be cut off, and its record was not written then."""
    content = path.read_bytes()
    for start in range(0, len(content) - _LINE_BYTES + 1, _LINE_BYTES):
        claim = content[start : start + _CLAIM.size]
        if _CHECKSUM.unpack_from(content, start + _CLAIM.size)[0] != zlib.crc32(claim):
            return
        sequence, part, number = _CLAIM.unpack(claim)
        yield sequence, Chunk(part, number)
