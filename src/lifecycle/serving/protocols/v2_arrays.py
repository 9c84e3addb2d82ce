"""The values of one tensor of the Open Inference Protocol, out of JSON or out of binary."""

import struct
from itertools import chain
from typing import Any

import numpy as np
from msgspec import UNSET

from lifecycle.serving.errors import Refusal
from lifecycle.serving.inputs import faults
from lifecycle.serving.protocols.v2_schema import Tensor

BITS = (8, 16, 32, 64)
WHOLE: dict[str, np.dtype[Any]] = {f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in BITS}
WHOLE |= {f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in BITS}
REAL: dict[str, np.dtype[Any]] = {"FP16": np.dtype("<f2"), "FP32": np.dtype("<f4"), "FP64": np.dtype("<f8")}
TYPES = WHOLE | REAL


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
