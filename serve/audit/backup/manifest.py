"""The manifest of a backup: its files with their digests, and its schema version."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from serve.audit.errors import AuditError
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment import OWNER_ONLY, make_folder, open_file

MANIFEST: Final = "manifest.json"
DUMP: Final = "database.dump"
SPOOL: Final = "spool"
FORMAT: Final = 1

_CHUNK_BYTES: Final = 1024 * 1024


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The description of a backup; paths are relative to its folder."""

    format: int
    taken_at: dt.datetime
    """When shipping was stopped: the backup has every answer given before."""
    schema_version: int
    postgres: str
    files: Mapping[str, File]

    @property
    def size_bytes(self) -> int:
        """Total size of all files, bytes."""
        return sum(file.bytes for file in self.files.values())


def copy_file(source: Path, target: Path) -> File | None:
    """Copy a file, readable only by its owner; None if it is not a regular file, which a backup can't store.

    Raises:
        FileNotFoundError: it was removed or renamed.
        SpoolError: it can't be read.
    """
    if not stat.S_ISREG(source.lstat().st_mode):
        return None
    make_folder(target.parent)
    digest, size = hashlib.sha256(), 0
    with (
        open(open_file(source), "rb") as reader,  # noqa: PTH123 - a descriptor
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as writer,  # noqa: PTH123 - a descriptor
    ):
        while chunk := reader.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return File(size, digest.hexdigest())


def measure(path: Path) -> File:
    """The manifest's entry of a file."""
    with path.open("rb") as file:
        return File(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Complete a backup."""
    staging = folder / f"{MANIFEST}.new"
    with open(os.open(staging, os.O_WRONLY | os.O_CREAT, OWNER_ONLY), "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    staging.rename(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup, and check that all its files exist unchanged.

    Raises:
        AuditError: it is incomplete, a file was changed or is missing, or it has a later format.
    """
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise AuditError(f"{path} does not exist: this is not a backup, or it was interrupted; take another") from None
    except msgspec.MsgspecError as error:
        raise AuditError(f"{path} can't be read ({error}): take another backup") from error
    if manifest.format > FORMAT:
        raise AuditError(f"{path} has format {manifest.format}, this program supports {FORMAT}: update the program")
    for name, written in manifest.files.items():
        try:
            found = measure(folder / name)
        except OSError as error:
            raise AuditError(f"{folder / name} can't be read ({error.strerror}): take another backup") from error
        if found != written:
            raise AuditError(
                f"{folder / name} was changed since it was written: take another backup, this one is damaged"
            )
    return manifest


def copy_all(files: Mapping[Path, Path]) -> dict[Path, File]:
    """Copy files (source -> target); files removed meanwhile are left out. Returns the targets.

    Raises:
        AuditError: a file can't be read.
    """
    copied = {}
    for source, target in files.items():
        try:
            if (file := copy_file(source, target)) is not None:
                copied[target] = file
        except FileNotFoundError:
            continue
        except SpoolError as error:
            raise AuditError(str(error)) from error
    return copied
