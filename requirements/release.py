"""`make release VERSION=X.Y.Z`: checks that the tree is that version, builds what is handed out, and tags the commit.

The wheel is then in `dist/`, and a bill of materials (CycloneDX) of each image's packages in `build/sbom/`. Nothing is
pushed. Images have the version as their tag: `docker compose build` makes them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from fraud.command_line import CommandLine
from fraud.errors import ProjectError

ROOT: Final = Path(__file__).parents[1]
DIST: Final = ROOT / "dist"
UV: Final = Path(sys.executable).with_name("uv")
_FORM: Final = re.compile(r"\d+\.\d+\.\d+")
_SECTION: Final = re.compile(
    r"^## \[(?P<name>[^\]]+)\](?P<date> - \d{4}-\d{2}-\d{2})?\n(?P<text>.*?)(?=^## |\Z)", re.M | re.S
)
_APP_VERSION: Final = re.compile(r'^VERSION: Final = "([^"]+)"$', re.MULTILINE)
_IMAGE: Final = re.compile(r"image: marriage-loan-scoring/[\w-]+:(\S+)")


class ReleaseError(ProjectError):
    """The tree is not what would be released."""


def faults(version: str, root: Path) -> Iterator[str]:
    """What in a tree is not of the version."""
    if not _FORM.fullmatch(version):
        yield f"VERSION is {version}: expected three numbers, such as 1.2.3"
    named = {
        "pyproject.toml": {tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]},
        "serve/app.py": set(_APP_VERSION.findall((root / "serve" / "app.py").read_text())),
        "docker-compose.yml": set(_IMAGE.findall((root / "docker-compose.yml").read_text())),
    }
    for file, versions in named.items():
        if versions != {version}:
            yield f"{file} names {', '.join(sorted(versions)) or 'no version'}, expected {version}"
    sections = {found["name"]: found for found in _SECTION.finditer((root / "CHANGELOG.md").read_text())}
    if version not in sections:
        yield f"CHANGELOG.md has no section `## [{version}] - DATE`"
    elif not sections[version]["date"]:
        yield f"CHANGELOG.md: `[{version}]` has no date, expected `## [{version}] - YYYY-MM-DD`"
    elif "- " not in sections[version]["text"]:
        yield f"CHANGELOG.md: `[{version}]` says nothing"
    if "Unreleased" in sections and sections["Unreleased"]["text"].strip():
        yield f"CHANGELOG.md: what is under `[Unreleased]` belongs to `[{version}]`"


def release(
    version: Annotated[str, typer.Argument(help="Version of pyproject.toml, such as 1.2.3.")],
    *,
    tag: Annotated[bool, typer.Option(help="Tag the commit.")] = True,
) -> None:
    """Check the tree, build wheel and bills of materials, and tag the commit as vX.Y.Z; nothing is pushed.

    Exit status: 0 done, 2 the tree is not that version, or something could not be built.
    """
    found = [*faults(version, ROOT)]
    if tag and _output("git", "status", "--porcelain"):
        found.append("the tree has changes that are not committed")
    if tag and _output("git", "tag", "--list", f"v{version}"):
        found.append(f"the tag v{version} is there already")
    if found:
        raise ReleaseError("; ".join(found))
    _run(str(UV), "build", "--quiet", "--wheel", "--out-dir", str(DIST))
    _run("make", "--silent", "sbom")
    if tag:
        _run("git", "tag", "--annotate", f"v{version}", "--message", f"Version {version}")
    built = sorted(path.name for path in DIST.glob("[!.]*"))
    typer.echo(f"{DIST}: {', '.join(built)}")
    typer.echo("Images: `docker compose build`." + (f" To publish: `git push origin v{version}`." if tag else ""))


def _run(*command: str) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise ReleaseError(f"`{' '.join(command)}` failed; it says why above")


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    CommandLine(release)()
