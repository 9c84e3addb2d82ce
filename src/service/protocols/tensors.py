"""Tensors of the Open Inference Protocol: as arrays, as columns of rows, and their metadata."""

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from lifecycle.bundle.servable import Servable
from service.inputs import faults
from service.inputs.row_forms import check_rows, of_model
from service.refusal import Refusal

Whole = Annotated[int, Meta(ge=0, le=2**53)]
BITS = (8, 16, 32, 64)
WHOLE: dict[str, np.dtype[Any]] = {f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in BITS}
WHOLE |= {f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in BITS}
REAL: dict[str, np.dtype[Any]] = {"FP16": np.dtype("<f2"), "FP32": np.dtype("<f4"), "FP64": np.dtype("<f8")}
TYPES = WHOLE | REAL
MATRIX = "features"


class InputParameters(Struct, forbid_unknown_fields=True):
    """What is said of a tensor: its size in the binary part. MLServer adds `content_type`, which the type says too."""

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
    """How an output is to be given."""

    binary_data: bool | None = None


class Output(Struct, forbid_unknown_fields=True):
    """An output that is asked for."""

    name: Annotated[str, of_model("OutputName")]
    parameters: OutputParameters | None = None


class Parameters(Struct, forbid_unknown_fields=True):
    """What is said of a request. Triton's clients may say how urgent it is: all are answered as soon as possible."""

    binary_data_output: bool | None = None
    content_type: str | None = None
    priority: Whole | None = None
    timeout: Whole | None = None


class Infer(Struct, forbid_unknown_fields=True):
    """A request. KServe's client repeats the model's name in it."""

    inputs: Annotated[list[Tensor], Meta(min_length=1), of_model("Tensors")]
    id: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    parameters: Parameters | None = None
    outputs: list[Output] | None = None


def array_of(tensor: Tensor, blob: bytes | None, text: bool) -> np.ndarray:
    """Return the values of a tensor, flat: float64, NaN where missing, or objects for text.

    Parameters
    ----------
    tensor : Tensor
        Its shape is one that was checked.
    blob : bytes or None
        Its values in binary; None: they are in its `data`.
    text : bool
        Whether the feature is text.

    Raises
    ------
    Refusal
        422.
    """
    if (tensor.datatype == "BYTES") != text or (not text and tensor.datatype not in TYPES):
        wanted = "BYTES" if text else f"one of {', '.join(TYPES)}"
        message = f"input {tensor.name!r} has datatype {faults.short(tensor.datatype)}; expected {wanted}"
        raise Refusal(422, "wrong_type", message, tensor.name)
    count = int(np.prod(tensor.shape, dtype=object))
    values = _flat(tensor) if blob is None else _unpacked(tensor, blob, count)
    if len(values) != count:
        message = f"input {tensor.name!r} has {len(values)} values; its shape {tensor.shape} says {count}"
        raise Refusal(422, "wrong_width", message, tensor.name)
    if isinstance(values, np.ndarray):
        return values.astype(np.float64)
    return _objects(values) if text else _numbers(tensor, values)


def _flat(tensor: Tensor) -> list[Any]:
    """Return the values of a tensor in JSON, which may be nested as its shape is."""
    data = [] if tensor.data is UNSET else tensor.data
    if not any(type(value) is list for value in data):
        return data
    rows, width = (*tensor.shape, 0)[:2]
    if len(data) != rows or not all(type(row) is list and len(row) == width for row in data):
        message = f"input {tensor.name!r}: 'data' is neither flat nor nested as its shape {tensor.shape} says"
        raise Refusal(422, "wrong_width", message, tensor.name)
    return list(chain.from_iterable(data))


def _numbers(tensor: Tensor, values: list[Any]) -> np.ndarray:
    real = tensor.datatype in REAL
    legal = {int, float, type(None)} if real else {int}
    if not legal.issuperset(map(type, values)):
        row, value = next((i, value) for i, value in enumerate(values) if type(value) not in legal)
        place = f"row {row // max(1, len(values) // tensor.shape[0])}: {tensor.name!r}"
        raise faults.wrong_type(place, value, "a number" if real else "a whole number", tensor.name)
    try:
        return np.array(values, np.float64 if real else TYPES[tensor.datatype]).astype(np.float64)
    except OverflowError:
        message = f"input {tensor.name!r} holds a number that {tensor.datatype} does not hold"
        raise Refusal(422, "out_of_range", message, tensor.name) from None


def _objects(values: list[Any]) -> np.ndarray:
    found = np.empty(len(values), object)
    found[:] = values
    return found


def _unpacked(tensor: Tensor, blob: bytes, count: int) -> Any:
    """Return the values of a binary tensor: an array, or for BYTES a list of texts, each behind its length."""
    if tensor.datatype != "BYTES":
        dtype = TYPES[tensor.datatype]
        if len(blob) != count * dtype.itemsize:
            size = f"{tensor.datatype} of shape {tensor.shape} takes {count * dtype.itemsize}"
            message = f"input {tensor.name!r} has {len(blob)} bytes; {size}"
            raise Refusal(422, "wrong_width", message, tensor.name)
        return np.frombuffer(blob, dtype)
    values, at = [], 0
    try:
        while at < len(blob):
            (length,) = struct.unpack_from("<I", blob, at)
            values.append(blob[at + 4 : at + 4 + length].decode())
            at += 4 + length
    except (struct.error, UnicodeDecodeError):
        at = -1
    if at != len(blob):
        raise Refusal(
            422, "wrong_type", f"input {tensor.name!r}: no texts in UTF-8, each behind its length", tensor.name
        )
    return values


def packed(array: np.ndarray) -> bytes:
    """Return the values of a tensor in binary, the reverse of what `array_of` reads."""
    if array.dtype == object:
        texts = [text.encode() for text in array.tolist()]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def columns_of(
    servable: Servable, tensors: Sequence[Tensor], blobs: Sequence[bytes | None], most: int
) -> dict[str, np.ndarray]:
    """Return an array for each feature, float64 or objects, all of the same length.

    Raises
    ------
    Refusal
        413, 422.
    """
    names = [tensor.name for tensor in tensors]
    whole = names == [MATRIX] and MATRIX not in servable.features and not servable.texts
    if not whole:
        _check_names(servable, names)
    check_rows(tensors[0].shape[0], most)
    width = len(servable.features) if whole else 1
    for tensor in tensors:
        _check_shape(tensor, tensors[0].shape[0], width, whole)
    arrays = [array_of(each, blob, each.name in servable.texts) for each, blob in zip(tensors, blobs, strict=True)]
    if whole:
        return dict(zip(servable.features, arrays[0].reshape(-1, width).T, strict=True))
    return dict(zip(names, arrays, strict=True))


def _check_names(servable: Servable, names: list[str]) -> None:
    advice = "" if servable.texts else f", or one tensor {MATRIX!r} of shape [n, {len(servable.features)}]"
    faults.check_names("the inputs", dict.fromkeys(names), servable.features, advice=advice)
    if len(set(names)) != len(names):
        raise Refusal(422, "duplicate_name", "the inputs have a name twice")


def _check_shape(tensor: Tensor, rows: int, width: int, whole: bool) -> None:
    legal = [[rows, width]] if whole else [[rows], [rows, 1]]
    if tensor.shape not in legal:
        wanted = " or ".join(map(str, legal))
        raise Refusal(
            422, "wrong_width", f"input {tensor.name!r} has shape {tensor.shape}; expected {wanted}", tensor.name
        )
