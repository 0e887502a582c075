"""What a Dockerfile of ours may not do, as findings in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.compose.compose_rules import PINNED, SECRET_NAME
from tests.compose.dockerfile import Dockerfile, Instruction, Stage

NUMERIC = re.compile(r"^\d+(:\d+)?$")


def findings(dockerfile: Dockerfile) -> list[str]:
    """Everything that is wrong with a file; an image that compose runs is its last stage, or one with a USER."""
    names = {stage.name for stage in dockerfile.stages}
    found = [f"FROM {stage.base} is not pinned" for stage in dockerfile.stages if not _pinned(stage.base, names)]
    found += [finding for stage in dockerfile.stages for finding in _stage(stage)]
    if dockerfile.stages[-1].last("USER") in {None, "root", "0", "0:0"}:
        found.append("the image runs as root")
    users = [user for stage in dockerfile.stages if (user := stage.last("USER")) not in {None, "root"}]
    found += [f"USER {user}: of a name nobody tells that it is not root" for user in users if not _has_number(user)]
    secret = [argument for argument in dockerfile.defaults if SECRET_NAME.search(argument)]
    return found + [f"ARG {argument} stays in the image's history" for argument in secret]


def _has_number(user: str | None) -> bool:
    return user is not None and NUMERIC.match(user) is not None


def _pinned(base: str, names: set[str | None]) -> bool:
    return base in names or PINNED.search(base) is not None


def _stage(stage: Stage) -> Iterator[str]:
    for instruction in stage.instructions:
        yield from _instruction(instruction)
    texts = [(instruction.word, instruction.text) for instruction in stage.instructions]
    if any(word == "RUN" and "pip" in text and "install" in text for word, text in texts):
        for word, text in texts:
            if word == "COPY" and not text.startswith("requirements/"):
                yield f"COPY {text}: each change of code is a new layer with all packages"


def _instruction(instruction: Instruction) -> Iterator[str]:
    word, text = instruction.word, instruction.text
    if word == "ADD":
        yield f"ADD {text}: COPY copies, and nothing is fetched unchecked"
    if word in {"ENTRYPOINT", "CMD"} and not text.startswith("["):
        yield f"{word} {text}: a shell between signals and the program"
    if word in {"ARG", "ENV"} and any(SECRET_NAME.search(part.split("=")[0]) for part in text.split()):
        yield f"{word} {text}: stays in the image"
    if word == "COPY" and re.search(r"(^| )\. ", text):
        yield f"COPY {text}: copies whatever lies about"
    if word == "RUN":
        yield from _run(text)


def _run(text: str) -> Iterator[str]:
    if "apt-get install" in text and "rm -rf /var/lib/apt/lists" not in text:
        yield "RUN apt-get: its lists stay in the image"
    if "apt-get install" in text and "--no-install-recommends" not in text:
        yield "RUN apt-get: installs what nobody asked for"
    if re.search(r"\bpip\b.*\binstall\b", text) and "--require-hashes" not in text:
        yield "RUN pip: installs what no hash is known of"
    if re.search(r"\b(curl|wget|sudo)\b", text):
        yield "RUN: fetches from the network, or takes rights"
