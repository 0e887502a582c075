"""The JSON part of an inference request, as the protocol's section "Inference Request JSON Object" has it.

Unknown parameters (priorities, timeouts, sequences) are ignored, as the protocol requires. Optional members may be
null, and the model may be named again beside the inputs (the address decides), since KServe's client sends both.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType

INPUT: Final = "features"
"""The input that holds all features; as in `model.onnx`."""
OUTPUT: Final = "probability"
"""The default output; named as in `model.onnx`."""
ATTRIBUTIONS: Final = "attributions"
"""The optional output: the effect of every feature of every row, [N, features]. Its parameter `base` plus a row's sum
is the row's log-odds.
"""

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
    """The encoding of an input: in the JSON if `binary_data_size` is not set."""

    binary_data_size: Size | UnsetType | None = UNSET


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input tensor; `data` is decoded once its type is known."""

    name: str
    shape: list[Size]
    datatype: Datatype
    parameters: InputParameters | UnsetType | None = UNSET
    data: msgspec.Raw | UnsetType = UNSET

    @property
    def binary_size(self) -> int | None:
        """Its length in bytes after the JSON; None if it is in the JSON."""
        size = self.parameters.binary_data_size if self.parameters else None
        return size if isinstance(size, int) else None


class OutputParameters(msgspec.Struct, frozen=True):
    """Requested encoding of an output; Triton's `classification` would change its meaning."""

    binary_data: bool | UnsetType | None = UNSET
    classification: msgspec.Raw | UnsetType = UNSET


class RequestedOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One requested output."""

    name: Literal["probability", "attributions"]
    parameters: OutputParameters | UnsetType | None = UNSET


_UNASKED: Final = (RequestedOutput(OUTPUT),)


class RequestParameters(msgspec.Struct, frozen=True):
    """`binary_data_output` is the default for outputs without `binary_data`."""

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
        """The names of the requested outputs."""
        return tuple(self.outputs) if self.outputs else _UNASKED

    @property
    def wants_attributions(self) -> bool:
        """Whether the attributions are requested."""
        return bool(self.outputs) and any(output.name == ATTRIBUTIONS for output in self.wanted)

    def is_binary(self, output: RequestedOutput) -> bool:
        """Whether the output's tensor follows the JSON in binary."""
        wanted = output.parameters.binary_data if output.parameters else None
        if isinstance(wanted, bool):
            return wanted
        return bool(self.parameters and self.parameters.binary_data_output)


class RepositoryIndexRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `/v2/repository/index`; models that are not ready are never listed."""

    ready: bool | UnsetType | None = UNSET


def members_of(message: msgspec.Struct) -> int:
    """The number of members that a message and its nested messages had in the JSON."""
    values = [value for name in message.__struct_fields__ if (value := getattr(message, name)) is not UNSET]
    return len(values) + sum(map(_members_in, values))


def _members_in(value: Any) -> int:
    inner = value if isinstance(value, list) else [value]
    return sum(members_of(message) for message in inner if isinstance(message, msgspec.Struct))
