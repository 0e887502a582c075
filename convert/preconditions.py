"""What must hold so that the converted model is the trained one; each precondition has a name and is refused by it.

Converters get some of these silently wrong (DART's tree weights, continued training, trees after the best iteration),
and the ONNX form has no place for others (categories, several targets). Each is read from the booster's own document
where that shows it, for parameters are lost when a model is loaded from a file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, Final

from convert.errors import UnsupportedModelError
from convert.source import Source
from fraud.features import FEATURE_COUNT, FEATURE_NAMES

Fault = tuple[str, str] | None
"""What was found and what to do about it; None where the precondition holds."""


def check(source: Source) -> None:
    """Check every precondition on the classifier.

    Raises:
        UnsupportedModelError: names the first that does not hold, what was found and what to do.
    """
    for precondition, fault_of in _CHECKS.items():
        fault = fault_of(source)
        if fault is not None:
            raise UnsupportedModelError(precondition, *fault)


def trees(source: Source) -> list[dict[str, Any]]:
    """The trees in the document of a gbtree booster, in the order of training."""
    found: list[dict[str, Any]] = source.document["gradient_booster"]["model"]["trees"]
    return found


def _dropout(source: Source) -> Fault:
    parameters, booster = source.classifier.get_params(), source.document["gradient_booster"]
    remedy = "train with booster='gbtree' and without rate_drop"
    if parameters.get("rate_drop"):
        # XGBoost 3.2 ignores it without booster='dart', 3.4 obeys it.
        return f"rate_drop is {parameters['rate_drop']}, a parameter of DART", remedy
    if "dart" in {booster["name"], parameters["booster"]}:
        return "the booster is dart", remedy
    # Up to XGBoost 3.2 DART is a booster with a gbtree inside; since then it is a gbtree whose trees have weights
    # (https://github.com/dmlc/xgboost/issues/12031).
    if "weight_drop" in booster or "weight_drop" in booster.get("model", {}):
        return "the trees have weights (weight_drop)", remedy
    return None


def _booster(source: Source) -> Fault:
    name = source.document["gradient_booster"]["name"]
    return None if name == "gbtree" else (f"the booster is {name}", "train with booster='gbtree'")


def _objective(source: Source) -> Fault:
    name = source.document["objective"]["name"]
    return None if name == "binary:logistic" else (f"the objective is {name}", "train with binary:logistic")


def _leaves(source: Source) -> Fault:
    if all(tree["tree_param"]["size_leaf_vector"] in {"0", "1"} for tree in trees(source)):
        return None
    return "leaves hold a vector", "train with multi_strategy='one_output_per_tree'"


def _targets(source: Source) -> Fault:
    parameters = source.document["learner_model_param"]
    base_scores = json.loads(parameters["base_score"])
    if parameters["num_target"] == "1" and (not isinstance(base_scores, list) or len(base_scores) == 1):
        return None
    return f"the model has {parameters['num_target']} targets", "train on one column of labels"


def _classes(source: Source) -> Fault:
    classes = [int(label) for label in source.classifier.classes_]
    return None if classes == [0, 1] else (f"the classes are {classes}", "train on labels that are 0 and 1")


def _features(source: Source) -> Fault:
    count = source.document["learner_model_param"]["num_feature"]
    if count != str(FEATURE_COUNT):
        return f"the model has {count} features", f"train on the {FEATURE_COUNT} of fraud.features"
    names = source.document["feature_names"]
    if names and tuple(names) != FEATURE_NAMES:
        return f"the features are {', '.join(names)}", f"train on {', '.join(FEATURE_NAMES)}, in this order"
    return None


def _categories(source: Source) -> Fault:
    named = "c" in source.document["feature_types"]
    if named or any(tree["categories_nodes"] for tree in trees(source)):
        return "the model has categorical features", "train on numbers (Education_Days is in days)"
    return None


def _missing(source: Source) -> Fault:
    missing = source.classifier.missing
    return None if math.isnan(missing) else (f"missing is {missing}", "train with missing=nan")


def _parallel_trees(source: Source) -> Fault:
    count = source.document["gradient_booster"]["model"]["gbtree_model_param"]["num_parallel_tree"]
    return None if count in {"0", "1"} else (f"num_parallel_tree is {count}", "train with num_parallel_tree=1")


def _tree_count(source: Source) -> Fault:
    found = len(trees(source))
    model = source.document["gradient_booster"]["model"]
    if model["iteration_indptr"] != list(range(found + 1)) or any(model["tree_info"]):
        return f"{found} trees do not match the rounds of training", "train the model again, in one go"
    # A model loaded from a file does not know its n_estimators. There the document is all there is, and all of its
    # trees are converted.
    expected = source.classifier.n_estimators
    if expected is not None and found > expected:
        return f"{found} trees, but n_estimators is {expected}: training was continued", "train in one go"
    return None


def _best_iteration(source: Source) -> Fault:
    best, found = source.document["attributes"].get("best_iteration"), len(trees(source))
    if best is None or int(best) == found - 1:
        return None
    rounds = int(best) + 1
    return (
        f"training stopped early: the best {rounds} of {found} trees predict",
        f"slice it first: save get_booster()[:{rounds}] and load that",
    )


# In this order: what comes first decides whether the document has what the next ones look at.
_CHECKS: Final[dict[str, Callable[[Source], Fault]]] = {
    "dropout": _dropout,
    "booster": _booster,
    "objective": _objective,
    "scalar leaves": _leaves,
    "one target": _targets,
    "classes": _classes,
    "features": _features,
    "numeric features": _categories,
    "missing": _missing,
    "parallel trees": _parallel_trees,
    "tree count": _tree_count,
    "best iteration": _best_iteration,
}
