"""Images and containers without a daemon: buildah, in a store of its own that is removed afterwards.

With `--isolation chroot` a container has its image's files and user, but the machine's network and processes: enough to
see that an image works, and where it writes. What only an engine enforces (a read-only root, limits, networks) is not.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

BASES = Path(__file__).parent / "bases"
TOOLS = ("buildah", "debootstrap")

# What lets pip in a build reach its registry as it does outside; mounted for the build only, so never in an image.
BUILD_MOUNTS = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")


def missing() -> str | None:
    """Why images can't be built here; None when they can."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"images can't be built here: install Debian's {' and '.join(absent)}"
    return None if os.geteuid() == 0 else "images can't be built here: that needs root"


@dataclass(frozen=True)
class Image:
    """A built image: what it runs, and its size in bytes."""

    name: str
    command: tuple[str, ...]
    arguments: tuple[str, ...]
    user: str
    size_bytes: int


class Engine:
    """Builds images and runs containers of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = ("--root", str(folder / "store"), "--runroot", str(folder / "run"))

    def buildah(self, *arguments: str) -> str:
        """Run a command; its output, or the test fails with what it said."""
        return _run(*self.command(*arguments))

    def make_base(self) -> str:
        """A Debian with Python 3.11, as the image that Python's stands for."""
        context = self._folder / "base"
        shutil.copytree(BASES, context)
        root = self._folder / "root"
        packages = "ca-certificates,python3.11,python3.11-venv,python3-pip"
        _run("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(root))
        for unneeded in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(root / unneeded)
            (root / unneeded).mkdir()
        _run("tar", "--create", "--file", str(context / "root.tar"), "--directory", str(root), ".")
        shutil.rmtree(root)
        return self._build("base-python", context / "python.Dockerfile", context, {}, None)

    def make_base_from(self, name: str, base: str) -> str:
        """A further base, from `bases/<name>.Dockerfile`."""
        return self._build(f"base-{name}", BASES / f"{name}.Dockerfile", BASES, {"BASE": base}, None)

    def build(
        self, name: str, dockerfile: Path, context: Path, bases: Mapping[str, str], target: str | None = None
    ) -> Image:
        """Build an image of ours on other bases (build argument -> image)."""
        reference = self._build(name, dockerfile, context, bases, target)
        config = json.loads(self.buildah("inspect", "--type", "image", reference))["OCIv1"]["config"]
        size = json.loads(self.buildah("images", "--json", reference))[0]["size"]
        return Image(
            reference,
            tuple(config["Entrypoint"]),
            tuple(config.get("Cmd", ())),
            config.get("User", ""),
            _bytes(size),
        )

    def container(self, image: str) -> Container:
        """A container of an image, with a file system of its own."""
        identity = self.buildah("from", "--pull-never", image).strip()
        return Container(self, identity, Path(self.buildah("mount", identity).strip()))

    def command(self, *arguments: str) -> list[str]:
        """What runs buildah on this store."""
        return ["buildah", *self._store, *arguments]

    def close(self) -> None:
        """Remove all containers, and the store with them."""
        self.buildah("rm", "--all")
        self.buildah("rmi", "--all", "--force")

    def _build(
        self, name: str, dockerfile: Path, context: Path, arguments: Mapping[str, str], target: str | None
    ) -> str:
        mounts = [f"--volume={path}:{path}:ro" for path in BUILD_MOUNTS if Path(path).exists()]
        options = [*mounts, *(f"--build-arg={key}={value}" for key, value in arguments.items())]
        if target is not None:
            options.append(f"--target={target}")
        reference = f"localhost/{name}"
        common = ("--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker")
        self.buildah("build", *common, *options, "--tag", reference, "--file", str(dockerfile), str(context))
        return reference


@dataclass(frozen=True)
class Container:
    """A container: commands run in it, with folders of the machine mounted."""

    engine: Engine
    identity: str
    root: Path

    def owner(self, path: str) -> tuple[int, int]:
        """User and group of a folder in the image: a named volume that is mounted there starts as theirs."""
        status = (self.root / path.lstrip("/")).stat()
        return status.st_uid, status.st_gid

    def command(self, command: Sequence[str], environment: Mapping[str, str], mounts: Mapping[str, Path]) -> list[str]:
        """What runs a command in it, as the image's user without any capability; mounts: path inside -> folder."""
        options = [
            *("--isolation", "chroot", "--cap-drop", "ALL"),
            *(f"--env={name}={value}" for name, value in environment.items()),
            *(f"--volume={folder}:{path}:rw" for path, folder in mounts.items()),
        ]
        return self.engine.command("run", *options, self.identity, "--", *command)

    def written(self, since: float) -> list[str]:
        """Files of its own root that changed after a moment: what a read-only root would have refused."""
        found = (Path(folder) / name for folder, _, names in os.walk(self.root) for name in names)
        changed = [path for path in found if not path.is_symlink() and path.lstat().st_mtime > since]
        return [str(path.relative_to(self.root)) for path in changed]


def stop(process: subprocess.Popen[Any], program: str, how: signal.Signals, timeout_s: float) -> int:
    """Send a signal to what runs in a container, as an engine does; gives the exit status.

    Between us and the program stand buildah's own processes, which end with it.
    """
    inside = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if not " ".join(child.cmdline()).startswith("buildah")
    ]
    first = next(child for child in inside if program in " ".join(child.cmdline()))
    first.send_signal(how)
    return process.wait(timeout_s)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def _bytes(size: str) -> int:
    number, unit = size.split()
    return round(float(number) * {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit])
