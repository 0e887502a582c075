"""Identity of an input file, so that a resumed run notices a changed file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from serve.batch.inputs import InputFile
from serve.batch.locations import Location

END_BYTES: Final = 64 * 1024
"""Bytes hashed at each end; the last bytes of Parquet and Arrow describe all others."""


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state of a file at one time."""

    place: str
    size: int
    changed_at: int
    """Nanoseconds since 1970."""
    ends_sha256: str
    """SHA-256 of its first and last `END_BYTES`."""


def identities_of(files: Sequence[InputFile]) -> tuple[Identity, ...]:
    """The current identities of files; raises OSError if one can't be read."""
    return tuple(_identity_of(file.location) for file in files)


def _identity_of(location: Location) -> Identity:
    info = location.info()
    digest = hashlib.sha256()
    with location.filesystem.open_input_file(location.path) as file:
        digest.update(file.read(END_BYTES))
        digest.update(file.read_at(min(END_BYTES, info.size), max(0, info.size - END_BYTES)))
    return Identity(str(location), info.size, info.mtime_ns, digest.hexdigest())


def difference(before: Sequence[Identity], now: Sequence[Identity]) -> str | None:
    """The first difference between the files of two runs; None if they are the same."""
    places = [file.place for file in before]
    for file in now:
        if file.place not in places:
            return f"{file.place} is new"
    for then, file in zip(before, now, strict=False):
        if then.place != file.place:
            return f"{then.place} is gone, or the order of the inputs has changed"
        if then.size != file.size:
            return f"{file.place} had {then.size} bytes and has {file.size}"
        if then != file:
            return f"{file.place} was changed"
    return f"{before[len(now)].place} is gone" if len(before) > len(now) else None
