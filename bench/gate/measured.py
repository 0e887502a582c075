"""What a gate has measured, as `bench promote` takes it up: the verdict, and which two versions it is about."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.gate.errors import GateError
from bench.gate.report.files import JSON_FILE
from fraud.verdict import Verdict


class MeasuredVersions(msgspec.Struct, frozen=True):
    """The two versions that the gate compared."""

    candidate: int
    champion: int | None


class MeasuredVerdict(msgspec.Struct, frozen=True):
    """The part of `gate.json` that a promotion rests on."""

    verdict: Verdict
    model_name: str
    quality: MeasuredVersions | None


def measured_versions(folder: Path, model_name: str) -> MeasuredVersions:
    """The versions of the report in the folder, whose verdict is that the candidate may be promoted.

    Raises:
        GateError: there is no report, it is of another model, or its verdict is another one.
    """
    path = folder / JSON_FILE
    try:
        measured = msgspec.json.decode(path.read_bytes(), type=MeasuredVerdict)
    except (OSError, msgspec.MsgspecError) as error:
        raise GateError(f"{path} can't be read ({error}): run `python -m bench gate --measure-only` first") from error
    if measured.model_name != model_name:
        raise GateError(f"{path} is about {measured.model_name}, not {model_name}: run the gate again")
    if measured.verdict is not Verdict.PASS or measured.quality is None:
        raise GateError(f"{path} says {measured.verdict}: only a candidate that passed is promoted")
    return measured.quality
