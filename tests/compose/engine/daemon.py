"""The engine itself, in namespaces of its own for network, mounts and processes.

The first process of a process namespace takes all others with it when it dies, mounts and interfaces go with their
namespaces, and that process is killed by the kernel when we die. So nothing is left, however the tests end, but a
folder and the engine's control groups. The way out is `slirp4netns`, a process that needs no rule and no setting of
the machine's own network.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

import psutil

from fraud.stack.child import end_with_parent
from tests.compose.engine.programs import Programs
from tests.compose.engine.unavailable import EngineUnavailableError, run

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 60.0
MTU: Final = 1400
"""The least of common networks: what is too large for a way without fragments would be lost."""
SHARES: Final = {"cpu.shares": "8192", "cpu.weight": "800"}
"""Of the processor, beside everything else that runs here: all containers together would count as one process."""
NAMES: Final = "10.0.2.3"
"""Address at which slirp4netns resolves names."""
OUTSIDE: Final = f"{NAMES}:53"
"""What no container reaches that has no way out."""
TOOLS: Final = ("unshare", "nsenter", "ip", "iptables", "slirp4netns", "debootstrap")
CGROUPS: Final = Path("/sys/fs/cgroup")

# Runs as the first process of the namespaces. Arguments: folder, init, control group, MTU, address of names.
INSIDE: Final = """
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs /run
echo "nameserver $5" > /run/resolv.conf
mount --bind /run/resolv.conf "$(readlink --canonicalize /etc/resolv.conf)"
ip link set lo up
until ip route | grep --quiet default; do sleep 0.1; done
exec "$2" -- dockerd --host "unix://$1/socket" --data-root "$1/data" --exec-root /run/docker \\
    --pidfile /run/docker.pid --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$3" --init-path "$2" --mtu "$4"
"""


@dataclass(frozen=True)
class Engine:
    """An engine that runs: how it is reached."""

    environment: dict[str, str]
    first_process: int

    def docker(self, *arguments: str, timeout_s: float) -> str:
        """Output of a command of the client; raises `EngineUnavailableError`."""
        return run("docker", *arguments, timeout_s=timeout_s, environment=self.environment)

    def within(self, *command: str) -> list[str]:
        """The command in the engine's namespaces, where published ports are and no other program's."""
        target = (f"--target={self.first_process}", f"--wd={Path.cwd()}")
        return ["nsenter", *target, "--net", "--mount", "--pid", "--", *command]


def check_machine() -> None:
    """Raise `EngineUnavailableError` where an engine can't be started."""
    if os.geteuid() != 0:
        raise EngineUnavailableError("only root can start one")
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        raise EngineUnavailableError(f"these programs are missing: {', '.join(absent)}")
    if "overlay" not in Path("/proc/filesystems").read_text():
        raise EngineUnavailableError("the kernel has no overlay file system")
    run("unshare", "--net", "--mount", "--pid", "--fork", "true", timeout_s=10)


@contextmanager
def running(folder: Path, programs: Programs) -> Iterator[Engine]:
    """An engine with all its data in a folder, which is empty again afterwards.

    Raises:
        EngineUnavailableError: it does not answer in time.
    """
    group = f"scoring-{os.getpid()}"
    with ExitStack() as undo:
        undo.callback(_remove_groups, group)
        (folder / "data").mkdir()
        undo.callback(shutil.rmtree, folder / "data", ignore_errors=True)
        log = undo.enter_context((folder / "dockerd.log").open("wb"))
        inside = ("sh", "-c", INSIDE, "sh", str(folder), str(programs.init), group, str(MTU), NAMES)
        apart = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        outer = _start((*apart, *inside), log, {**os.environ, "PATH": programs.path})
        undo.callback(_end, outer)
        first = _only_child(outer)
        way_out = ("slirp4netns", "--configure", f"--mtu={MTU}", "--disable-host-loopback", str(first), "tap0")
        undo.callback(_end, _start(way_out, log, dict(os.environ)))
        settings = folder / "client"
        settings.mkdir()
        (settings / "cli-plugins").symlink_to(programs.plugins)
        reached = {"DOCKER_HOST": f"unix://{folder}/socket", "DOCKER_CONFIG": str(settings)}
        engine = Engine({**os.environ, "PATH": programs.path, **reached}, first)
        _await(engine, outer, folder / "dockerd.log")
        _raise_shares(group)
        yield engine


def _start(command: tuple[str, ...], log: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # Killed with us, by what even SIGKILL can't prevent.
    with_us = partial(end_with_parent, signal.SIGKILL)
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=with_us,  # noqa: PLW1509 - no thread of ours runs yet
    )


def _only_child(outer: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + 10
    while time.monotonic() < until and outer.poll() is None:
        children = psutil.Process(outer.pid).children()
        if children:
            return int(children[0].pid)
        time.sleep(0.02)
    raise EngineUnavailableError("no namespace was made in 10 s")


def _await(engine: Engine, outer: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until and outer.poll() is None:
        with suppress(EngineUnavailableError):
            engine.docker("version", timeout_s=10)
            return
        time.sleep(0.2)
    raise EngineUnavailableError(f"dockerd does not answer; the end of what it said:\n{log.read_text()[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the engine, or whatever it is, to stop; kill it when it does not."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children():
            child.terminate()
    try:
        process.wait(STOP_TIMEOUT_S if process.args[0] == "unshare" else 0)  # type: ignore[index]
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _raise_shares(group: str) -> None:
    separate = CGROUPS / "cpu"  # cgroups of version 1: one tree a resource
    file = separate / group / "cpu.shares" if separate.is_dir() else CGROUPS / group / "cpu.weight"
    with suppress(OSError):  # it is slower without, and works
        file.parent.mkdir(exist_ok=True)
        file.write_text(SHARES[file.name])


def _remove_groups(group: str) -> None:
    for top in (CGROUPS / group, *CGROUPS.glob(f"*/{group}")):
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
