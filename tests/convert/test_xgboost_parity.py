"""A model that is off by one float anywhere does not pass, and the failure shows the row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from convert import preconditions
from convert.booster_forest import read_forest
from convert.errors import ConversionError, ParityError
from convert.exporter import export, to_bytes
from convert.parity_report import ParityReport
from convert.source import Source, open_source
from convert.xgboost_parity import check_parity, check_rows
from fraud.features import FEATURE_NAMES
from fraud.forest import Forest
from tests.convert.small_models import ENOUGH_ROWS, Matrix, applications, fit, plain

ROWS = applications(ENOUGH_ROWS, seed=1)

# Real rows that pass by every threshold: whole numbers are thresholds, quarters are none.
PASSING_BY = ROWS + np.float32(0.25)


def opened(model: Any) -> tuple[Source, Forest]:
    source = open_source(model)
    preconditions.check(source)
    return source, read_forest(source)


def checked(graph: onnx.ModelProto, source: Source, forest: Forest, rows: Matrix = ROWS) -> ParityReport:
    return check_parity(to_bytes(graph), source, forest, rows)


def attribute(graph: onnx.ModelProto, name: str) -> onnx.AttributeProto:
    return next(found for found in graph.graph.node[0].attribute if found.name == name)


def split_nodes(graph: onnx.ModelProto) -> list[int]:
    return [place for place, mode in enumerate(attribute(graph, "nodes_modes").strings) if mode != b"LEAF"]


def move(values: Any, place: int) -> None:
    values[place] = np.nextafter(np.float32(values[place]), np.float32(np.inf))


@pytest.mark.parametrize("parameters", [{"max_depth": 3}, {"max_depth": 5, "n_estimators": 2}], ids=["flat", "deep"])
def test_every_threshold_moved_by_one_float_is_found(parameters: dict[str, int]) -> None:
    source, forest = opened(fit(**parameters))
    for place in split_nodes(export(forest)):
        graph = export(forest)
        move(attribute(graph, "nodes_values").floats, place)
        with pytest.raises(ParityError, match="threshold rows"):
            checked(graph, source, forest, PASSING_BY)


def test_a_leaf_that_is_off_is_found() -> None:
    source, forest = opened(plain())
    for place in range(1, len(attribute(export(forest), "target_weights").floats)):
        graph = export(forest)
        attribute(graph, "target_weights").floats[place] += 1e-5
        with pytest.raises(ParityError):
            checked(graph, source, forest)


def test_a_base_margin_off_by_one_float_is_found() -> None:
    source, forest = opened(fit(n_estimators=1, base_score=0.01))
    graph = export(forest)
    move(attribute(graph, "target_weights").floats, 0)
    with pytest.raises(ParityError, match="margin"):
        checked(graph, source, forest)


def test_a_missing_value_that_takes_the_other_branch_is_found() -> None:
    source, forest = opened(plain())
    for place in split_nodes(export(forest))[:3]:
        graph = export(forest)
        missing = attribute(graph, "nodes_missing_value_tracks_true").ints
        missing[place] = 1 - missing[place]
        with pytest.raises(ParityError):
            checked(graph, source, forest)


def _one_and_a_bit(graph: onnx.ModelProto) -> None:
    one = next(tensor for tensor in graph.graph.initializer if tensor.name == "one")
    one.float_data[:] = [1.00001]


def _sigmoid_operator(graph: onnx.ModelProto) -> None:
    # What a converter would write; exact enough around 0.5, and 13% off at one in a million.
    del graph.graph.node[2:]
    graph.graph.node.append(onnx.helper.make_node("Sigmoid", ["margin"], ["probability"]))


@pytest.mark.parametrize(
    ("spoil", "base_score"),
    [
        pytest.param(_one_and_a_bit, 0.5, id="add 1.00001"),
        pytest.param(_sigmoid_operator, 1e-6, id="Sigmoid operator"),
    ],
)
def test_right_margins_do_not_excuse_wrong_probabilities(
    spoil: Callable[[onnx.ModelProto], None], base_score: float
) -> None:
    source, forest = opened(fit(base_score=base_score))
    graph = export(forest)
    assert checked(graph, source, forest).margin_bit_equal_share == 1
    spoil(graph)
    with pytest.raises(ParityError, match="relative difference"):
        checked(graph, source, forest)


def test_the_failure_shows_the_row_and_both_answers() -> None:
    source, forest = opened(plain())
    graph = export(forest)
    move(attribute(graph, "nodes_values").floats, 1)
    with pytest.raises(ParityError) as failure:
        checked(graph, source, forest)
    message = str(failure.value)
    root = forest.trees[1]
    assert f"{FEATURE_NAMES[root.feature[0]]}={root.threshold[0]}" in message
    assert all(f"{name}=" in message for name in FEATURE_NAMES)
    assert message.count("XGBoost's") == 2
    assert "\n" not in message


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param(ROWS[:0], "there is no row", id="none"),
        pytest.param(ROWS.astype(np.float64), "float64", id="float64 rows take other branches"),
        pytest.param(ROWS[:, :9], r"\[500, 9\]", id="nine columns"),
    ],
)
def test_rows_that_prove_nothing_are_refused(rows: Any, message: str) -> None:
    source, _ = opened(plain())
    with pytest.raises(ConversionError, match=message):
        check_rows(rows, source)


@pytest.mark.parametrize(("real", "made"), [(ENOUGH_ROWS, 0), (120, ENOUGH_ROWS - 120), (1, ENOUGH_ROWS - 1)])
def test_the_report_tells_real_rows_from_those_made_of_their_values(real: int, made: int) -> None:
    source, forest = opened(plain())
    graph = to_bytes(export(forest))
    report = check_parity(graph, source, forest, ROWS[:real], minimum_rows=ENOUGH_ROWS)
    assert (report.rows.real, report.rows.made) == (real, made)
    assert (f"{real:,} real, {made:,} made of their values" in str(report.rows)) == bool(made)


def test_the_report_counts_what_was_compared() -> None:
    source, forest = opened(plain())
    told: list[tuple[int, int]] = []
    report = check_parity(
        to_bytes(export(forest)),
        source,
        forest,
        ROWS,
        progress=lambda done, total: told.append((done, total)),
    )
    assert report.rows.real == ENOUGH_ROWS
    assert report.rows.threshold == 3 * sum(tree.splits.size for tree in forest.trees)
    assert told[-1] == (report.rows.total, report.rows.total)
    assert report.margin_bit_equal_share == 1
    assert report.margin_max_absolute_difference == 0
    assert 0 < report.minimum_probability < 1
    assert f'"model_sha256": "{report.model_sha256}"' in report.to_json()
