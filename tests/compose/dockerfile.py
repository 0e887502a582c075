"""A Dockerfile as its instructions and stages; enough of the format for the files that we have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ARGUMENT = re.compile(r"\$\{?(\w+)\}?")


@dataclass(frozen=True)
class Instruction:
    """One instruction, its continued lines joined."""

    word: str
    text: str


@dataclass(frozen=True)
class Stage:
    """From one FROM to the next."""

    base: str
    name: str | None
    instructions: tuple[Instruction, ...]

    def last(self, word: str) -> str | None:
        """What the last instruction of a kind says."""
        return next((found.text for found in reversed(self.instructions) if found.word == word), None)


@dataclass(frozen=True)
class Dockerfile:
    """A whole file: its global arguments' defaults, and its stages in order."""

    defaults: dict[str, str]
    stages: tuple[Stage, ...]

    def stage(self, target: str | None) -> Stage:
        """The stage that a build ends with: the target, or the last."""
        return next((stage for stage in self.stages if stage.name == target), self.stages[-1])

    def user_of(self, target: str | None) -> str | None:
        """Who the image's processes are; None = whoever the base says."""
        return self.stage(target).last("USER")


def read(path: Path) -> Dockerfile:
    """Read a file."""
    return parse(path.read_text())


def parse(text: str) -> Dockerfile:
    """Read a file's text."""
    defaults: dict[str, str] = {}
    stages: list[tuple[str, str | None, list[Instruction]]] = []
    for instruction in _instructions(text):
        if instruction.word == "FROM":
            base, _, name = instruction.text.partition(" AS ")
            stages.append((ARGUMENT.sub(lambda match: defaults.get(match[1], ""), base), name or None, []))
        elif instruction.word == "ARG" and not stages:
            argument, _, default = instruction.text.partition("=")
            defaults[argument] = default
        else:
            stages[-1][2].append(instruction)
    return Dockerfile(defaults, tuple(Stage(base, name, tuple(found)) for base, name, found in stages))


def _instructions(text: str) -> list[Instruction]:
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    return [
        Instruction(word.upper(), rest)
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]
