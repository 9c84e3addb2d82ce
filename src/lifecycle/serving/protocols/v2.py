"""The Open Inference Protocol (KServe V2): tensors in JSON, or behind it in binary."""

from functools import partial
from typing import Any

import numpy as np

from lifecycle.model.servable import Servable
from lifecycle.serving.inputs.decoded import from_columns
from lifecycle.serving.messages import JSON, Answer, Inputs, Protocol, Reply, Request
from lifecycle.serving.protocols.answers import encoded, reply, scored_of
from lifecycle.serving.protocols.model import asked, check_model, check_path
from lifecycle.serving.protocols.v2_request import OCTETS, binary_wanted, read
from lifecycle.serving.protocols.v2_schema import OUTPUTS, Infer
from lifecycle.serving.protocols.v2_tensors import columns_of

MODEL = "/v2/models/{name}"
VERSION = f"{MODEL}/versions/{{version}}"
LENGTH = b"inference-header-content-length"


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
