"""The files to score: named, matched by a pattern, or in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import pyarrow.fs as pafs

from serve.batch.errors import InputError
from serve.batch.formats import EXPECTED, FORMATS, Format, extension_of
from serve.batch.locations import Location, locate
from serve.batch.store_faults import plain_store_faults

_WILDCARD: Final = re.compile(r"[*?\[]")
_HIDDEN: Final = ("_", ".")
"""Prefixes of names of files and folders without data, as in Spark, Hive and pyarrow."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to score."""

    location: Location
    format: Format


@plain_store_faults()
def input_files(texts: Sequence[str]) -> list[InputFile]:
    """All files of the given paths, addresses, patterns and folders, in that order; those of a folder sorted by name.

    Raises:
        InputError: nothing found, a file named twice, or an unknown format.
    """
    found = [file for text in texts for file in _files_of(text)]
    seen: set[str] = set()
    for file in found:
        if str(file.location) in seen:
            raise InputError(file.location, "is named twice: expected each file once")
        seen.add(str(file.location))
    return found


def _files_of(text: str) -> Iterator[InputFile]:
    location = locate(text)
    if _WILDCARD.search(location.path):
        yield from _matching(location)
        return
    kind = location.info().type
    if kind == pafs.FileType.NotFound:
        raise InputError(location, "does not exist: expected a file, a folder or a pattern such as 'folder/*.csv'")
    if kind == pafs.FileType.File:
        yield _input_file(location)
        return
    paths = sorted(info.path for info in location.files(recursive=True))
    yield from _all_of(location, location, paths, "holds no files")


def _matching(location: Location) -> Iterator[InputFile]:
    steps = location.path.split("/")
    fixed = next(number for number, step in enumerate(steps) if _WILDCARD.search(step))
    folder = location.at("/".join(steps[:fixed]) or "/")
    paths = sorted(info.path for info in folder.files(recursive=len(steps) > fixed + 1) if _matches(info.path, steps))
    yield from _all_of(location, folder, paths, "matches no file")


def _matches(path: str, steps: Sequence[str]) -> bool:
    found = path.split("/")
    return len(found) == len(steps) and all(map(fnmatchcase, found, steps))


def _all_of(location: Location, folder: Location, paths: Sequence[str], nothing: str) -> Iterator[InputFile]:
    data = [path for path in paths if not _is_hidden(path.removeprefix(folder.path))]
    if not data:
        raise InputError(location, f"{nothing}: {EXPECTED}")
    yield from (_input_file(location.at(path)) for path in data)


def _is_hidden(path: str) -> bool:
    return any(step.startswith(_HIDDEN) for step in path.split("/"))


def _input_file(location: Location) -> InputFile:
    extension = extension_of(location.name)
    if extension is None:
        raise InputError(location, f"has an unknown format: {EXPECTED}")
    return InputFile(location, FORMATS[extension])
