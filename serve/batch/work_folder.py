"""The folder of parts until a run is complete, and the description of its job.

OUTPUT is a file: OUTPUT.parts/   removed when OUTPUT is complete OUTPUT ends with /: OUTPUT itself, which has
`_SUCCESS` when it is complete

_job.json            the inputs, the model and the options; a resumed run must have the same part-000012.parquet  exists
only once its rows are scored _part-000012.json    their number, and the rejected rows; written before the part
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
    """The description of a job: everything that must be the same in a resumed run."""

    id: str
    """Unique id of the job, 32 hexadecimal digits."""
    inputs: tuple[Identity, ...]
    model_name: str
    model_version: int
    sha256: str
    reasons: int
    language: str
    warnings: bool
    recorded: bool = False
    """Whether its answers are recorded in the prediction log."""


class PartFacts(msgspec.Struct, frozen=True, array_like=True):
    """The facts of a committed part."""

    input_number: int
    rows: int
    rejected: tuple[tuple[int, str | None, str], ...]
    """Each rejected row: its position in the part, the field at fault and the reason."""


@dataclass(frozen=True, slots=True)
class Output:
    """The output: one file, or a folder of parts."""

    location: Location
    is_folder: bool
    extension: str

    @classmethod
    def of(cls, text: str, folder_format: str) -> Output:
        """Parse OUTPUT; the parts of a folder have the format `folder_format`, an extension without its dot.

        Raises:
            OutputError: an unknown extension.
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
        """The format of the file, or of each part."""
        return FORMATS[self.extension]

    @property
    def folder(self) -> Location:
        """The folder of the parts."""
        return self.location if self.is_folder else self.location.at(f"{self.location.path}.parts")

    @property
    def rejected(self) -> Location:
        """The file of rejected rows."""
        return self.location.at(f"{self.location.path}.rejected.csv")

    def part(self, number: int) -> Location:
        """The file of a part."""
        return self.folder.within(f"part-{number:06d}{self.extension}")

    def facts(self, number: int) -> Location:
        """The file of a part's facts."""
        return self.folder.within(f"_part-{number:06d}.json")

    def committed(self) -> set[int]:
        """Numbers of the committed parts."""
        names = (_PART.match(info.base_name) for info in self.folder.files(recursive=False))
        return {int(name[1]) for name in names if name and name.string == f"part-{name[1]}{self.extension}"}

    def read_facts(self, number: int) -> PartFacts:
        """The facts of a committed part."""
        return msgspec.json.decode(self.facts(number).read(), type=PartFacts)

    def refuse_inputs(self, inputs: Sequence[Location]) -> None:
        """Raise InputError if an input would be overwritten, or answers would be read as inputs."""
        for place in inputs:
            if str(place) == str(self.location) or str(place).startswith(f"{self.folder}/"):
                raise InputError(place, "is the output, or in it: expected another output")

    def refuse_taken(self) -> None:
        """Raise OutputError if the output exists and is not an unfinished run's.

        A file beside the folder of its parts is complete; only the removal of the parts is left.
        """
        if self.is_folder:
            if self._is_there(self.folder.within(SUCCESS_FILE)):
                raise OutputError(self.folder, "holds the answers of a complete run: expected a new folder")
            if not self._begun() and self.folder.files(recursive=True):
                raise OutputError(self.folder, "is not empty: expected a new folder, or that of a run to resume")
        elif self._is_there(self.location):
            if not self._begun():
                raise OutputError(self.location, "exists already: expected a new name")
            self.remove_parts()
            raise OutputError(self.location, "is complete; its parts have been removed now")

    def remove_parts(self) -> None:
        """Remove the folder of the parts of a complete file."""
        self.folder.filesystem.delete_dir(self.folder.path)

    def begun_job(self) -> Job | None:
        """The job of an earlier run; None if there was none."""
        if not self._begun():
            return None
        place = self.folder.within(JOB_FILE)
        try:
            return msgspec.json.decode(place.read(), type=Job)
        except msgspec.MsgspecError:
            raise ResumeError(f"{place} can't be read: remove {self.folder} to start over") from None

    def begin(self, job: Job) -> None:
        """Write the job's description."""
        self.folder.filesystem.create_dir(self.folder.path)
        self.folder.within(JOB_FILE).replace(msgspec.json.format(msgspec.json.encode(job)))

    def tidy(self) -> None:
        """Remove unfinished files of killed runs."""
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
    """Raise ResumeError if the job already begun differs from the order."""
    what = difference(begun.inputs, now.inputs)
    if what is None:
        for name in ("model_name", "model_version", "sha256", "reasons", "language", "warnings", "recorded"):
            before, after = getattr(begun, name), getattr(now, name)
            if before != after:
                what = f"{name} was {before} and is {after}"
                break
    if what is not None:
        raise ResumeError(
            f"the run in {folder} can't be resumed: {what}; expected the same inputs and options: use them, or remove "
            f"{folder} to start over"
        )
