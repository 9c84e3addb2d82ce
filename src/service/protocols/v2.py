"""The Open Inference Protocol (V2): requests and answers."""

from functools import partial
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET

from lifecycle.bundle.servable import Servable
from service.inputs import faults
from service.inputs.decoded_rows import from_columns
from service.messages import JSON, Reply, Request
from service.protocol import Answer, Inputs, Protocol
from service.protocols.health import asked, check_model, check_path
from service.protocols.json_body import parsed
from service.protocols.row_answers import encoded, reply, scored_of
from service.protocols.v2_tensors import OUTPUTS, Infer, Output, columns_of
from service.refusal import Refusal

OCTETS = b"application/octet-stream"
MODEL = "/v2/models/{name}"
VERSION = f"{MODEL}/versions/{{version}}"
LENGTH = b"inference-header-content-length"


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


def routes(max_rows: int) -> tuple[Protocol, ...]:
    """Return the routes, with and without a version; the server's health is with the other questions of health."""
    infer = partial(decode, max_rows)
    return (
        Protocol("GET", "/v2", asked, server),
        *(Protocol("GET", path, asked, metadata) for path in (MODEL, VERSION)),
        *(Protocol("GET", f"{path}/ready", asked, ready) for path in (MODEL, VERSION)),
        *(Protocol("POST", f"{path}/infer", infer, encode, accepts=(JSON, OCTETS)) for path in (MODEL, VERSION)),
    )


def decode(max_rows: int, servable: Servable, request: Request) -> Inputs:
    """Read the tensors: one of shape [n] or [n, 1] for each feature, or `features` of shape [n, k]."""
    check_path(servable, request)
    wanted, blobs = read(request.body, request.headers.get(LENGTH))
    check_model(servable, wanted.model_name, wanted.model_version)
    return Inputs(from_columns(servable, columns_of(servable, wanted.inputs, blobs, max_rows)), about=wanted)


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer with the outputs that were asked for, in the form they were asked for."""
    wanted: Infer = inputs.about
    scored = scored_of(answer)
    arrays = {"prediction": scored.alert.astype("<i8"), "probability": scored.probability, "score": scored.score}
    outputs, blobs = [], []
    for name, binary in binary_wanted(wanted):
        array = arrays[name].astype(arrays[name].dtype.newbyteorder("<"), copy=False)
        output = {"name": name, "datatype": OUTPUTS[name], "shape": list(array.shape)}
        blobs += [array.tobytes()] if binary else []
        outputs.append(output | (_size(array) if binary else {"data": array.tolist()}))
    content = {"model_name": servable.name, "model_version": servable.version, "id": wanted.id or answer.request_id}
    if not blobs:
        return reply({**content, "outputs": outputs})
    head = encoded({**content, "outputs": outputs})
    return Reply(200, OCTETS, b"".join((head, *blobs)), ((LENGTH, b"%d" % len(head)),))


def server(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Name the server and the extensions it has."""
    return reply({"name": servable.name, "version": servable.version, "extensions": ["binary_tensor_data"]})


def metadata(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Describe the tensors: an input for each feature, and the outputs."""
    kinds = dict.fromkeys(servable.numbers, "FP64") | dict.fromkeys(servable.texts, "BYTES")
    tensors = [_tensor(name, kinds[name]) for name in servable.features]
    about = {"name": servable.name, "versions": [servable.version], "platform": "onnxruntime_onnx"}
    return reply({**about, "inputs": tensors, "outputs": [_tensor(name, kind) for name, kind in OUTPUTS.items()]})


def ready(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Say whether the model is ready: 200 or 503."""
    return reply({"name": servable.name, "ready": answer.ready}, 200 if answer.ready else 503)


def _tensor(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "datatype": kind, "shape": [-1]}


def _size(array: np.ndarray) -> dict[str, Any]:
    return {"parameters": {"binary_data_size": array.nbytes}}
