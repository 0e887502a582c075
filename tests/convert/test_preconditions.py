"""What ONNX would not keep is refused, by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures
from xgboost import XGBClassifier

from convert import preconditions
from convert.errors import UnsupportedModelError
from convert.source import open_source
from fraud.features import FEATURE_NAMES
from tests.convert.small_models import applications, convert_small, divorces, edited, fit, plain

ROWS = applications(400)
LABELS = divorces(ROWS)
SMALL: dict[str, Any] = {"n_estimators": 3, "max_depth": 2, "n_jobs": 1}


def trained(rows: Any = ROWS, labels: Any = LABELS, **parameters: Any) -> XGBClassifier:
    return XGBClassifier(**SMALL | parameters).fit(rows, labels)


def named(names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=names)


def categorical() -> XGBClassifier:
    table = named(list(FEATURE_NAMES))
    table["Education_Days"] = table["Education_Days"].fillna(0).astype(int).astype("category")
    return trained(table, enable_categorical=True)


def early_stopped() -> XGBClassifier:
    model = XGBClassifier(**SMALL | {"n_estimators": 300, "max_depth": 6}, early_stopping_rounds=2)
    return model.fit(ROWS[:200], LABELS[:200], eval_set=[(ROWS[200:], LABELS[200:])], verbose=False)


def weighted_trees() -> XGBClassifier:
    # So many that some are dropped by any version's random numbers: XGBoost 3.4 writes no weights that are all 1.
    return edited(trained(booster="dart", rate_drop=0.5, n_estimators=20), lambda learner: None)


def same_rounds_twice() -> XGBClassifier:
    return XGBClassifier(**SMALL).fit(ROWS, LABELS, xgb_model=trained())


CASES: list[tuple[str, str, Callable[[], Any], str]] = [
    ("an unfitted model", "fitted", XGBClassifier, "fit it"),
    ("another classifier", "classifier", lambda: RandomForestClassifier(2).fit(np.nan_to_num(ROWS), LABELS), "XGB"),
    ("DART", "dropout", lambda: trained(booster="dart"), "gbtree"),
    ("DART with weights, from a file", "dropout", weighted_trees, "gbtree"),
    ("gblinear", "booster", lambda: trained(np.nan_to_num(ROWS), booster="gblinear"), "gbtree"),
    ("rate_drop alone switches DART on", "dropout", lambda: trained(rate_drop=0.5), "rate_drop"),
    ("raw scores", "objective", lambda: trained(objective="binary:logitraw"), "binary:logistic"),
    ("three classes", "objective", lambda: trained(labels=np.arange(400) % 3), "multi:softprob"),
    ("two targets", "one target", lambda: trained(labels=np.stack([LABELS, 1 - LABELS], axis=1)), "2 targets"),
    (
        "two targets in a leaf",
        "scalar leaves",
        lambda: trained(labels=np.stack([LABELS, 1 - LABELS], axis=1), multi_strategy="multi_output_tree"),
        "one_output_per_tree",
    ),
    ("no divorces in training", "classes", lambda: trained(labels=np.zeros(400, dtype=int)), r"\[0\]"),
    ("nine features", "features", lambda: trained(ROWS[:, :9]), "9 features"),
    ("columns in another order", "features", lambda: trained(named(list(FEATURE_NAMES[::-1]))), "in this order"),
    ("a categorical column", "numeric features", categorical, "categorical"),
    ("0 means missing", "missing", lambda: trained(missing=0.0), "missing=nan"),
    ("a boosted random forest", "parallel trees", lambda: trained(num_parallel_tree=3, subsample=0.5), "is 3"),
    ("continued training", "tree count", same_rounds_twice, "continued"),
    ("trees after the best iteration", "best iteration", early_stopped, r"slice .*\[:\d+\]"),
    (
        "a step that mixes columns",
        "pipeline step",
        lambda: Pipeline([("mix", PolynomialFeatures(degree=1).fit(np.nan_to_num(ROWS))), ("model", plain())]),
        "PolynomialFeatures",
    ),
]


@pytest.mark.parametrize(
    ("precondition", "build", "message"),
    [pytest.param(precondition, build, message, id=reason) for reason, precondition, build, message in CASES],
)
@pytest.mark.filterwarnings("ignore")
def test_refused_by_name(precondition: str, build: Callable[[], Any], message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message) as refusal:
        convert_small(build())
    assert refusal.value.precondition == precondition
    assert precondition in str(refusal.value)
    assert "\n" not in str(refusal.value)


def _tree_weights(learner: dict[str, Any]) -> None:
    learner["gradient_booster"]["weight_drop"] = [0.5] * 5


def _tree_weights_inside(learner: dict[str, Any]) -> None:
    learner["gradient_booster"]["model"]["weight_drop"] = [0.5] * 5


def _two_trees_a_round(learner: dict[str, Any]) -> None:
    learner["gradient_booster"]["model"]["iteration_indptr"] = [0, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("edit", "precondition"),
    [
        pytest.param(_tree_weights, "dropout", id="gbtree with the weights of DART, as XGBoost 3.2 writes them"),
        pytest.param(_tree_weights_inside, "dropout", id="gbtree with the weights of DART, as XGBoost 3.4 writes them"),
        pytest.param(_two_trees_a_round, "tree count", id="rounds that do not match the trees"),
    ],
)
def test_a_document_that_no_training_of_ours_writes(edit: Callable[[dict[str, Any]], None], precondition: str) -> None:
    source = open_source(plain())
    edit(source.document)
    with pytest.raises(UnsupportedModelError) as refusal:
        preconditions.check(source)
    assert refusal.value.precondition == precondition


def test_columns_with_our_names_are_welcome() -> None:
    assert convert_small(trained(named(list(FEATURE_NAMES)))).parity.margin_bit_equal_share == 1


def test_a_model_continued_and_then_saved_is_converted_whole(tmp_path: Any) -> None:
    # A file does not tell n_estimators. There is nothing to refuse then: every tree of the file is converted.
    same_rounds_twice().save_model(tmp_path / "six.ubj")
    loaded = XGBClassifier()
    loaded.load_model(tmp_path / "six.ubj")
    assert convert_small(loaded).parity.margin_bit_equal_share == 1


@pytest.mark.filterwarnings("ignore")
def test_dropout_is_refused_whatever_the_rate() -> None:
    with pytest.raises(UnsupportedModelError):
        convert_small(fit(rate_drop=1e-9))
