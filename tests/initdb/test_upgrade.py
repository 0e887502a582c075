"""Versions of the schema: each is applied once, as a whole or not at all, by one process at a time."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fraud import schema_version
from fraud.database import connect
from fraud.schema_version import NEWEST_VERSION, NO_VERSION, read_version
from initdb import upgrade
from initdb.errors import SchemaError, TableInUseError
from initdb.schema import SCHEMA_LOCK, apply_schema
from initdb.upgrade import migration_files
from tests.initdb.landed import ARCHIVES, make_schema
from tests.live_stack import wait_until
from tests.serve.prediction_log_rows import execute, fetch

LANDED = {
    "v0001_schema_version": "05fc34dd703d4e3096a21386ac6451b4c6633341fe7c4094b47020aba3a304ff",
    "v0002_training_data": "aa3c5ed4b600d5ee1f6e94f3862e5cc23b0fabb28cad7fcec9029bf5a3edc7cf",
    "v0003_prediction_log": "ecbac7d68611adff09b191257131097816e39a1adb157bb79f4d82cc697cf32a",
    "v0004_drift": "ffc2d35015d4b58a28af4cdf9b2d03cf6d15629a6c66d1b36419c3b7441e0154",
    "v0005_outcomes": "ca2da7fcb6267ab5dad36def43d24377492bfed4e6a5e9f2c899b4d2c9c23243",
    "v0006_log_upkeep": "e3b8bdbb475260068c35a69b5d5658429345308bb38dcde9452a22bf7ab4dc79",
    "v0007_array_shapes": "d447dea98a0e35b080d30feb0056b26dfa53f072bf0ecc6af702783a04cbc9cc",
    "v0008_features": "53b136684061467a03e6804ad30edeccabdad3667e7776f6cf5c0d32ba61495b",
    "v0009_amendments": "ee20e287575301a209aca201f789ca4256769e57cf300e9c6081d8ae425559e1",
    "v0010_applicant_groups": "4c2d5b5ab68ef4ac1b20b038e939d58f5d7a43849d4e6691979bbfcbcfe493ab",
    "v0011_review_policies": "bd22d9065333f6b35dee984c975bf84ebfe373e0bea9165911be2feb46f286e8",
    "v0012_reasons": "cff60a0636964e6e2a4fa295f7ee1969d12a91c047389eeecb037acf28b86a24",
    "v0013_people": "6a511a908875e25a6efc6d549604cf8d4b1c9151ef906d52510b628f1e1781ef",
    "v0014_reports": "72202d6e43b860d3aa3a6fd549c73b905e8037792973e5f1fe19c62c23352d8a",
    "v0015_shadow": "02f0a72964651c03dcb26b0e9b542c52f4299ced97b44df3c0cadbc509d69c2b",
    "v0016_looked_at": "672397d63177bdc1c3fc471981c4eac7442e368f49f127a1794ba144ee85e709",
    "v0017_api_keys": "f9834497a4391c4d9df17c6e67ce3109be00f035be3d779c0dc91b30eae2e202",
    "v0018_last_login": "4d000ea71df54c5c916d44b680301438ac5d4c3483e1652195e64df8f61a28ba",
    "v0019_notices": "668b2da35daff06618bc8d03259ca40381e4bb785f95bcef0a154a68dd01f279",
    "v0020_cockpit": "55b612cdd5c525e1af35966e1d920b3dd1e40e81a14888f2e721abad4ba1d3ff",
    "v0021_cases": "539d548b2711a5dfea94baae9923a89d01216b23aafc16fd7085f8ea6d623e54",
    "v0022_outcomes": "52d2d60f5e3386e54b150ef8f80038856ff3593faec1e438ece6b04647d26806",
    "v0023_metrics_of_reports": "99995cc4454eac4fe690e582b0bf29c41315b2baee90bce6d32159b923c17b1b",
    "v0024_traces": "091f1fb39dd3901a3047a9728c152d0059801c68c0c071783cf7b402da109c6d",
    "v0025_keys_of_erased_labels": "7bc08d9486b13d293b682be0dfb13a56b4ac201477156b0f64d2a7e240274b85",
    "v0026_retention_notes": "2631416834bdfe5d4c22bf11f72b0b81d3d646e052f9fd3aa898793de16382f1",
}
"""What was applied somewhere is never changed, or databases of one version differ: a change is a version of its own."""


def version_of(dsn: str) -> int:
    with connect(dsn) as connection:
        return read_version(connection)


def command(dsn: str, run_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "initdb", "upgrade", *arguments],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": dsn, "RUN_DIR": str(run_dir)},
        stderr=subprocess.PIPE,
        text=True,
    )


def run(dsn: str, run_dir: Path, *arguments: str) -> tuple[int, str]:
    process = command(dsn, run_dir, *arguments)
    _, told = process.communicate()
    return process.returncode, told


class Later:
    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = patch
        self.newest = NEWEST_VERSION

    def add(self, statements: str) -> str:
        """One more version; gives its name."""
        template = self.folder / f"{migration_files()[-1].stem}.py"
        before, self.newest = self.newest, self.newest + 1
        name = f"v{self.newest:04}_later"
        module = template.read_text().replace(f'"{before:04}"', f'"{self.newest:04}"')
        module = module.replace(f'"{before - 1:04}"', f'"{before:04}"')
        (self.folder / f"{name}.py").write_text(module)
        (self.folder / f"{name}.sql").write_text(statements)
        self.patch.setattr(schema_version, "NEWEST_VERSION", self.newest)
        return name


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Later:
    """Versions of a later program, in a folder whose name means something to Alembic, ConfigParser and lists."""
    folder = tmp_path / "100 %(here)s, of:it"
    shutil.copytree(upgrade.MIGRATIONS, folder)
    monkeypatch.setattr(upgrade, "MIGRATIONS", folder)
    return Later(folder / "versions", monkeypatch)


def test_versions_are_numbered_without_gaps_up_to_the_one_that_programs_know() -> None:
    numbers = [int(path.stem[1:5]) for path in migration_files()]
    assert numbers == list(range(1, NEWEST_VERSION + 1))


@pytest.mark.parametrize("path", migration_files(), ids=lambda path: path.stem)
def test_a_version_that_landed_is_never_changed(path: Path) -> None:
    assert LANDED.get(path.stem) == hashlib.sha256(path.read_bytes()).hexdigest(), "add a version instead"


def test_every_version_has_a_module_that_names_the_one_before() -> None:
    for number, path in enumerate(migration_files(), 1):
        module = ast.parse(path.with_suffix(".py").read_text())
        named = {ast.unparse(node.targets[0]): node.value for node in module.body if isinstance(node, ast.Assign)}
        before = f"{number - 1:04}" if number > 1 else None
        assert {name: ast.literal_eval(value) for name, value in named.items()} == {
            "revision": f"{number:04}",
            "down_revision": before,
        }


def test_check_tells_what_is_due_and_changes_nothing(empty_database: str, tmp_path: Path) -> None:
    make_schema(empty_database, ARCHIVES[-1])
    status, told = run(empty_database, tmp_path, "--check")
    assert (status, version_of(empty_database)) == (10, NO_VERSION)
    assert all(path.stem in told for path in migration_files())

    status, told = run(empty_database, tmp_path)
    assert (status, version_of(empty_database)) == (0, NEWEST_VERSION)
    assert all(path.stem in told for path in migration_files())

    for arguments in ([], ["--check"]):
        status, told = run(empty_database, tmp_path, *arguments)
        assert (status, told) == (0, f"The schema has version {NEWEST_VERSION}, the newest.\n")


def test_only_what_is_due_is_applied(database: str, later: Later) -> None:
    first = later.add("CREATE TABLE public.first (x int)")
    assert [path.stem for path in apply_schema(database)] == [first]
    second = later.add("INSERT INTO public.first VALUES (1)")
    assert [path.stem for path in apply_schema(database)] == [second]
    assert apply_schema(database) == []
    assert fetch(database, "SELECT * FROM public.first") == [(1,)]


def test_a_file_reaches_postgresql_as_it_stands(database: str, later: Later) -> None:
    later.add(
        "CREATE TABLE public.odd (text text); INSERT INTO public.odd VALUES ('100% :name %s %(name)s; ä');"
        "DO $a$ BEGIN EXECUTE $b$ INSERT INTO public.odd VALUES ($$;$$) $b$; END $a$; -- it's the end"
    )
    apply_schema(database)
    assert set(fetch(database, "SELECT text FROM public.odd")) == {("100% :name %s %(name)s; ä",), (";",)}


def test_a_version_that_fails_leaves_nothing_and_those_before_it_stay(database: str, later: Later) -> None:
    later.add("CREATE TABLE public.whole (x int)")
    broken = later.add("CREATE TABLE public.half (x int); SELECT nonsense")
    after = later.add("CREATE TABLE public.after (x int)")
    for _ in range(2):
        with pytest.raises(SchemaError, match=rf"{broken}\.sql: .*nonsense"):
            apply_schema(database)
        assert fetch(database, "SELECT to_regclass('public.whole')::text, to_regclass('public.half')") == [
            ("whole", None)
        ]
        assert version_of(database) == NEWEST_VERSION + 1
    (later.folder / f"{broken}.sql").write_text("CREATE TABLE public.half (x int)")
    assert [path.stem for path in apply_schema(database)] == [broken, after]


def test_an_upgrade_that_waits_for_a_table_keeps_no_reader_waiting_behind_it(
    database: str, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "RETRY_S", 0.05)
    monkeypatch.setattr(upgrade, "LOCK_TIMEOUT", "100ms")
    name = later.add("ALTER TABLE public.prediction_requests ADD COLUMN later int")
    told: list[str] = []
    applied: list[Path] = []
    upgrading = threading.Thread(target=lambda: applied.extend(apply_schema(database, told.append)))
    with connect(database) as reader:
        reader.cursor().execute("SELECT count(*) FROM prediction_requests")
        upgrading.start()
        wait_until(lambda: bool(told), 60, "it says that it waits")
        assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(0,)], "another reader gets on"
        assert version_of(database) == NEWEST_VERSION
    upgrading.join()
    assert [path.stem for path in applied] == [name]
    assert len(told) == 1


def test_an_upgrade_gives_up_where_a_table_is_in_use_all_the_time(
    database: str, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "PATIENCE_S", 0.0)
    monkeypatch.setattr(upgrade, "LOCK_TIMEOUT", "100ms")
    later.add("ALTER TABLE public.prediction_requests ADD COLUMN later int")
    with connect(database) as reader:
        reader.cursor().execute("SELECT count(*) FROM prediction_requests")
        with pytest.raises(TableInUseError, match="lock timeout"):
            apply_schema(database)
    assert version_of(database) == NEWEST_VERSION


def test_two_upgrades_never_run_at_once(empty_database: str, tmp_path: Path) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with connect(empty_database) as connection:
        connection.cursor().execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))
        both = [command(empty_database, tmp_path) for _ in range(2)]
        wait_until(lambda: fetch(empty_database, waiting) == [(2,)], 60, "both wait for the lock")
        assert version_of(empty_database) == NO_VERSION
    told = sorted(process.communicate()[1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert [text.split()[0] for text in told] == ["Applied,", "The"]


def test_roles_and_rights_on_the_database_come_back_without_a_new_version(database: str) -> None:
    """A dump has neither; what is restored from one has the newest version all the same."""
    name = fetch(database, "SELECT current_database()")[0][0]
    right = "SELECT has_database_privilege('scoring_server', current_database(), 'CONNECT')"
    execute(database, f"REVOKE CONNECT ON DATABASE {name} FROM scoring_server")
    assert fetch(database, right) == [(False,)]
    assert apply_schema(database) == []
    assert fetch(database, right) == [(True,)]
