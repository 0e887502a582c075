"""Tests that share something costly share a worker, too."""

from __future__ import annotations

import collections
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.grouping import SHARED, group_of

ROOT = Path(__file__).parents[1]
TESTS = "import pytest\n@pytest.mark.parametrize('number', range(6))\ndef test_any(number): pass\n"


def test_tests_of_a_file_run_in_one_worker(tmp_path: Path) -> None:
    """With real workers: what pytest-xdist made of our groups has failed without a word before."""
    for name in ("test_one.py", "test_other.py", "test_third.py"):
        (tmp_path / name).write_text(TESTS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    plugins = ("-p", "tests.grouping", "-p", "no:cacheprovider")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-v", *plugins, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    workers = collections.defaultdict(set)
    for worker, file in re.findall(r"\[(gw\d)\].* PASSED (\w+\.py)", ran.stdout):
        workers[file].add(worker)
    assert set(workers) == {"test_one.py", "test_other.py", "test_third.py"}, ran.stdout + ran.stderr
    assert [len(of_a_file) for of_a_file in workers.values()] == [1, 1, 1]


@pytest.mark.parametrize("beginning", SHARED)
def test_every_shared_path_is_there(beginning: str) -> None:
    assert (ROOT / beginning).exists()


def test_first_path_that_fits_counts() -> None:
    assert group_of("tests/serve/fuzz/test_decoders.py::test_x[a::b]") == "compiled code"
    assert group_of("tests/serve/fuzz/test_wire.py::test_x") == "a server for strangers"
    assert group_of("tests/test_readme.py::test_x") == "tests/test_readme.py"
