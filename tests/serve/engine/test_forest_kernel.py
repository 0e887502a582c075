"""What the forest kernel is made of: the sigmoid, the cut into blocks, scratch memory of many threads."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import types
from numpy.typing import NDArray

from serve.engine.bit_blocks import probability_of
from serve.engine.bit_program import MAXIMUM_TESTS, TESTS, compile_bits
from serve.engine.compilation import compile_code
from serve.engine.cover import WALK, BlockCosts, Cover
from serve.engine.forest_kernel import ForestKernel
from serve.engine.jit import compiled
from serve.engine.onnx_forest import read_forest
from tests.serve.engine.random_forests import Shape, fuzz_rows, onnx_bytes, random_model

Vector = NDArray[np.float32]

CLAMP = np.float32(88.7)


@pytest.fixture(scope="module")
def sigmoid() -> Callable[[Vector], Vector]:
    """The kernels' sigmoid in a loop of its own."""

    def loop(margins: Vector, out: Vector) -> None:
        for row in range(margins.shape[0]):
            out[row] = probability_of(margins[row])

    code = compiled(loop, [types.void(types.float32[::1], types.float32[::1])], cached=False)

    def run(margins: Vector) -> Vector:
        out = np.empty_like(margins)
        code(margins, out)
        return out

    return run


def relative_difference(margins: Vector, found: Vector) -> float:
    """From XGBoost's formula in float64, which rounds nothing that shows."""
    expected = 1 / (1 + np.exp(np.minimum(-margins, CLAMP).astype(np.float64)))
    return float(np.max(np.abs(found - expected) / expected))


def test_the_sigmoid_is_right_on_every_fiftieth_float(sigmoid: Callable[[Vector], Vector]) -> None:
    for start in range(0, 2**32, 2**28):
        margins = np.arange(start, start + 2**28, 53, dtype=np.uint32).view(np.float32)
        margins = margins[~np.isnan(margins)]
        assert relative_difference(margins, sigmoid(margins)) < 3e-7


def test_the_sigmoid_is_right_on_every_float_at_the_clamp(sigmoid: Callable[[Vector], Vector]) -> None:
    first, last = (np.float32(edge).view(np.uint32) for edge in (-86.9, -88.8))
    margins = np.arange(first, last, dtype=np.uint32).view(np.float32)
    # Probabilities here are denormal, with steps of up to 5e-7 of their value.
    assert relative_difference(margins, sigmoid(margins)) < 6e-7
    beyond = sigmoid(np.array([-88.7, -88.8, -1e30, -np.inf], dtype=np.float32))
    np.testing.assert_array_equal(beyond, beyond[0])
    assert sigmoid(np.array([0.0, -0.0, 30.0, np.inf], dtype=np.float32)).tolist() == [0.5, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("seed", range(8))
def test_the_cut_is_the_cheapest(seed: int) -> None:
    generator = np.random.default_rng(seed)
    prices = dict(zip((64, 256, 512), np.sort(generator.uniform(1, 9, 3)).tolist(), strict=True))
    costs = BlockCosts(
        0.0001 if seed == 0 else float(generator.uniform(0.05, 5)), tuple(prices), tuple(prices.values())
    )
    cover = Cover(costs)
    cuts = [
        (sum(sizes), sum(prices[size] for size in sizes))
        for count in range(9)
        for sizes in itertools.combinations_with_replacement(prices, count)
    ]
    for rows in range(1, 512):
        price = sum(costs.row_us * rows if way == WALK else prices[way] for way, _ in cover.pieces(rows))
        least = min(price for held, price in cuts if held >= rows)
        assert price <= least + 1e-9
        if rows * costs.row_us < prices[64]:
            assert price == pytest.approx(rows * costs.row_us)


@pytest.mark.parametrize("rows", [1, 5, 64, 511, 512, 513, 1_400, 5_120])
def test_the_cut_covers_each_row_once(rows: int) -> None:
    for costs in (BlockCosts(0.5, (64, 256, 512), (3.0, 10.0, 19.0)), BlockCosts(0.5)):
        stops = [stop for _, stop in Cover(costs).pieces(rows)]
        assert stops == sorted(set(stops))
        assert stops[-1] == rows
        starts = [0, *stops[:-1]]
        for (way, stop), start in zip(Cover(costs).pieces(rows), starts, strict=True):
            assert way in {WALK, 512} or stop - start <= way


def test_few_rows_are_walked_and_many_are_not() -> None:
    cover = Cover(BlockCosts(1.0, (64, 256, 512), (4.5, 10.0, 19.0)))
    assert list(cover.pieces(4)) == [(WALK, 4)]
    assert list(cover.pieces(5)) == [(64, 5)]
    assert list(cover.pieces(1_030)) == [(512, 1_024), (64, 1_030)]
    assert list(cover.pieces(1_026)) == [(512, 1_024), (WALK, 1_026)]


def test_a_part_is_worth_a_thread_by_its_time() -> None:
    cover = Cover(BlockCosts(1.0, (64, 256, 512), (4.5, 10.0, 20.48)))
    assert cover.rows_in(200.0) == 5_000
    assert cover.rows_in(0.0) == 1
    assert Cover(BlockCosts(4.0)).rows_in(200.0) == 50


def test_threads_do_not_share_their_scratch_memory() -> None:
    model, cuts = random_model(Shape(60, 6), 3)
    kernel = ForestKernel(read_forest(onnx_bytes(model)), compile_code(None))
    callers = 8
    start = threading.Barrier(callers)
    rows = [fuzz_rows(cuts, 1_337, seed) for seed in range(callers)]
    expected = [model.predict(part, output_margin=True) for part in rows]

    def call(caller: int) -> bool:
        out = np.empty(len(rows[caller]), dtype=np.float32)
        start.wait()
        for turn in range(30):
            kernel.score_by(kernel.ways[turn % 4], rows[caller], out, margins=True)
            if not np.array_equal(out, expected[caller]):
                return False
        return True

    with ThreadPoolExecutor(callers) as pool:
        assert all(pool.map(call, range(callers)))


def test_the_kernel_holds_no_gil() -> None:
    model, cuts = random_model(Shape(200, 8), 4)
    kernel = ForestKernel(read_forest(onnx_bytes(model)), compile_code(None))
    rows = np.tile(fuzz_rows(cuts, 2_000, 0), (40, 1))
    out = np.empty(len(rows), dtype=np.float32)
    scoring = threading.Thread(target=kernel.score_by, args=(512, rows, out))
    turns = 0
    scoring.start()
    while scoring.is_alive():
        turns += 1
    # A call that held it would leave this loop at most the turns before it began and after it ended.
    assert turns > 1_000


def test_tests_are_shared_by_trees_within_bounds() -> None:
    shared = compile_bits(read_forest(onnx_bytes(random_model(Shape(200, 3, thresholds=4), 0)[0])))
    assert len(shared.thresholds) <= 10 * 4 * 2, "each of a feature's thresholds once for each way of missing values"
    split = compile_bits(read_forest(onnx_bytes(random_model(Shape(20, 9, thresholds=2_000), 0)[0])))
    assert len(split.thresholds) > MAXIMUM_TESTS
    assert TESTS in split.code
    assert split.slots < MAXIMUM_TESTS + 1_000


def test_parts_of_a_tree_that_are_not_there_cost_nothing() -> None:
    def length(shape: Shape) -> float:
        """Of the program, for each split of the forest."""
        forest = read_forest(onnx_bytes(random_model(shape, 1)[0]))
        return len(compile_bits(forest).code) / sum(tree.splits.size for tree in forest.trees)

    full = length(Shape(20, 9))
    assert full < 2.5
    # The complete trees of the same depth would have 40 times the splits.
    assert length(Shape(40, 9, stop=0.4)) < 4 * full
