"""Locations of files: a local path, or an address of one of pyarrow's file systems (`s3://`, `file://`)."""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.fs as pafs

from serve.batch.errors import InputError

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://")
_LOGIN: Final = re.compile(r"//[^/@]*@")
_QUERY: Final = re.compile(r"\?.*")


@dataclass(frozen=True, slots=True)
class Location:
    """A file or folder in a file system."""

    filesystem: Any
    path: str
    scheme: str = ""
    """Prefix of the address in messages; "" for a local path."""

    def __str__(self) -> str:
        return self.scheme + self.path

    @property
    def is_local(self) -> bool:
        """Whether it is on a disk of this machine."""
        return isinstance(self.filesystem, pafs.LocalFileSystem)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    def at(self, path: str) -> Location:
        """Another path in the same file system."""
        return Location(self.filesystem, path, self.scheme)

    def within(self, name: str) -> Location:
        """A file of this folder."""
        return self.at(f"{self.path}/{name}")

    def info(self) -> Any:
        """Its type, size and modification time."""
        return self.filesystem.get_file_info(self.path)

    def files(self, *, recursive: bool) -> list[Any]:
        """Type, size and modification time of each file in this folder; empty if the folder does not exist."""
        selector = pafs.FileSelector(self.path, recursive=recursive, allow_not_found=True)
        return [info for info in self.filesystem.get_file_info(selector) if info.type == pafs.FileType.File]

    def read(self) -> bytes:
        """The whole content of a small file."""
        with self.filesystem.open_input_stream(self.path, compression=None) as file:
            content: bytes = file.read()
        return content

    def staging(self) -> Location:
        """A temporary path for writing this file, unique over processes and machines."""
        return self.at(f"{self.path}{STAGING}{uuid.uuid4().hex}")

    def replace(self, content: bytes) -> None:
        """Write a small file atomically."""
        staging = self.staging()
        with staging.filesystem.open_output_stream(staging.path, compression=None) as file:
            file.write(content)
        staging.rename(self)

    def remove(self) -> None:
        """Remove this file, if it exists."""
        if self.info().type != pafs.FileType.NotFound:
            self.filesystem.delete_file(self.path)

    def rename(self, target: Location) -> None:
        """Rename this file, replacing the target; on a local disk its bytes are synced first."""
        if self.is_local:
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self.filesystem.move(self.path, target.path)


STAGING: Final = ".unfinished-"
"""Part of the names of files that are still being written."""


def names_folder(text: str) -> bool:
    """Whether a path or an address names a folder by a "/" at its end."""
    return (_QUERY.sub("", text) if _SCHEME.match(text) else text).endswith("/")


def locate(text: str) -> Location:
    """The location of a path or an address of the command line; a folder's final "/" is dropped.

    Raises:
        InputError: no file system of pyarrow supports it.
    """
    if not _SCHEME.match(text):
        return Location(pafs.LocalFileSystem(), os.path.abspath(text))  # noqa: PTH100 - paths are texts here
    try:
        filesystem, path = pafs.FileSystem.from_uri(text)
    except (pa.ArrowException, OSError, ValueError) as error:
        told = _QUERY.sub("", _LOGIN.sub("//", text))
        expected = "expected a local path, file:///... or s3://bucket/..."
        raise InputError(told, f"is not a readable address ({type(error).__name__}): {expected}") from None
    is_local = isinstance(filesystem, pafs.LocalFileSystem)
    return Location(filesystem, path.rstrip("/") or "/", "" if is_local else f"{text.partition('://')[0]}://")
