"""Run by mosec's environment: the booster of MODEL_FILE behind `/predict` and `/batch_predict`.

Single rows are JSON objects; those of up to 16 requests that come within 2 ms are scored at once. Batches are float32,
row after row, and so are their answers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec
import numpy as np
from mosec import Server, Worker
from mosec.errors import DecodingError
from numpy.typing import NDArray
from xgboost import Booster

FEATURES = 10
MOST_REQUESTS = 16
LONGEST_WAIT_MS = 2


class Application(msgspec.Struct):
    """One application."""

    Client_Income: float
    Credit_Amount: float
    Loan_Annuity: float
    Age_Days: float
    Employed_Days: float
    Registration_Days: float
    ID_Days: float
    Phone_Change: float
    Credit_Bureau: float
    Education_Days: float


Values = tuple[float, ...]


class Scoring(Worker):  # type: ignore[misc]
    """Has the booster."""

    def __init__(self) -> None:
        super().__init__()
        self._booster = Booster()
        self._booster.load_model(os.environ["MODEL_FILE"])
        self._booster.set_param("nthread", 1)

    def _score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        probabilities: NDArray[np.float32] = self._booster.inplace_predict(rows, validate_features=False)
        return probabilities


class Singles(Scoring):
    """Scores the rows of some requests together."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder = msgspec.json.Decoder(Application)
        self._encoder = msgspec.json.Encoder()

    def deserialize(self, data: bytes) -> Values:
        """A row object's values."""
        try:
            return msgspec.structs.astuple(self._decoder.decode(data))
        except msgspec.DecodeError as error:
            raise DecodingError(str(error)) from error

    def forward(self, data: Sequence[Values]) -> list[float]:
        """A probability for each request."""
        probabilities: list[float] = self._score(np.array(data, dtype=np.float32)).tolist()
        return probabilities

    def serialize(self, data: float) -> bytes:
        """The answer to one request."""
        return self._encoder.encode({"probability": data})


class Batches(Scoring):
    """Scores the rows of one request."""

    resp_mime_type = "application/octet-stream"

    def deserialize(self, data: bytes) -> NDArray[np.float32]:
        """Rows [N, 10]."""
        try:
            return np.frombuffer(data, dtype="<f4").reshape(-1, FEATURES)
        except ValueError as error:
            raise DecodingError(str(error)) from error

    def forward(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows [N, 10] -> probabilities [N]."""
        return self._score(data)

    def serialize(self, data: NDArray[np.float32]) -> bytes:
        """The probabilities' bytes."""
        return data.astype("<f4", copy=False).tobytes()


if __name__ == "__main__":
    server = Server()
    server.append_worker(Singles, max_batch_size=MOST_REQUESTS, max_wait_time=LONGEST_WAIT_MS, route="/predict")
    server.append_worker(Batches, route="/batch_predict")
    server.run()
