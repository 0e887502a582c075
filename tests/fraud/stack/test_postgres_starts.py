"""The embedded PostgreSQL starts wherever a person's folder is, and touches nothing that is not its own."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg2
import pytest

from fraud.stack.errors import StackError
from fraud.stack.postgres import EmbeddedPostgres
from fraud.stack.postmaster import servers_of
from tests.live_stack import folder_for_postgres, wait_until

START_AND_WAIT = """
import sys, time
from pathlib import Path
from fraud.stack.postgres import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1]), "kept").start(), flush=True)
time.sleep(600)
"""
"""A program that starts a server and then does nothing, as a stack would."""
PROJECT = Path(__file__).parents[3]
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@contextmanager
def running(data_dir: Path) -> Iterator[tuple[EmbeddedPostgres, str]]:
    """A server over the folder, and its owner's connection string."""
    server = EmbeddedPostgres(data_dir, "kept")
    try:
        yield server, server.start()
    finally:
        server.stop()


def ask(dsn: str, query: str) -> object:
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
            assert row is not None
            return row[0]
    finally:
        connection.close()


@pytest.fixture(scope="module")
def fresh() -> Iterator[Path]:
    """A data folder as the first start leaves it. To copy it takes a tenth of the time of making another."""
    with folder_for_postgres() as folder:
        with running(folder / "postgres"):
            pass
        yield folder / "postgres"


@pytest.fixture
def made(fresh: Path, postgres_folder: Path) -> Path:
    """A data folder of the test's own on which a server has run."""
    copy = postgres_folder / "postgres"
    subprocess.run(["cp", "--archive", fresh, copy], check=True)  # noqa: S607 - by PATH; owners are kept
    return copy


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a folder with spaces", id="spaces"),
        pytest.param("long" * 50, id="longer than a socket's address may be"),
        pytest.param("a,b", id="a comma, which parts hosts in a connection string"),
        pytest.param('it\'s "so" %20 $HOME \\', id="quotes and signs"),
        pytest.param("Bräutigam", id="not in ASCII"),
    ],
)
def test_data_folder_may_have_any_name(postgres_folder: Path, name: str) -> None:
    data_dir = postgres_folder / name / "postgres"
    with running(data_dir) as (_, dsn):
        assert ask(dsn, "SELECT current_database()") == "kept"
    with running(data_dir) as (_, dsn):  # a second start finds what the first one made
        assert ask(dsn, "SELECT current_database()") == "kept"


def test_private_socket_folder_is_closed_to_others_and_goes_with_its_server(postgres_folder: Path) -> None:
    with running(postgres_folder / ("long" * 50) / "postgres") as (server, dsn):
        socket_dir = Path(psycopg2.extensions.parse_dsn(dsn)["host"])
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    del server
    gc.collect()
    assert not socket_dir.exists()


def test_moved_folder_starts(made: Path) -> None:
    with running(made) as (_, dsn):
        ask(dsn, "CREATE TABLE t AS SELECT 42 AS x; SELECT 1")
    moved = made.rename(made.with_name("moved"))
    with running(moved) as (_, dsn):
        assert ask(dsn, "SELECT x FROM t") == 42


def test_two_servers_run_side_by_side(made: Path, postgres_folder: Path) -> None:
    with running(made) as (one, _), running(postgres_folder / "two" / "postgres") as (two, dsn):
        assert one.pid != two.pid
        assert ask(dsn, "SELECT 1") == 1


@as_root
def test_parent_folders_stay_as_they_are(postgres_folder: Path) -> None:
    parent = postgres_folder / "home"
    parent.mkdir(mode=0o700)
    data_dir = parent / "project" / ".run" / "postgres"
    data_dir.parent.mkdir(parents=True, mode=0o700)
    before = {path: path.stat().st_mode for path in (postgres_folder, *data_dir.parents[:3])}
    with running(data_dir) as (server, dsn):
        assert ask(dsn, "SELECT 1") == 1
        assert psutil.Process(server.pid).uids().effective != 0
        assert {path: path.stat().st_mode for path in before} == before


@as_root
def test_data_of_another_account_are_taken_over(made: Path) -> None:
    foreign = made / "not-ours"
    foreign.touch()
    os.chown(foreign, 4321, 4321)
    for path in (made, *made.rglob("*")):
        if path != foreign:
            os.lchown(path, 1234, 1234)
    with running(made) as (_, dsn):
        assert ask(dsn, "SELECT 1") == 1
    assert foreign.stat().st_uid == 4321, "only what was the former owner's"


def test_lock_file_that_names_another_program_stops_nothing(made: Path) -> None:
    with running(made) as (server, _):
        psutil.Process(server.pid).kill()
        wait_until(lambda: not servers_of(made), 30, "the backends notice")
    lock_file = made / "postmaster.pid"
    left = lock_file.read_text().splitlines()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        try:
            lock_file.write_text("\n".join([str(stranger.pid), *left[1:]]) + "\n")
            with running(made) as (server, dsn):
                assert ask(dsn, "SELECT 1") == 1
                assert server.pid != stranger.pid
            assert stranger.poll() is None, "the program of that number lives"
        finally:
            stranger.kill()


@pytest.mark.parametrize("content", ["", "no number\n", "\n"])
def test_damaged_lock_file_is_told_of(made: Path, content: str) -> None:
    (made / "postmaster.pid").write_text(content)
    server = EmbeddedPostgres(made, "kept")
    with pytest.raises(StackError, match=r"lock file \"postmaster.pid\""):
        server.start()


def test_server_ends_with_a_starter_that_is_killed(made: Path) -> None:
    command = [sys.executable, "-c", START_AND_WAIT, str(made)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert "postgresql://" in starter.stdout.readline()
        starter.send_signal(signal.SIGKILL)
    wait_until(lambda: not servers_of(made), 30, "the server ends")


def test_left_over_server_is_ended(made: Path) -> None:
    with running(made) as (left_over, dsn):
        ask(dsn, "CREATE TABLE t AS SELECT 42 AS x; SELECT 1")
        with running(made) as (server, new_dsn):
            assert server.pid != left_over.pid
            assert ask(new_dsn, "SELECT x FROM t") == 42
        assert not psutil.pid_exists(left_over.pid) or psutil.Process(left_over.pid).status() == psutil.STATUS_ZOMBIE


def test_left_over_server_that_does_not_end_is_named(made: Path) -> None:
    with running(made) as (left_over, _):
        postmaster = psutil.Process(left_over.pid)
        postmaster.suspend()
        try:
            with pytest.raises(StackError, match=rf"\b{left_over.pid}\b.*has not for 0\.5 s: end it"):
                EmbeddedPostgres(made, "kept").start(standstill_s=0.5)
        finally:
            postmaster.resume()


def test_first_start_that_was_killed_leaves_nothing_that_stops_the_next(postgres_folder: Path) -> None:
    half_made = postgres_folder / "postgres.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    with running(postgres_folder / "postgres") as (_, dsn):
        assert ask(dsn, "SELECT 1") == 1
    assert not half_made.exists()


def test_folder_with_other_files_is_refused_and_kept(postgres_folder: Path) -> None:
    (postgres_folder / "postgres").mkdir()
    (postgres_folder / "postgres" / "letters").write_text("mine")
    with pytest.raises(StackError, match="not empty"):
        EmbeddedPostgres(postgres_folder / "postgres", "kept").start()
    assert (postgres_folder / "postgres" / "letters").read_text() == "mine"


def test_data_of_another_version_are_refused_and_kept(postgres_folder: Path) -> None:
    (postgres_folder / "postgres").mkdir()
    (postgres_folder / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(StackError, match="made by PostgreSQL 16") as refusal:
        EmbeddedPostgres(postgres_folder / "postgres", "kept").start()
    assert "make clean" not in str(refusal.value)
    assert (postgres_folder / "postgres" / "PG_VERSION").exists()


def test_environment_of_another_database_changes_nothing(
    postgres_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGPORT": "7",
        "PGDATA": "/nowhere",
        "PGDATESTYLE": "German",
        "PGCLIENTENCODING": "LATIN1",
        "LC_ALL": "tr_TR.ISO-8859-9",
        "TZ": "Asia/Kathmandu",
    }.items():
        monkeypatch.setenv(name, value)
    server = EmbeddedPostgres(postgres_folder / "postgres", "kept")
    try:
        dsn = server.start()
        for name in ("PGPORT", "PGDATA", "PGDATESTYLE", "PGCLIENTENCODING"):
            monkeypatch.delenv(name)  # what a client of ours does with them is the business of its settings
        found = [ask(dsn, f"SHOW {name}") for name in ("datestyle", "client_encoding", "timezone", "server_encoding")]
        assert found == ["ISO, MDY", "UTF8", "UTC", "UTF8"]
        assert ask(dsn, "SELECT upper('i')") == "I", "the server keeps to no locale of its starter"
    finally:
        server.stop()


@as_root
def test_another_user_starts_one_beside_ours(made: Path, postgres_folder: Path) -> None:
    python = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("no Python of this version that other users may run")
    postgres_folder.chmod(0o711)
    theirs = postgres_folder / "theirs"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    with running(made):
        command = [python, "-c", START_AND_WAIT, str(theirs / "postgres")]
        environment = {"PYTHONPATH": os.pathsep.join((str(PROJECT), packages)), "PATH": os.environ["PATH"]}
        with subprocess.Popen(
            command, env=environment, cwd="/", user=NOBODY, group=NOBODY, extra_groups=[], stdout=-1, text=True
        ) as starter:
            try:
                assert starter.stdout is not None
                assert "postgresql://" in starter.stdout.readline()
                (postmaster, *_) = psutil.Process(starter.pid).children()
                assert postmaster.uids().effective == NOBODY
            finally:
                starter.kill()
