"""What a request of the Open Inference Protocol may hold; anything else in it is refused."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

OUTPUTS = {"prediction": "INT64", "probability": "FP64", "score": "FP64"}
Whole = Annotated[int, Meta(ge=0, le=2**53)]


class InputParameters(Struct, forbid_unknown_fields=True):
    """Of a tensor: its size in the binary part. MLServer adds `content_type`, which the type says too."""

    binary_data_size: Whole | UnsetType = UNSET
    content_type: str | None = None


class Tensor(Struct, forbid_unknown_fields=True):
    """An input."""

    name: str
    shape: Annotated[list[Whole], Meta(min_length=1, max_length=2)]
    datatype: str
    parameters: InputParameters | None = None
    data: list[Any] | UnsetType = UNSET


class OutputParameters(Struct, forbid_unknown_fields=True):
    """Of an output that is asked for."""

    binary_data: bool | None = None


class Output(Struct, forbid_unknown_fields=True):
    """An output that is asked for."""

    name: str
    parameters: OutputParameters | None = None


class Parameters(Struct, forbid_unknown_fields=True):
    """Of a request. Triton's clients may say how urgent it is: all are answered as soon as possible."""

    binary_data_output: bool | None = None
    content_type: str | None = None
    priority: Whole | None = None
    timeout: Whole | None = None


class Infer(Struct, forbid_unknown_fields=True):
    """A request. KServe's client repeats the model's name in it."""

    inputs: Annotated[list[Tensor], Meta(min_length=1)]
    id: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    parameters: Parameters | None = None
    outputs: list[Output] | None = None
