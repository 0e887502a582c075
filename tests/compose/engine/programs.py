"""The engine's programs, unpacked from Debian's packages: nothing is installed, and no service is started.

Debian 12 has an engine of 2020 and no compose plugin; those of Debian 13 need no newer C library than Debian 12 has,
but for `runc`, which is taken from the machine's own release.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.compose.engine.unavailable import EngineUnavailableError, run

NEWER_RELEASE: Final = "trixie"
# Prometheus is for an image that stands in for its own.
NEWER: Final = ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "containerd", "prometheus", "promtool")
OWN: Final = ("runc", "tini")
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
DOWNLOAD_TIMEOUT_S: Final = 180.0
BOUNDED: Final = ("-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=2", "-o", "APT::Sandbox::User=root")


@dataclass(frozen=True)
class Programs:
    """Where they are: all of them, `PATH` with them, and the folder that holds the client's plugins."""

    root: Path
    path: str
    plugins: Path
    init: Path


def unpack(folder: Path) -> Programs:
    """Download the packages into a folder and unpack them there.

    Raises:
        EngineUnavailableError: this is no Debian, or its mirror does not answer.
    """
    packages, root = folder / "packages", folder / "root"
    packages.mkdir()
    _download(NEWER, packages, _lists_of_newer(folder))
    _download(OWN, packages, ())
    for package in sorted(packages.glob("*.deb")):
        run("dpkg-deb", "--extract", str(package), str(root), timeout_s=DOWNLOAD_TIMEOUT_S)
        package.unlink()
    return Programs(
        root,
        f"{root}/usr/bin:{root}/usr/sbin:{os.environ['PATH']}",
        root / "usr/libexec/docker/cli-plugins",
        root / "usr/bin/tini-static",
    )


def mirror() -> str:
    """Address of the Debian mirror that this machine uses.

    Raises:
        EngineUnavailableError: it uses none.
    """
    only = ("Identifier: Packages", "Origin: Debian", "Label: Debian")
    found = run("apt-get", "indextargets", "--format", "$(REPO_URI)", *only, timeout_s=30).split()
    if not found:
        raise EngineUnavailableError("apt knows no Debian mirror here: is this Debian, and was `apt-get update` run?")
    return found[0]


def _download(names: tuple[str, ...], into: Path, options: tuple[str, ...]) -> None:
    # `apt-get download` writes into the current folder only.
    command = ("env", f"--chdir={into}", "apt-get", "--quiet=2", *BOUNDED, *options, "download", *names)
    run(*command, timeout_s=DOWNLOAD_TIMEOUT_S)


def _lists_of_newer(folder: Path) -> tuple[str, ...]:
    """Options by which apt sees the newer release and nothing else; the machine's own lists stay as they are."""
    state = folder / "apt"
    (state / "lists/partial").mkdir(parents=True)
    (state / "archives/partial").mkdir(parents=True)
    (state / "parts").mkdir()
    (state / "status").touch()
    sources = state / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {mirror()} {NEWER_RELEASE} main\n")
    places = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": state / "parts",
        "Dir::Etc::preferencesparts": state / "parts",
        "Dir::Etc::preferences": state / "none",
    }
    options = tuple(word for name, place in places.items() for word in ("-o", f"{name}={place}"))
    run("apt-get", "--quiet=2", *BOUNDED, *options, "update", timeout_s=DOWNLOAD_TIMEOUT_S)
    return options
