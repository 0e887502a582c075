"""The forest kernel serves only what it was proved on and where it measured faster."""

from __future__ import annotations

import dataclasses
import logging
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest

from serve.engine import Engine, EngineKind, EngineOptions, choice, load, read_model
from serve.engine.engine import Matrix, Probabilities, Route
from serve.engine.errors import ForestUnavailableError
from serve.engine.forest_kernel import ForestKernel
from serve.engine.onnx_kernel import OnnxKernel
from serve.engine.onnxruntime_parity import Proof
from serve.engine.plan import LARGEST_ROWS, Plan, plan_path
from serve.engine.tuning import Tuner
from tests.convert.small_models import applications, convert_small, fit

ROWS = applications(3_000, seed=9)
AUTO = EngineOptions(kind=EngineKind.AUTO, plan_budget_s=0.05)
FOREST = EngineOptions(kind=EngineKind.FOREST, plan_budget_s=0.05)
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def model() -> bytes:
    return convert_small(fit(n_estimators=40, max_depth=4)).model


@pytest.fixture
def path(tmp_path: Path, model: bytes) -> Path:
    file = tmp_path / "model.onnx"
    file.write_bytes(model)
    return file


def reference(path: Path) -> Engine:
    return load(read_model(path), EngineOptions(kind=EngineKind.ONNXRUNTIME))


@pytest.mark.parametrize("kind", list(EngineKind))
def test_every_kind_gives_the_same_answers(path: Path, kind: EngineKind) -> None:
    expected = reference(path).score(ROWS)
    engine = load(read_model(path), EngineOptions(kind=kind, plan_budget_s=0.05))
    np.testing.assert_allclose(engine.score(ROWS), expected, rtol=1e-6, atol=0)
    assert (engine.plan is None) == (kind == EngineKind.ONNXRUNTIME)


def test_a_forced_forest_scores_every_size(path: Path) -> None:
    engine = load(read_model(path), FOREST)
    assert engine.name == "forest"
    assert engine.plan is not None
    assert {contender.kernel for batch in engine.plan.classes for contender in batch.contenders} == {"forest"}


def test_auto_measures_both_in_every_class(path: Path) -> None:
    plan = load(read_model(path), dataclasses.replace(AUTO, threads=2)).plan
    assert plan is not None
    assert tuple(batch.largest_rows for batch in plan.classes) == LARGEST_ROWS
    for batch in plan.classes:
        alone = {contender.kernel for contender in batch.contenders if contender.threads == 1}
        # Of large batches ONNX Runtime may be too slow to try.
        assert alone == {"forest", "onnxruntime"} or (batch.largest_rows is None and alone == {"forest"})
        assert all(contender.us_per_row > 0 for contender in batch.contenders)
        assert (batch.kernel, batch.threads) in {(found.kernel, found.threads) for found in batch.contenders}
        assert bool(batch.block_rows) == (batch.kernel == "forest")
    assert any(contender.threads == 2 for contender in plan.classes[-1].contenders)
    assert plan.blocks is not None
    assert plan.blocks.block_rows == (64, 256, 512)


class _Planted(ForestKernel):
    """Wrong by one bit in one row, in one way only."""

    def score_by(self, way: int, x: Matrix, out: Probabilities, *, margins: bool = False) -> None:
        super().score_by(way, x, out, margins=margins)
        if way == 256 and margins:
            out[-1] = np.nextafter(out[-1], np.float32(np.inf))


class _WrongSigmoid(ForestKernel):
    """Right log-odds, but small probabilities wrong by four millionths of themselves."""

    def score_by(self, way: int, x: Matrix, out: Probabilities, *, margins: bool = False) -> None:
        super().score_by(way, x, out, margins=margins)
        if not margins:
            out[0] *= np.float32(1.000004)


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        pytest.param(_Planted, "log-odds by way 256", id="a bit"),
        pytest.param(_WrongSigmoid, "probability", id="sigmoid"),
    ],
)
def test_a_wrong_kernel_never_serves(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    planted: type[ForestKernel],
    complaint: str,
) -> None:
    monkeypatch.setattr(choice, "ForestKernel", planted)
    with caplog.at_level(logging.ERROR):
        engine = load(read_model(path), AUTO)
    assert engine.name == "onnxruntime"
    assert engine.plan is None
    assert complaint in caplog.text
    assert "ONNX Runtime is used instead" in caplog.text
    np.testing.assert_array_equal(engine.score(ROWS), reference(path).score(ROWS))
    with pytest.raises(ForestUnavailableError, match=complaint):
        load(read_model(path), FOREST)


def test_a_plan_is_kept_and_used_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(read_model(path), AUTO).plan
    assert first == msgspec.json.decode(plan_path(path).read_bytes(), type=Plan)
    monkeypatch.setattr(Tuner, "measure", lambda *_: pytest.fail("measured again"))
    assert load(read_model(path), AUTO).plan == first
    assert not list(path.parent.glob("*.plan.json?*")), "no temporary file stays"


@pytest.mark.parametrize("other", ["threads", "model", "versions", "processor", "damaged", "shortened"])
def test_a_plan_of_other_circumstances_is_not_used(path: Path, model: bytes, other: str) -> None:
    first = load(read_model(path), AUTO).plan
    assert first is not None
    options, file, key = AUTO, plan_path(path), first.key
    if other == "threads":
        options = dataclasses.replace(AUTO, threads=2)
    elif other == "model":
        path.write_bytes(convert_small(fit(n_estimators=3)).model)
    elif other == "damaged":
        file.write_bytes(file.read_bytes()[:-20])
    elif other == "shortened":
        file.write_bytes(msgspec.json.encode(dataclasses.replace(first, classes=first.classes[:-1])))
    else:
        changed = {"versions": {**key.versions, "numba": "0"}} if other == "versions" else {"processor": "another"}
        key = dataclasses.replace(key, **changed)
        file.write_bytes(msgspec.json.encode(dataclasses.replace(first, key=key)))
    second = load(read_model(path), options).plan
    assert second is not None
    assert second.classes != first.classes
    assert second == msgspec.json.decode(file.read_bytes(), type=Plan)


def test_a_plan_that_can_not_be_kept_is_used(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("serve.engine.plan.tempfile.NamedTemporaryFile", refuse)
    with caplog.at_level(logging.INFO):
        assert load(read_model(path), AUTO).plan is not None
    assert "the plan is not saved" in caplog.text
    assert not plan_path(path).exists()


def test_routes_follow_the_size_of_the_batch() -> None:
    class Mark:
        minimum_block_rows = 1

        def __init__(self, name: str) -> None:
            self.name = name
            self.mark = np.float32(len(name))

        def score_into(self, x: Matrix, out: Probabilities) -> None:
            out[:] = self.mark

    engine = Engine([Route(1, Mark("a"), 1), Route(16, Mark("bb"), 1), Route(None, Mark("ccc"), 1)])
    found = {rows: engine.score(np.zeros((rows, 10), dtype=np.float32))[0] for rows in (1, 2, 16, 17, 5_000)}
    assert found == {1: 1, 2: 2, 16: 2, 17: 3, 5_000: 3}
    assert engine.name == "a+bb+ccc"


def test_the_slower_kernel_is_not_chosen(path: Path, model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    original = OnnxKernel.score_into
    forest = load(read_model(path), FOREST)

    def slow(self: OnnxKernel, x: Matrix, out: Probabilities) -> None:
        for _ in range(30):
            original(self, x, out)

    monkeypatch.setattr(OnnxKernel, "score_into", slow)
    plan_path(path).unlink()
    assert load(read_model(path), AUTO).name == forest.name == "forest"
    monkeypatch.setattr(OnnxKernel, "score_into", lambda _self, x, out: out.fill(0.5))
    monkeypatch.setattr(choice, "prove", lambda *_: Proof(1, 0.0))
    plan_path(path).unlink()
    assert load(read_model(path), AUTO).name == "onnxruntime"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"threads": 0}, "threads is 0"), ({"plan_budget_s": 0.0}, "plan_budget_s is 0"), ({"plan_budget_s": -1.0}, "-1")],
)
def test_an_option_out_of_bounds_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EngineOptions(**options)  # type: ignore[arg-type]


def test_numba_is_not_needed_where_onnx_runtime_is_chosen(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from serve.engine import EngineKind, EngineOptions, load, read_model\n"
        f"load(read_model(Path({str(path)!r})), EngineOptions(kind=EngineKind.ONNXRUNTIME))\n"
        "print('numba' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 255, 256, 257, 511, 512, 513, 1_024, 1_537, 3_000])
def test_neither_the_batch_nor_the_threads_change_a_bit(
    path: Path, monkeypatch: pytest.MonkeyPatch, count: int, threads: int
) -> None:
    monkeypatch.setattr("serve.engine.forest_kernel.THREAD_US", 0.0)
    with closing(load(read_model(path), dataclasses.replace(FOREST, plan_budget_s=0.001))) as tuned:
        # Threads whether or not they measured faster.
        engine = Engine([Route(None, tuned._routes[0].kernel, threads)])
    alone = np.array([engine.score(row[np.newaxis])[0] for row in ROWS[:count]], dtype=np.float32)
    with closing(engine):
        found = engine.score(ROWS[:count])
    np.testing.assert_array_equal(found.view(np.uint32), alone.view(np.uint32))
