"""Write-ahead journal of a job's places in the prediction log, so that no answer is recorded twice.

    RUN_DIR/batch/<output>.places/<job>/<chain>   one line of fixed length for each record, written before it

Each process writes one chain, and is the only writer of its file. A place can be claimed again if a record could not be
written; the last claim counts. If the last claim is not in the log, its record was never written.
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
    """Rows that are scored together and form one record."""

    part: int
    number: int
    """Number within the part, from 0."""


class PlaceJournal:
    """The claims of one process; each is on disk before its record is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def claim(self, place: RecordPlace, chunk: Chunk) -> None:
        """Claim a place for a chunk's record, before it is written.

        Raises:
            OSError: the claim can't be written; don't write the record.
        """
        if self._descriptor is None:
            path = self._folder / place.chain_id.hex
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            sync_folder(self._folder)
        claim = _CLAIM.pack(place.sequence, *chunk)
        os.write(self._descriptor, claim + _CHECKSUM.pack(zlib.crc32(claim)))
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)


class JobPlaces:
    """All claims of a job."""

    def __init__(self, folder: Path, job_id: str) -> None:
        """`folder` is the output's; other jobs in it belong to outputs that were removed."""
        self._outputs = folder
        self.folder = folder / job_id

    def begin(self) -> None:
        """Create the folder and sync it to disk; remove folders of other jobs."""
        self.forget()
        self.folder.mkdir(mode=0o700, parents=True)
        sync_folder(self._outputs)
        sync_folder(self._outputs.parent)

    def forget(self) -> None:
        """Remove the claims, once the job is complete."""
        if self._outputs.exists():
            shutil.rmtree(self._outputs)

    def refuse_missing(self) -> None:
        """Raise ResumeError if this machine does not have an earlier run's claims."""
        if not self.folder.is_dir():
            raise ResumeError(
                f"the list of what this run has recorded is not in {self.folder}, but in another RUN_DIR or on another "
                f"machine: resume the run there, or remove the parts to start over and record everything again"
            )

    def chains(self) -> list[uuid.UUID]:
        """The chains of all its processes, including chains that were claimed but not written."""
        return [uuid.UUID(path.name) for path in sorted(self.folder.iterdir())]

    def recorded(self, spool: Path) -> Mapping[int, frozenset[int]]:
        """By part: the chunks in the log. No process of the job may be running.

        Raises:
            ResumeError: a claim is gone.
        """
        found: dict[int, set[int]] = {}
        for chain_id in self.chains():
            claims = dict(_read_claims(self.folder / chain_id.hex))
            for sequence in range(1, recorded_up_to(spool, chain_id) + 1):
                if sequence not in claims:
                    raise ResumeError(
                        f"{self.folder / chain_id.hex} does not have record {sequence} of its chain: the file was "
                        f"changed or restored from a backup, so it is unknown what was recorded"
                    )
                part, number = claims[sequence]
                found.setdefault(part, set()).add(number)
        return {part: frozenset(chunks) for part, chunks in found.items()}


def sync_folder(folder: Path) -> None:
    """Sync a folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_claims(path: Path) -> Iterator[tuple[int, Chunk]]:
    """The complete claims, in the order of writing. The last one may be cut off; its record was not written then."""
    content = path.read_bytes()
    for start in range(0, len(content) - _LINE_BYTES + 1, _LINE_BYTES):
        claim = content[start : start + _CLAIM.size]
        if _CHECKSUM.unpack_from(content, start + _CLAIM.size)[0] != zlib.crc32(claim):
            return
        sequence, part, number = _CLAIM.unpack(claim)
        yield sequence, Chunk(part, number)
