"""Counts that are kept with the code, and what another count means beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from fraud.verdict import Verdict

FILE: Final = Path(__file__).with_name("baseline.json")
TOLERANCE: Final = 0.03
"""A change that costs more than this share fails."""


class Baseline(msgspec.Struct, frozen=True):
    """Instructions a step, by workload."""

    commit: str
    """Of the code that was counted."""
    surroundings: Mapping[str, str]
    instructions: Mapping[str, float]


def read_baseline(path: Path = FILE) -> Baseline:
    """The counts that are kept."""
    return msgspec.json.decode(path.read_bytes(), type=Baseline)


def write_baseline(baseline: Baseline, path: Path = FILE) -> None:
    """Keep other counts."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n")


def change(before: float, now: float) -> float:
    """The share by which a count has grown; below 0 where it has fallen."""
    return now / before - 1


def judge(baseline: Baseline, surroundings: Mapping[str, str], now: Mapping[str, float]) -> tuple[Verdict, list[str]]:
    """Whether something costs more than before, and what.

    Inconclusive where a count has nothing beside it: of other surroundings, or of a workload that is new.
    """
    differing = [
        f"{name} {surroundings.get(name, 'none')}, kept is {baseline.surroundings.get(name, 'none')}"
        for name in sorted({*surroundings, *baseline.surroundings})
        if surroundings.get(name) != baseline.surroundings.get(name)
    ]
    if differing:
        return Verdict.INCONCLUSIVE, [f"counted with {'; '.join(differing)}: --write keeps new counts"]
    new = [f"{name}: nothing is kept of it: --write keeps it" for name in now if name not in baseline.instructions]
    costly = [
        f"{name}: {change(baseline.instructions[name], count):+.1%}"
        for name, count in now.items()
        if name in baseline.instructions and change(baseline.instructions[name], count) > TOLERANCE
    ]
    if costly:
        return Verdict.FAIL, costly
    return (Verdict.INCONCLUSIVE, new) if new else (Verdict.PASS, [])
