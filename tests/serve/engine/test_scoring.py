"""Right answers from any thread, for any number of rows."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serve.engine import Engine, EngineOptions, load, read_model
from serve.engine.engine import Matrix, Probabilities, Route, score_shared, scoring_pool
from serve.engine.onnx_kernel import MINIMUM_BLOCK_ROWS
from tests.convert.small_models import applications, convert_small, fit

ROWS = applications(5_000, seed=4)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("engine") / "model.onnx"
    file.write_bytes(convert_small(fit(n_estimators=30, max_depth=5)).model)
    return file


@pytest.mark.parametrize("count", [1, 2, 49, 50, 51, 255, 512, 513, 5_000])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_neither_the_batch_nor_the_threads_change_a_bit(path: Path, threads: int, count: int) -> None:
    alone = load(read_model(path), EngineOptions())
    expected = np.concatenate([alone.score(ROWS[row : row + 1]) for row in range(count)])
    with closing(load(read_model(path), EngineOptions(threads=threads))) as engine:
        found = engine.score(ROWS[:count])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


def test_no_rows_no_probabilities(path: Path) -> None:
    found = load(read_model(path), EngineOptions()).score(ROWS[:0])
    assert found.shape == (0,)
    assert found.dtype == np.float32


def test_many_threads_get_their_own_answers(path: Path) -> None:
    engine = load(read_model(path), EngineOptions(threads=2))
    callers, start = 8, threading.Barrier(8)
    parts = np.array_split(ROWS, callers)
    expected = [engine.score(np.ascontiguousarray(part)) for part in parts]

    def call(caller: int) -> bool:
        start.wait()
        part = parts[caller]
        # Small calls, scored by the caller itself, between large ones, which share the pool.
        return all(
            np.array_equal(engine.score(part), expected[caller])
            and np.array_equal(engine.score(part[turn : turn + 1]), expected[caller][turn : turn + 1])
            for turn in range(40)
        )

    with closing(engine), ThreadPoolExecutor(callers) as pool:
        assert all(pool.map(call, range(callers)))


@pytest.mark.parametrize(("rows", "expected"), [(100, 3), (30, 3), (29, 2), (20, 2), (19, 1)])
def test_large_batches_are_shared_among_threads(rows: int, expected: int) -> None:
    kernel = _Recording(meeting=threading.Barrier(expected))
    with closing(Engine([Route(None, kernel, 3)])) as engine:
        np.testing.assert_array_equal(engine.score(ROWS[:rows]), ROWS[:rows, 0])
    assert sum(kernel.blocks) == rows
    assert len(kernel.threads) == expected


def test_a_thread_that_is_busy_holds_nobody_up() -> None:
    pool = scoring_pool(2)
    assert pool is not None
    release = threading.Event()
    busy = pool.submit(release.wait)
    kernel, out = _Recording(), np.empty(100, dtype=np.float32)
    score_shared(kernel, pool, 2, ROWS[:100], out)
    np.testing.assert_array_equal(out, ROWS[:100, 0])
    assert not busy.done()
    release.set()
    pool.shutdown()
    assert kernel.threads == {threading.get_ident()}


def test_large_chunks_are_whole_blocks() -> None:
    kernel = _Recording()
    with closing(Engine([Route(None, kernel, 2)])) as engine:
        np.testing.assert_array_equal(engine.score(np.tile(ROWS, (20, 1))), np.tile(ROWS[:, 0], 20))
    assert sorted(set(kernel.blocks)) == [100_000 % 2_048, 2_048]
    kernel.blocks.clear()
    with closing(Engine([Route(None, kernel, 2)])) as engine:
        engine.score(ROWS[:2_048])
        assert kernel.blocks == [512] * 4
        kernel.blocks.clear()
        # Too few for whole blocks: even parts.
        engine.score(ROWS[:1_001])
        assert sorted(kernel.blocks) == [500, 501]


def test_a_fault_in_a_block_reaches_the_caller() -> None:
    kernel = _Recording(faulty=1)
    rows = np.zeros((100, 10), dtype=np.float32)
    rows[-1] = 1
    with (
        closing(Engine([Route(None, kernel, 2)])) as engine,
        pytest.raises(ArithmeticError, match="faulty row"),
    ):
        engine.score(rows)


class _Recording:
    """Gives back the first feature; notes rows and threads. At a `meeting` each thread waits once for the others."""

    def __init__(self, faulty: float | None = None, meeting: threading.Barrier | None = None) -> None:
        self.blocks: list[int] = []
        self.threads: set[int] = set()
        self._faulty = faulty
        self._meeting = meeting

    @property
    def name(self) -> str:
        return "recording"

    @property
    def minimum_block_rows(self) -> int:
        return 10

    def score_into(self, x: Matrix, out: Probabilities) -> None:
        self.blocks.append(len(x))
        if self._meeting is not None and threading.get_ident() not in self.threads:
            self.threads.add(threading.get_ident())
            self._meeting.wait(timeout=30)
        self.threads.add(threading.get_ident())
        if self._faulty is not None and (x[:, 0] == self._faulty).any():
            raise ArithmeticError("faulty row")
        out[:] = x[:, 0]


def test_rows_that_may_not_be_written_are_scored(path: Path) -> None:
    rows = np.frombuffer(ROWS[:3].tobytes(), dtype=np.float32).reshape(3, 10)
    engine = load(read_model(path), EngineOptions())
    np.testing.assert_array_equal(engine.score(rows), engine.score(ROWS[:3]))


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        pytest.param(ROWS.astype(np.float64), TypeError, "float64", id="float64 takes other branches"),
        pytest.param(ROWS.tolist(), TypeError, "list", id="a list"),
        pytest.param(ROWS[0], ValueError, r"\[10\]", id="one row without its dimension"),
        pytest.param(ROWS[:, :9].copy(), ValueError, r"\[5000, 9\]", id="nine columns"),
        pytest.param(ROWS[:0, :9], ValueError, r"\[0, 9\]", id="no rows of nine columns"),
        pytest.param(np.asfortranarray(ROWS), ValueError, "contiguous", id="column by column"),
        pytest.param(ROWS[::2], ValueError, "contiguous", id="every other row"),
    ],
)
def test_a_matrix_of_another_form_is_a_programming_error(
    path: Path, rows: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(read_model(path), EngineOptions()).score(rows)


def test_no_threads_is_no_option() -> None:
    with pytest.raises(ValueError, match="threads is 0"):
        EngineOptions(threads=0)


def test_the_smallest_probabilities_are_right(tmp_path: Path) -> None:
    model = fit(base_score=1e-6)
    file = tmp_path / "model.onnx"
    file.write_bytes(convert_small(model).model)
    found = load(read_model(file), EngineOptions()).score(ROWS)
    assert found.min() < 1e-6
    np.testing.assert_allclose(found, model.predict_proba(ROWS)[:, 1], rtol=1e-6, atol=0)


def test_telemetry_is_off_before_onnx_runtime_is_imported() -> None:
    program = (
        "import builtins, os\n"
        "original, seen = builtins.__import__, []\n"
        "def watch(name, *rest):\n"
        "    if name == 'onnxruntime':\n"
        "        seen.append(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "    return original(name, *rest)\n"
        "builtins.__import__ = watch\n"
        "import serve.engine\n"
        "print(seen[0])\n"
    )
    root = Path(__file__).parents[3]
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env={}, check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == "1"


def test_blocks_are_worth_a_thread(path: Path) -> None:
    rows = ROWS[: 2 * MINIMUM_BLOCK_ROWS - 1]
    with closing(load(read_model(path), EngineOptions(threads=2))) as engine:
        before = threading.active_count()
        engine.score(rows)
        assert threading.active_count() == before
        engine.score(ROWS[: 2 * MINIMUM_BLOCK_ROWS])
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
