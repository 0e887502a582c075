"""What a gate has measured, for whoever goes on from there: the verdict, and which two versions it is about."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.gate.errors import MEASURE_AGAIN, GateError
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


class MeasuredPart(msgspec.Struct, frozen=True):
    """One half of the gate: quality, or latency."""

    verdict: Verdict


class MeasuredParts(msgspec.Struct, frozen=True):
    """Both halves, as far as they were measured."""

    quality: MeasuredPart | None
    latency: MeasuredPart | None


def was_too_busy(folder: Path) -> bool:
    """Whether the candidate is good enough and only its latency is inconclusive: a calmer hour may decide.

    Everything else comes out the same again, since quality is judged on the same applications.
    """
    try:
        measured = msgspec.json.decode((folder / JSON_FILE).read_bytes(), type=MeasuredParts)
    except (OSError, msgspec.MsgspecError):
        return False
    if measured.quality is None or measured.latency is None:
        return False
    return (measured.quality.verdict, measured.latency.verdict) == (Verdict.PASS, Verdict.INCONCLUSIVE)


def measured_versions(folder: Path, model_name: str) -> MeasuredVersions:
    """The versions of the report in the folder, whose verdict is that the candidate may be promoted.

    Raises:
        GateError: there is no report, it is of another model, or its verdict is another one.
    """
    path = folder / JSON_FILE
    try:
        measured = msgspec.json.decode(path.read_bytes(), type=MeasuredVerdict)
    except (OSError, msgspec.MsgspecError) as error:
        raise GateError(f"{path} can't be read ({error}): `python -m bench gate --measure-only` writes it") from error
    if measured.model_name != model_name:
        raise GateError(f"{path} is about {measured.model_name}, not {model_name}: {MEASURE_AGAIN}")
    if measured.verdict is not Verdict.PASS or measured.quality is None:
        raise GateError(f"{path} says {measured.verdict}: only a candidate that passed is promoted")
    return measured.quality
