"""How root starts a program that refuses to run as root: by an account of its own, which sees the folders it needs.

That account may not enter a folder below a parent of mode 700, such as root's home. The parents stay as they are: the
program gets a mount namespace of its own, in which its folders appear below `MOUNT_POINT` (mount_namespaces(7)).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fraud.stack.errors import StackError

ACCOUNT: Final = "scoring-postgres"
MOUNT_POINT: Final = Path("/mnt")
"""Every system has it (FHS 3.0). Mounts hide its content from the program only."""

CLONE_NEWNS: Final = 0x00020000
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000

_libc: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Guise:
    """Who a program runs as, and where it sees its folders."""

    account: pwd.struct_passwd | None = None
    """None: as ourselves."""
    mounts: Mapping[Path, Path] = field(default_factory=dict)
    """Where the program sees a folder, by the folder; empty where it sees all folders as they are."""

    def seen(self, path: Path) -> Path:
        """The path by which the program reaches a file or folder."""
        for folder, mounted in self.mounts.items():
            if path.is_relative_to(folder):
                return mounted / path.relative_to(folder)
        return path

    def put_on(self) -> None:
        """In the new process, before it becomes the program: change what it sees and who it is.

        Raises:
            OSError: the machine does not permit it.
        """
        if self.mounts:
            _mount_alone(self.mounts)
        if self.account is not None:
            os.setgroups([])
            os.setgid(self.account.pw_gid)
            os.setuid(self.account.pw_uid)

    def own(self, folder: Path) -> None:
        """Give the program a folder, with all that belonged to the folder's former owner in it."""
        if self.account is None:
            return
        former = folder.lstat().st_uid
        if former != self.account.pw_uid:
            for entry in (folder, *folder.rglob("*")):
                if entry.lstat().st_uid == former:
                    os.lchown(entry, self.account.pw_uid, self.account.pw_gid)


def guise_for(folders: Mapping[Path, str]) -> Guise:
    """Who a program is to run as that needs these folders, each with the name that it may get below `MOUNT_POINT`.

    Raises:
        StackError: we are root, and this machine has no account for the program, nor a way to make one.
    """
    if os.geteuid() != 0:
        return Guise()
    account = _own_account()
    if all(_lets_everybody_in(folder) for folder in folders):
        return Guise(account)
    return Guise(account, {folder: MOUNT_POINT / name for folder, name in folders.items()})


def _lets_everybody_in(folder: Path) -> bool:
    """Whether all parents of a folder may be entered by every account."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.parents)


def _own_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise StackError(
            f"PostgreSQL does not run as root, and there is no `useradd` to make an account for it: "
            f"make an account {ACCOUNT}, or start as another user"
        )
    shell = ("--shell", "/usr/sbin/nologin", "--home-dir", "/nonexistent", "--no-create-home")
    made = subprocess.run([useradd, "--system", *shell, ACCOUNT], capture_output=True, text=True, check=False)
    try:
        return pwd.getpwnam(ACCOUNT)  # another start may have made it at the same time
    except KeyError:
        raise StackError(
            f"PostgreSQL does not run as root, and an account for it can't be made ({made.stderr.strip()}): "
            f"make an account {ACCOUNT}, or start as another user"
        ) from None


def _mount_alone(mounts: Mapping[Path, Path]) -> None:
    _check(_libc.unshare(CLONE_NEWNS))
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    # Held open by number, since the folders themselves may lie where we mount.
    sources = {mounted: os.open(folder, os.O_PATH | os.O_CLOEXEC) for folder, mounted in mounts.items()}
    _mount("tmpfs", str(MOUNT_POINT), "tmpfs", 0, "mode=755,size=64k")
    for mounted, source in sources.items():
        mounted.mkdir(parents=True)
        _mount(f"/proc/self/fd/{source}", str(mounted), None, MS_BIND)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    _check(_libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
