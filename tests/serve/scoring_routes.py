"""The routes that score: a body that each takes, the form of its errors, and its other spellings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from fraud.features import EXAMPLE_INSTANCE
from tests.serve.wire import SINGLE, Answer

MODEL: Final = "divorce-model"
VERSION: Final = "VERSION"
"""Stands for the version in charge where nobody knows it yet."""
OURS: Final = "ours"
INFERENCE_V2: Final = "inference v2"
MLFLOW: Final = "mlflow"


@dataclass(frozen=True)
class Route:
    path: str
    body: bytes
    form: str
    """Of its errors."""

    def spellings(self, version: str = VERSION) -> dict[str, str]:
        """Other targets that mean this route, by what is odd about them; `version` is that of the model in charge."""
        name = self.path.rpartition("/")[2]
        encoded = self.path.removesuffix(name) + f"%{ord(name[0]):02x}{name[1:]}"
        found = {
            "a query": self.path + "?x=1",
            "an empty query": self.path + "?",
            "percent-encoded": encoded,
            "percent-encoded with a query": encoded + "?x=%2f",
            "absolute": "http://here" + self.path,
            "absolute with a query": f"http://here{self.path}?x=1",
        }
        if self.form == INFERENCE_V2:
            versioned = f"/v2/models/{MODEL}/versions/{version}/infer"
            found |= {"versioned": versioned, "versioned with a query": versioned + "?x=1"}
        return found


_BATCH: Final = [EXAMPLE_INSTANCE] * 3
_TENSOR: Final = {
    "name": "features",
    "shape": [len(_BATCH), len(EXAMPLE_INSTANCE)],
    "datatype": "FP64",
    "data": [list(row.values()) for row in _BATCH],
}
PREDICT: Final = Route("/predict", SINGLE, OURS)
BATCH_PREDICT: Final = Route("/batch_predict", json.dumps({"instances": _BATCH}).encode(), OURS)
INVOCATIONS: Final = Route("/invocations", json.dumps({"dataframe_records": _BATCH}).encode(), MLFLOW)
INFER: Final = Route(f"/v2/models/{MODEL}/infer", json.dumps({"inputs": [_TENSOR]}).encode(), INFERENCE_V2)
ROUTES: Final = (PREDICT, BATCH_PREDICT, INVOCATIONS, INFER)
TARGETS: Final = (*(route.path for route in ROUTES), "/predict?x=1", "/%70redict", f"{INFER.path}?x=1")
"""Each route once as it is written down, and some of them in other spellings."""


def route_of(target: str) -> Route:
    """The route that one of `TARGETS` means."""
    path = target.partition("?")[0].replace("%70", "p")
    return next(route for route in ROUTES if route.path == path)


def check_error(answer: Answer, form: str) -> None:
    """Its body tells of an error in that form, and names the request as the header does where the form names it."""
    assert answer.headers["content-type"] == "application/json", answer
    told = answer.json()
    if form == OURS:
        assert set(told) == {"error", "request_id"}, told
        assert {"code", "message"} <= set(told["error"]) <= {"code", "message", "instance", "field"}, told
        assert told["error"]["message"]
        assert told["request_id"] == answer.headers["x-request-id"]
    elif form == INFERENCE_V2:
        assert set(told) == {"error"}, told
        assert isinstance(told["error"], str)
    else:
        assert set(told) == {"error_code", "message"}, told
        assert told["message"]
