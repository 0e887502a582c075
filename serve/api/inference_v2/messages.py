"""The JSON part of an inference request, as the protocol's section "Inference Request JSON Object" has it.

Parameters that are not ours (priorities, timeouts, sequences) are let pass, as the protocol asks.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

INPUT: Final = "features"
"""The input that holds all ten features; as in `model.onnx`."""
OUTPUT: Final = "probability"
"""The only output; as in `model.onnx`."""

Size = Annotated[int, msgspec.Meta(ge=0)]
Datatype = Literal["FP32", "FP64", "INT32", "INT64", "BYTES"]


class InputParameters(msgspec.Struct, frozen=True):
    """How an input travels: in the JSON when `binary_data_size` is not set."""

    binary_data_size: Size | UnsetType = UNSET


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input tensor; `data` is read when its type is known."""

    name: str
    shape: list[Size]
    datatype: Datatype
    parameters: InputParameters = InputParameters()
    data: msgspec.Raw | UnsetType = UNSET


class OutputParameters(msgspec.Struct, frozen=True):
    """How an output is wanted; Triton's `classification` would change what it is."""

    binary_data: bool | UnsetType = UNSET
    classification: msgspec.Raw | UnsetType = UNSET


class RequestedOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One output that is asked for."""

    name: Literal["probability"]
    parameters: OutputParameters = OutputParameters()


class RequestParameters(msgspec.Struct, frozen=True):
    """`binary_data_output` is what holds for outputs that do not say `binary_data`."""

    binary_data_output: bool = False


class InferenceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole JSON object."""

    inputs: list[Input]
    id: str | UnsetType = UNSET
    parameters: RequestParameters = RequestParameters()
    outputs: list[RequestedOutput] = []

    @property
    def binary_output(self) -> bool:
        """Whether the answer's tensor follows the JSON as bytes."""
        wanted = self.outputs[0].parameters.binary_data if self.outputs else UNSET
        return self.parameters.binary_data_output if wanted is UNSET else wanted
