"""Who takes part: a server, a route and a form each; ours and the peers' answer the same question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.experiments.peers import forms
from bench.experiments.peers.forms import Form

OURS: Final = "ours"
OURS_UNLOGGED: Final = "ours-unlogged"
MLSERVER: Final = "mlserver"
MLSERVER_BATCHING: Final = "mlserver-batching"
MLFLOW: Final = "mlflow"
BENTOML: Final = "bentoml"
MOSEC: Final = "mosec"
ORIGINAL: Final = "original"
RESPONDER: Final = "responder"

MODEL_NAME: Final = "peers-comparison"
"""Of the model in every server; a name that no registry has, so that nothing can replace it during the run."""

BATCH_ROWS: Final = (1, 100, 1_000, 10_000)


@dataclass(frozen=True, slots=True)
class Contender:
    """A server and a way to ask it, for some of the batch sizes."""

    name: str
    server: str
    path: str
    form: Form
    batch_rows: tuple[int, ...] = BATCH_ROWS

    @property
    def answers(self) -> bool:
        """Whether there are answers to check; the responder returns none."""
        return self.server != RESPONDER


_V2_PATH: Final = f"/v2/models/{MODEL_NAME}/infer"
_BATCHES: Final = BATCH_ROWS[1:]

OBJECTS: Final = "ours"
OBJECTS_UNLOGGED: Final = "ours, log off"
BINARY: Final = "ours, v2 binary"
BINARY_UNLOGGED: Final = "ours, v2 binary, log off"
ARROW: Final = "ours, Arrow"
ARROW_UNLOGGED: Final = "ours, Arrow, log off"
MLSERVER_JSON: Final = "MLServer"
MLSERVER_BATCHED: Final = "MLServer, adaptive batching"
MLSERVER_COLUMNS: Final = "MLServer, data-frame codec"
MOSEC_JSON: Final = "mosec, adaptive batching"
MOSEC_BINARY: Final = "mosec, raw float32"
IN_ORIGINAL_MANNER: Final = "original's manner"

MLSERVER_JSON_FORMS: Final = (MLSERVER_JSON, MLSERVER_BATCHED, MLSERVER_COLUMNS)
"""The best of these at each batch size is what the bars call MLServer's best JSON."""

CONTENDERS: Final = (
    Contender(OBJECTS, OURS, "/predict", forms.SINGLE, (1,)),
    Contender(OBJECTS, OURS, "/batch_predict", forms.ROW_OBJECTS, _BATCHES),
    Contender(OBJECTS_UNLOGGED, OURS_UNLOGGED, "/predict", forms.SINGLE, (1,)),
    Contender(OBJECTS_UNLOGGED, OURS_UNLOGGED, "/batch_predict", forms.ROW_OBJECTS, _BATCHES),
    Contender("ours, v2 JSON", OURS, _V2_PATH, forms.V2_TENSOR),
    Contender(BINARY, OURS, _V2_PATH, forms.V2_BINARY, (1_000, 10_000)),
    Contender(BINARY_UNLOGGED, OURS_UNLOGGED, _V2_PATH, forms.V2_BINARY, (1_000, 10_000)),
    Contender(ARROW, OURS, "/batch_predict", forms.ARROW_STREAM, (10_000,)),
    Contender(ARROW_UNLOGGED, OURS_UNLOGGED, "/batch_predict", forms.ARROW_STREAM, (10_000,)),
    Contender(MLSERVER_JSON, MLSERVER, _V2_PATH, forms.V2_TENSOR),
    Contender(MLSERVER_BATCHED, MLSERVER_BATCHING, _V2_PATH, forms.V2_TENSOR, (1, 100)),
    Contender(MLSERVER_COLUMNS, MLSERVER, _V2_PATH, forms.V2_COLUMNS, (1_000, 10_000)),
    Contender("mlflow models serve", MLFLOW, "/invocations", forms.MLFLOW_INPUTS),
    Contender("BentoML", BENTOML, "/predict", forms.BENTOML_DATA),
    Contender(MOSEC_JSON, MOSEC, "/predict", forms.SINGLE, (1,)),
    Contender(MOSEC_BINARY, MOSEC, "/batch_predict", forms.RAW_FLOATS, _BATCHES),
    Contender(IN_ORIGINAL_MANNER, ORIGINAL, "/predict", forms.SINGLE, (1,)),
    Contender(IN_ORIGINAL_MANNER, ORIGINAL, "/batch_predict", forms.ROW_OBJECTS, (100, 1_000)),
    Contender("no work (the client's limit)", RESPONDER, "/", forms.ROW_OBJECTS),
)
