"""Where parts lie until the run is complete, and what it was that was begun.

OUTPUT is a file: OUTPUT.parts/   removed when OUTPUT is there
OUTPUT ends with /: OUTPUT itself, which has `_SUCCESS` when it is complete

_job.json            the inputs, the model and the options; a run that goes on has the same
part-000012.parquet  is there when its rows are scored, and not before
_part-000012.json    how many rows these are, and which were rejected; written before the part
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pyarrow.fs as pafs

from serve.batch.errors import InputError, OutputError, ResumeError
from serve.batch.formats import EXPECTED, FORMATS, Format, extension_of
from serve.batch.identity import Identity, difference
from serve.batch.locations import STAGING, Location, locate, names_folder

JOB_FILE: Final = "_job.json"
SUCCESS_FILE: Final = "_SUCCESS"
_PART: Final = re.compile(r"part-(\d{6,})\.")


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run does: all that has to be the same where another one goes on with it."""

    id: str
    """Of this job alone, 32 hexadecimal digits."""
    inputs: tuple[Identity, ...]
    model_name: str
    model_version: int
    sha256: str
    reasons: int
    language: str
    warnings: bool
    recorded: bool = False
    """Whether its answers are in the prediction log."""


class PartFacts(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a committed part."""

    input_number: int
    rows: int
    rejected: tuple[tuple[int, str | None, str], ...]
    """Of each rejected row its position in the part, the field at fault and the reason."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where answers go: to one file, or to a folder of parts."""

    location: Location
    is_folder: bool
    extension: str

    @classmethod
    def of(cls, text: str, folder_format: str) -> Output:
        """What OUTPUT says; the parts of a folder have the format `folder_format`, a name's end without its dot.

        Raises:
            OutputError: an end that is of no format.
        """
        location = locate(text)
        if names_folder(text):
            return cls(location, True, f".{folder_format}")
        extension = extension_of(location.name)
        if extension is None:
            raise OutputError(location, f"{EXPECTED}, or with / for a folder of parts")
        return cls(location, False, extension)

    @property
    def format(self) -> Format:
        """Of the file, or of each part."""
        return FORMATS[self.extension]

    @property
    def folder(self) -> Location:
        """Where the parts lie."""
        return self.location if self.is_folder else self.location.at(f"{self.location.path}.parts")

    @property
    def rejected(self) -> Location:
        """The side file."""
        return self.location.at(f"{self.location.path}.rejected.csv")

    def part(self, number: int) -> Location:
        """The file of a part."""
        return self.folder.within(f"part-{number:06d}{self.extension}")

    def facts(self, number: int) -> Location:
        """What is known of it."""
        return self.folder.within(f"_part-{number:06d}.json")

    def committed(self) -> set[int]:
        """Numbers of the parts that are there."""
        names = (_PART.match(info.base_name) for info in self.folder.files(recursive=False))
        return {int(name[1]) for name in names if name and name.string == f"part-{name[1]}{self.extension}"}

    def read_facts(self, number: int) -> PartFacts:
        """What is known of a committed part."""
        return msgspec.json.decode(self.facts(number).read(), type=PartFacts)

    def refuse_inputs(self, inputs: Sequence[Location]) -> None:
        """Raise InputError where an input would be written over, or answers would be read as inputs."""
        for place in inputs:
            if str(place) == str(self.location) or str(place).startswith(f"{self.folder}/"):
                raise InputError(place, "is the output, or in it: expected another place for the answers")

    def refuse_taken(self) -> None:
        """Raise OutputError where there is something that no run has begun here, or that one has completed.

        A file beside the folder of its parts is complete; only that the parts are removed is missing.
        """
        if self.is_folder:
            if self._is_there(self.folder.within(SUCCESS_FILE)):
                raise OutputError(self.folder, "holds the answers of a complete run: expected a new folder")
            if not self._begun() and self.folder.files(recursive=True):
                raise OutputError(self.folder, "is not empty: expected a new folder, or that of a run to resume")
        elif self._is_there(self.location):
            if not self._begun():
                raise OutputError(self.location, "is there already: expected a name that is not taken")
            self.remove_parts()
            raise OutputError(self.location, "is complete; the parts that it was made of are removed now")

    def remove_parts(self) -> None:
        """Remove the folder of the parts of a file that is complete."""
        self.folder.filesystem.delete_dir(self.folder.path)

    def begun_job(self) -> Job | None:
        """What an earlier run has begun here; None where there was none."""
        if not self._begun():
            return None
        place = self.folder.within(JOB_FILE)
        try:
            return msgspec.json.decode(place.read(), type=Job)
        except msgspec.MsgspecError:
            raise ResumeError(f"{place} can't be read: remove {self.folder} to start over") from None

    def begin(self, job: Job) -> None:
        """Have a job begin here."""
        self.folder.filesystem.create_dir(self.folder.path)
        self.folder.within(JOB_FILE).replace(msgspec.json.format(msgspec.json.encode(job)))

    def tidy(self) -> None:
        """Remove what runs that were killed have not finished writing."""
        for info in self.folder.files(recursive=False):
            if STAGING in info.base_name:
                self.folder.filesystem.delete_file(info.path)

    def _begun(self) -> bool:
        return self._is_there(self.folder.within(JOB_FILE))

    @staticmethod
    def _is_there(location: Location) -> bool:
        kind: Any = location.info().type
        return bool(kind != pafs.FileType.NotFound)


def refuse_changes(begun: Job, now: Job, folder: Location) -> None:
    """Raise ResumeError where what was begun is not what is to be done now."""
    what = difference(begun.inputs, now.inputs)
    if what is None:
        for name in ("model_name", "model_version", "sha256", "reasons", "language", "warnings", "recorded"):
            before, after = getattr(begun, name), getattr(now, name)
            if before != after:
                what = f"{name} was {before} and is {after}"
                break
    if what is not None:
        raise ResumeError(
            f"the run in {folder} can't be resumed: {what}; expected the same inputs and options: give these, or "
            f"remove {folder} to start over"
        )
