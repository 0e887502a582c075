"""No request pays for compiling, and no start after the first on a machine."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from serve.engine import EngineKind, EngineOptions, load, read_model
from serve.engine.compilation import BLOCK_SIGNATURES, DEFAULT_CACHE_DIR, ROW_SIGNATURES, compile_code
from serve.engine.forest_kernel import ForestKernel
from serve.engine.onnx_forest import read_forest
from tests.convert.small_models import applications, convert_small, fit
from tests.serve.engine.random_forests import Shape, fuzz_rows, onnx_bytes, random_model

ROOT = Path(__file__).parents[3]
ROWS = applications(2_000, seed=5)

START = """
import sys
from pathlib import Path
from serve.engine import compilation
folder, blocks = sys.argv[1:]
compilation.BLOCK_SIGNATURES = compilation.BLOCK_SIGNATURES[:int(blocks)]
code = compilation.compile_code(Path(folder))
print(len(code.score_blocks.signatures), sum(code.score_blocks.stats.cache_hits.values()),
      sum(code.score_rows.stats.cache_hits.values()))
"""


def start(folder: Path, blocks: int) -> list[int]:
    """Signatures, and hits of the two functions in the cache, of a fresh process with so many sizes of a block."""
    found = subprocess.run(
        [sys.executable, "-c", START, str(folder), str(blocks)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [int(number) for number in found.stdout.split()]


def test_requests_compile_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(convert_small(fit(n_estimators=20)).model)
    engine = load(read_model(path), EngineOptions(kind=EngineKind.FOREST, plan_budget_s=0.01))
    code = compile_code(None)
    assert (len(code.score_blocks.signatures), len(code.score_rows.signatures)) == (3, 1)
    read_only = ROWS.copy()
    read_only.flags.writeable = False
    misaligned = np.frombuffer(b"-" + ROWS.tobytes(), dtype=np.uint8)[1:].view(np.float32).reshape(ROWS.shape)
    expected = engine.score(ROWS)
    for rows in (read_only, misaligned):
        for count in (1, 70, 2_000):
            np.testing.assert_array_equal(engine.score(rows[:count]), expected[:count])
    assert (len(code.score_blocks.signatures), len(code.score_rows.signatures)) == (3, 1)
    with pytest.raises(TypeError, match="No matching definition"):
        code.score_rows(ROWS.astype(np.float64), *[None] * 7)


def test_the_second_start_finds_the_code(tmp_path: Path) -> None:
    """Of one size of a block: to compile the others too takes a minute of a small machine and proves no more."""
    assert start(tmp_path, 1) == [1, 0, 0]
    assert start(tmp_path, 1) == [1, 1, len(ROW_SIGNATURES)]
    assert list(tmp_path.rglob("*.nbc")), "the code is in the folder that was asked for"


def test_code_of_every_signature_is_kept() -> None:
    compile_code(None)
    every = len(BLOCK_SIGNATURES)
    assert start(DEFAULT_CACHE_DIR, every) == [every, every, len(ROW_SIGNATURES)]


@pytest.mark.parametrize("why", ["a file is in the way", "read-only"])
def test_a_folder_that_can_not_be_written_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    folder = tmp_path / why
    if why == "read-only":
        # Root may write anywhere, so the question has to be answered in its place.
        monkeypatch.setattr("serve.engine.code_cache.os.access", lambda *_: False)
    else:
        folder.write_text("")
    compiled: list[bool] = []
    monkeypatch.setattr("serve.engine.compilation._compile", compiled.append)
    with caplog.at_level(logging.WARNING):
        compile_code(folder)
    assert compiled == [False]
    assert "compiled code is not cached" in caplog.text


ELSEWHERE = """
import sys
from pathlib import Path
import numpy as np
from serve.engine.compilation import compile_code
from serve.engine.forest_kernel import ForestKernel
from serve.engine.onnx_forest import read_forest
from serve.engine.vector_ir import AVX512
folder = Path(sys.argv[1])
code = compile_code(None)  # kept for each kind of processor
rows = np.load(folder / "rows.npy")
out = np.empty((2, len(rows)), dtype=np.float32)
for model in sorted(folder.glob("*.onnx")):
    kernel = ForestKernel(read_forest(model.read_bytes()), code)
    for way in kernel.ways:
        kernel.score_by(way, rows, out[0], margins=True)
        kernel.score_by(way, rows, out[1])
        np.save(model.with_suffix(f".{way}.npy"), out)
print(AVX512)
"""


def test_a_processor_without_avx_512_gives_the_same_bits(tmp_path: Path) -> None:
    depths = range(1, 11)
    cuts = random_model(Shape(1, 1), 0)[1]
    rows = fuzz_rows(cuts, 1_100, 7)
    np.save(tmp_path / "rows.npy", rows)
    for depth in depths:
        (tmp_path / f"{depth}.onnx").write_bytes(onnx_bytes(random_model(Shape(9, depth, stop=0.1), 0)[0]))
    environment = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""}
    arguments = [sys.executable, "-c", ELSEWHERE, str(tmp_path)]
    found = subprocess.run(arguments, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "False"
    out = np.empty((2, len(rows)), dtype=np.float32)
    for depth in depths:
        kernel = ForestKernel(read_forest((tmp_path / f"{depth}.onnx").read_bytes()), compile_code(None))
        for way in kernel.ways:
            kernel.score_by(way, rows, out[0], margins=True)
            kernel.score_by(way, rows, out[1])
            elsewhere = np.load(tmp_path / f"{depth}.{way}.npy")
            np.testing.assert_array_equal(elsewhere.view(np.uint32), out.view(np.uint32))
