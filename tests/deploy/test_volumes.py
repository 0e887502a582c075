"""Compiled code is kept on a volume that Kubernetes has opened to its `fsGroup`, by the folder that the pod sees in it.

The kubelet gives a volume's root to the group and lets it write there; some volumes are open to everybody. Each time a
volume is mounted it may do so with all that is in it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serve.engine.code_cache import load_code
from tests.deploy.manifests import manifests, workloads

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
SOURCES = (Path(__file__),)

NOT_PERMITTED, BROKEN = 98, 99

libc = ctypes.CDLL(None, use_errno=True)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount, and be another user")


class NotPermitted(Exception):
    """No mount namespace is to be had."""


@pytest.fixture
def node() -> Iterator[Path]:
    """A folder that every user may enter, as the node's and an image's are."""
    folder = Path(tempfile.mkdtemp(prefix="node-"))
    folder.chmod(0o755)
    for name in ("volume", "seen"):
        (folder / name).mkdir()
    yield folder
    shutil.rmtree(folder)


class Pod:
    """The server's pod as its manifest has it: who runs, what makes the folder, and which folder is seen."""

    def __init__(self, node: Path) -> None:
        (found,) = (workload for workload in workloads(manifests("external")) if workload.name == "scoring")
        self.user = found.pod["securityContext"]["runAsUser"]
        self.group = found.pod["securityContext"]["fsGroup"]
        (first,) = found.pod["initContainers"]
        (mounted,) = first["volumeMounts"]
        self.volume, self.seen = node / "volume", node / "seen"
        self.make_folder = [part.replace(mounted["mountPath"], str(self.volume)) for part in first["command"]]
        (state,) = (mount for mount in found.pod["containers"][0]["volumeMounts"] if mount["name"] == mounted["name"])
        self.folder = self.volume / state["subPath"]

    def mount(self, mode: int) -> None:
        """Give the volume's root to the group, as the kubelet does."""
        os.chown(self.volume, 0, self.group)
        self.volume.chmod(mode)

    def open_all(self) -> None:
        """Open all that is in the volume, as the kubelet does unless it is told that the root is enough."""
        for path in self.volume.rglob("*"):
            os.chown(path, -1, self.group)
            path.chmod(path.stat().st_mode | (0o2770 if path.is_dir() else 0o660))

    def start(self) -> tuple[bool, bool]:
        """Whether code may be kept, and whether what was kept before is still there."""
        identity = {"user": self.user, "group": self.group, "extra_groups": []}
        subprocess.run(self.make_folder, check=True, **identity)
        return _in_child(self._load)

    def _load(self) -> tuple[bool, bool]:
        if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
            raise NotPermitted
        if libc.mount(bytes(self.folder), bytes(self.seen), None, MS_BIND, None):
            raise NotPermitted
        os.setgroups([])
        os.setgid(self.group)
        os.setuid(self.user)
        kept = load_code(self.seen / "compiled", SOURCES, lambda cached: cached)
        (folder,) = (self.seen / "compiled").iterdir()
        was_there = (folder / "code").exists()
        (folder / "code").touch()
        return kept, was_there


def _in_child(work: Callable[[], tuple[bool, bool]]) -> tuple[bool, bool]:
    child = os.fork()
    if child == 0:
        try:
            kept, was_there = work()
            os._exit(kept + 2 * was_there)
        except NotPermitted:
            os._exit(NOT_PERMITTED)
        finally:
            os._exit(BROKEN)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == NOT_PERMITTED:
        pytest.skip("mount namespaces are not permitted here")
    assert status != BROKEN
    return bool(status & 1), bool(status & 2)


@pytest.mark.parametrize("mode", [0o2775, 0o2777], ids=["a disk", "open to everybody"])
def test_code_is_kept_on_a_volume_from_one_start_to_the_next(node: Path, mode: int) -> None:
    pod = Pod(node)
    for start in range(2):
        pod.mount(mode)
        assert pod.start() == (True, start == 1)


def test_code_is_made_anew_where_all_of_a_volume_was_opened(node: Path) -> None:
    pod = Pod(node)
    pod.mount(0o2775)
    assert pod.start() == (True, False)
    pod.open_all()
    assert pod.start() == (True, False)
    assert pod.start() == (True, True)


def test_code_is_not_kept_in_a_volume_s_root_that_is_open_to_everybody(node: Path) -> None:
    pod = Pod(node)
    pod.mount(0o2777)
    pod.folder = pod.volume
    pod.make_folder = ["true"]
    assert pod.start() == (False, False)
