"""Where files are: a path of this machine, or an address that one of pyarrow's file systems knows (`s3://`, `file://`)."""

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
    """A file or folder of a file system."""

    filesystem: Any
    path: str
    scheme: str = ""
    """With which it is told; "" for a path of this machine."""

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
        """Another path of the same file system."""
        return Location(self.filesystem, path, self.scheme)

    def within(self, name: str) -> Location:
        """A file of this folder."""
        return self.at(f"{self.path}/{name}")

    def info(self) -> Any:
        """What the file system says of it: type, size, time of the last change."""
        return self.filesystem.get_file_info(self.path)

    def files(self, *, recursive: bool) -> list[Any]:
        """What the file system says of each file in this folder; nothing where there is no folder."""
        selector = pafs.FileSelector(self.path, recursive=recursive, allow_not_found=True)
        return [info for info in self.filesystem.get_file_info(selector) if info.type == pafs.FileType.File]

    def read(self) -> bytes:
        """All of a small file."""
        with self.filesystem.open_input_stream(self.path, compression=None) as file:
            content: bytes = file.read()
        return content

    def staging(self) -> Location:
        """Where to write what is to be at this path: a name that no other process takes, on whichever machine."""
        return self.at(f"{self.path}{STAGING}{uuid.uuid4().hex}")

    def replace(self, content: bytes) -> None:
        """Have a small file with this content in its place, whole or not at all."""
        staging = self.staging()
        with staging.filesystem.open_output_stream(staging.path, compression=None) as file:
            file.write(content)
        staging.rename(self)

    def remove(self) -> None:
        """Remove this file, if it is there."""
        if self.info().type != pafs.FileType.NotFound:
            self.filesystem.delete_file(self.path)

    def rename(self, target: Location) -> None:
        """Have this file at another path, replacing what is there; on a local disk its bytes are there first."""
        if self.is_local:
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self.filesystem.move(self.path, target.path)


STAGING: Final = ".unfinished-"
"""In the names of files that are still written."""


def names_folder(text: str) -> bool:
    """Whether a path or an address says by "/" at its end that it is a folder's."""
    return (_QUERY.sub("", text) if _SCHEME.match(text) else text).endswith("/")


def locate(text: str) -> Location:
    """Where a path or an address of the command line points; the end "/" of a folder is left out.

    Raises:
        InputError: no file system of pyarrow's knows it.
    """
    if not _SCHEME.match(text):
        return Location(pafs.LocalFileSystem(), os.path.abspath(text))  # noqa: PTH100 - paths are texts here
    try:
        filesystem, path = pafs.FileSystem.from_uri(text)
    except (pa.ArrowException, OSError, ValueError) as error:
        told = _QUERY.sub("", _LOGIN.sub("//", text))
        expected = "expected a path of this machine, file:///... or s3://bucket/..."
        raise InputError(told, f"is no address that can be read ({type(error).__name__}): {expected}") from None
    is_local = isinstance(filesystem, pafs.LocalFileSystem)
    return Location(filesystem, path.rstrip("/") or "/", "" if is_local else f"{text.partition('://')[0]}://")
