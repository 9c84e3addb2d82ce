"""An Open Inference Protocol request, and the binary tensors behind its JSON."""

import msgspec
from msgspec import UNSET

from lifecycle.serving.errors import Refusal
from lifecycle.serving.inputs import faults
from lifecycle.serving.protocols.json_text import parsed
from lifecycle.serving.protocols.v2_schema import OUTPUTS, Infer, Output

OCTETS = b"application/octet-stream"


def read(body: bytes, length: bytes | None) -> tuple[Infer, list[bytes | None]]:
    """Read a request and the binary part of each of its inputs, None where that is in JSON.

    Parameters
    ----------
    body : bytes
        Its JSON, and the binary tensors in the order of the inputs.
    length : bytes or None
        The header Inference-Header-Content-Length: how long the JSON is, when binary tensors follow.

    Raises
    ------
    Refusal
        400: no JSON, or lengths that contradict each other. 422: anything else that is not in the protocol.
    """
    head = len(body) if length is None else _length(length, len(body))
    try:
        infer = msgspec.convert(parsed(body[:head]), Infer, strict=True)
    except msgspec.ValidationError as error:
        raise Refusal(422, "wrong_type", f"the request: {str(error)[:200]}") from error
    binary_wanted(infer)
    blobs: list[bytes | None] = []
    for tensor in infer.inputs:
        size = tensor.parameters.binary_data_size if tensor.parameters else UNSET
        if (size is UNSET) == (tensor.data is UNSET):
            message = f"input {faults.short(tensor.name)} needs either 'data' or the parameter binary_data_size"
            raise Refusal(422, "missing_name", message)
        blobs.append(None if size is UNSET else body[head : head + size])
        head += 0 if size is UNSET else size
    if head != len(body):
        message = f"{len(body)} bytes came; the JSON and the inputs' binary_data_size say {head}"
        raise Refusal(400, "wrong_length", message)
    return infer, blobs


def binary_wanted(infer: Infer) -> list[tuple[str, bool]]:
    """Return the names of the outputs to give, each with whether it is to be binary.

    Raises
    ------
    Refusal
        422: an output that there is not, or one asked for twice.
    """
    default = bool(infer.parameters and infer.parameters.binary_data_output)
    asked = infer.outputs or [Output(name) for name in OUTPUTS]
    names = [output.name for output in asked]
    if not set(names) <= OUTPUTS.keys() or len(set(names)) != len(names):
        wrong = next(name for name in names if name not in OUTPUTS or names.count(name) > 1)
        message = f"output {faults.short(wrong)}: each of {faults.listed(OUTPUTS)} can be asked for once"
        raise Refusal(422, "unknown_name", message)
    own = [output.parameters.binary_data if output.parameters else None for output in asked]
    return [(name, default if binary is None else binary) for name, binary in zip(names, own, strict=True)]


def _length(said: bytes, body: int) -> int:
    if not said.isdigit() or len(said) > 15 or int(said) > body:
        raise Refusal(400, "wrong_length", "Inference-Header-Content-Length is no length within the body")
    return int(said)
