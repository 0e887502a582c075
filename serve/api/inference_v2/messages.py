"""The JSON part of an inference request, as the protocol's section "Inference Request JSON Object" has it.

Parameters that are not ours (priorities, timeouts, sequences) are let pass, as the protocol asks. What may be left out
may be null too, and the model be named once more beside the inputs, which the address decides: so KServe's client
writes it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType

INPUT: Final = "features"
"""The input that holds all features; as in `model.onnx`."""
OUTPUT: Final = "probability"
"""The output that is given unasked; as in `model.onnx`."""
ATTRIBUTIONS: Final = "attributions"
"""The effect of every feature of every row, [N, features], for who asks; its parameter `base` and a row's sum are the
log-odds of the row."""

Size = Annotated[int, msgspec.Meta(ge=0)]
Datatype = Literal[
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
    "BYTES",
]
DATATYPES: Final[tuple[str, ...]] = get_args(Datatype)


class InputParameters(msgspec.Struct, frozen=True):
    """How an input travels: in the JSON when `binary_data_size` is not set."""

    binary_data_size: Size | UnsetType | None = UNSET


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input tensor; `data` is read when its type is known."""

    name: str
    shape: list[Size]
    datatype: Datatype
    parameters: InputParameters | UnsetType | None = UNSET
    data: msgspec.Raw | UnsetType = UNSET

    @property
    def binary_size(self) -> int | None:
        """How many bytes it has behind the JSON; None when it is in the JSON."""
        size = self.parameters.binary_data_size if self.parameters else None
        return size if isinstance(size, int) else None


class OutputParameters(msgspec.Struct, frozen=True):
    """How an output is wanted; Triton's `classification` would change what it is."""

    binary_data: bool | UnsetType | None = UNSET
    classification: msgspec.Raw | UnsetType = UNSET


class RequestedOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One output that is asked for."""

    name: Literal["probability", "attributions"]
    parameters: OutputParameters | UnsetType | None = UNSET


_UNASKED: Final = (RequestedOutput(OUTPUT),)


class RequestParameters(msgspec.Struct, frozen=True):
    """`binary_data_output` is what holds for outputs that do not say `binary_data`."""

    binary_data_output: bool | UnsetType | None = UNSET


class InferenceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole JSON object."""

    inputs: list[Input]
    id: str | UnsetType | None = UNSET
    model_name: str | UnsetType | None = UNSET
    model_version: str | UnsetType | None = UNSET
    parameters: RequestParameters | UnsetType | None = UNSET
    outputs: list[RequestedOutput] | UnsetType | None = UNSET

    @property
    def wanted(self) -> tuple[RequestedOutput, ...]:
        """The outputs that are asked for."""
        return tuple(self.outputs) if self.outputs else _UNASKED

    @property
    def wants_attributions(self) -> bool:
        """Whether they are among them."""
        return bool(self.outputs) and any(output.name == ATTRIBUTIONS for output in self.wanted)

    def is_binary(self, output: RequestedOutput) -> bool:
        """Whether that output's tensor follows the JSON as bytes."""
        wanted = output.parameters.binary_data if output.parameters else None
        if isinstance(wanted, bool):
            return wanted
        return bool(self.parameters and self.parameters.binary_data_output)


class RepositoryIndexRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `/v2/repository/index`; models that are not ready are never here."""

    ready: bool | UnsetType | None = UNSET


def members_of(message: msgspec.Struct) -> int:
    """How many members a message and the messages in it were given."""
    values = [value for name in message.__struct_fields__ if (value := getattr(message, name)) is not UNSET]
    return len(values) + sum(map(_members_in, values))


def _members_in(value: Any) -> int:
    inner = value if isinstance(value, list) else [value]
    return sum(members_of(message) for message in inner if isinstance(message, msgspec.Struct))
