"""The Open Inference Protocol (V2): requests and answers."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from lifecycle.bundle.servable import Servable
from service.answers.answer_kind import TensorForm
from service.answers.kinds import kind_of
from service.http_messages import JSON, Reply, Request, encoded, json_reply
from service.inputs import faults
from service.inputs.row_forms import from_columns
from service.protocol import Answer, Endpoint, Examples, Inputs, Protocol
from service.protocols.health import about_model, alive, check_model, check_path, readiness
from service.protocols.json_body import converted, parsed
from service.protocols.predictions import scored_of
from service.protocols.tensors import Infer, Output, columns_of, packed
from service.refusal import Refusal
from service.settings import Settings

OCTETS = b"application/octet-stream"
MODEL = "/v2/models/{name}"
PATHS = (MODEL, f"{MODEL}/versions/{{version}}")
LENGTH = b"inference-header-content-length"
HEADERS = [
    {
        "name": "Inference-Header-Content-Length",
        "in": "header",
        "schema": {"type": "integer", "minimum": 1},
        "description": "bytes of JSON before binary tensors",
    }
]


class Live(Struct, forbid_unknown_fields=True):
    """The process answers."""

    live: Literal[True] = True


class ModelReady(Struct, forbid_unknown_fields=True):
    """Whether the model is ready."""

    name: str
    ready: bool


class Server(Struct, forbid_unknown_fields=True):
    """The server and the extensions it has."""

    name: str
    version: str
    extensions: list[str]


class ClassList(Struct, forbid_unknown_fields=True):
    """What classes are called, in the order of their codes."""

    classes: list[str]


class TensorKind(Struct, forbid_unknown_fields=True):
    """A tensor that is taken or given; one with a value for each class names these in `parameters`."""

    name: str
    datatype: str
    shape: list[int]
    parameters: ClassList | UnsetType = UNSET


class Metadata(Struct, forbid_unknown_fields=True):
    """The tensors of the model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorKind]
    outputs: list[TensorKind]


class Size(Struct, forbid_unknown_fields=True):
    """How much of the binary part is a tensor's."""

    binary_data_size: int


class OutputTensor(Struct, forbid_unknown_fields=True):
    """An output: its values in JSON, or behind it."""

    name: str
    datatype: str
    shape: list[int]
    data: list[int | float | str] | UnsetType = UNSET
    parameters: Size | UnsetType = UNSET


class Inferred(Struct, forbid_unknown_fields=True):
    """The answer."""

    model_name: str
    model_version: str
    id: str
    outputs: Annotated[list[OutputTensor], Meta(min_length=1)]


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
    infer = converted(parsed(body[:head]), Infer)
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


def binary_wanted(infer: Infer, known: Mapping[str, TensorForm]) -> list[tuple[str, bool]]:
    """Return the names of the outputs to give, each with whether it is to be binary; `known` are those of the model.

    Raises
    ------
    Refusal
        422: an output that there is not, or one asked for twice.
    """
    default = bool(infer.parameters and infer.parameters.binary_data_output)
    asked = infer.outputs or [Output(name) for name in known]
    names = [output.name for output in asked]
    if not set(names) <= known.keys() or len(set(names)) != len(names):
        wrong = next(name for name in names if name not in known or names.count(name) > 1)
        message = f"output {faults.short(wrong)}: each of {faults.listed(known)} can be asked for once"
        raise Refusal(422, "unknown_name", message)
    own = [output.parameters.binary_data if output.parameters else None for output in asked]
    return [(name, default if binary is None else binary) for name, binary in zip(names, own, strict=True)]


def _length(said: bytes, body: int) -> int:
    if not said.isdigit() or len(said) > 15 or int(said) > body:
        raise Refusal(400, "wrong_length", "Inference-Header-Content-Length is no length within the body")
    return int(said)


def decode(servable: Servable, request: Request, most: int) -> Inputs:
    """Read the tensors: one of shape [n] or [n, 1] for each feature, or `features` of shape [n, k]."""
    check_path(servable, request)
    wanted, blobs = read(request.body, request.headers.get(LENGTH))
    binary_wanted(wanted, kind_of(servable).tensors(servable))
    check_model(servable, wanted.model_name, wanted.model_version)
    pinned = "version" in request.parameters or wanted.model_version is not None
    return Inputs(from_columns(servable, columns_of(servable, wanted.inputs, blobs, most)), about=wanted, pinned=pinned)


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer with the outputs that were asked for, in the form they were asked for."""
    wanted: Infer = inputs.about
    kind = kind_of(servable)
    forms, arrays = kind.tensors(servable), kind.arrays(servable, scored_of(answer))
    outputs, blobs = [], []
    for name, binary in binary_wanted(wanted, forms):
        output = OutputTensor(name, forms[name].datatype, list(arrays[name].shape))
        if binary:
            blobs.append(packed(arrays[name]))
            output.parameters = Size(len(blobs[-1]))
        else:
            output.data = arrays[name].ravel().tolist()
        outputs.append(output)
    content = Inferred(servable.name, servable.version, wanted.id or answer.request_id, outputs)
    if not blobs:
        return json_reply(content)
    head = encoded(content)
    return Reply(200, OCTETS, b"".join((head, *blobs)), ((LENGTH, b"%d" % len(head)),))


def server(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Name the server and the extensions it has."""
    return json_reply(Server(servable.name, servable.version, ["binary_tensor_data"]))


def metadata(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Describe the tensors: an input for each feature, and the outputs."""
    kinds = dict.fromkeys(servable.numbers, "FP64") | dict.fromkeys(servable.texts, "BYTES")
    taken = [TensorKind(name, kinds[name], [-1]) for name in servable.features]
    given = []
    for name, form in kind_of(servable).tensors(servable).items():
        given.append(TensorKind(name, form.datatype, [-1, *form.shape]))
        if form.shape:
            given[-1].parameters = ClassList(servable.class_names)
    return json_reply(Metadata(servable.name, [servable.version], "onnxruntime_onnx", taken, given))


def ready(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Say whether the model is ready: 200 or 503."""
    return json_reply(ModelReady(servable.name, answer.ready), 200 if answer.ready else 503)


def examples(rows: Examples) -> dict[str, Any]:
    """Return a body with a tensor for each feature, and one with a single tensor where all are numbers."""
    each = [_tensor(name, [1], [value]) for name, value in rows.row.items()]
    found = {"a tensor for each feature": {"id": "42", "inputs": each, "outputs": [{"name": "score"}]}}
    if all(type(value) is not str for value in rows.vector):
        found["one tensor"] = {"inputs": [_tensor("features", [1, len(rows.vector)], rows.vector)]}
    return found


def _tensor(name: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": "BYTES" if type(data[0]) is str else "FP64", "data": data}


def endpoints(settings: Settings) -> Sequence[Endpoint]:
    """Return the routes, with and without a version."""
    found = [
        Endpoint(
            method="GET", path="/v2", summary="Name of the server and its extensions", answers={JSON: [Server]},
            encode=server,
        ),
        alive("/v2/health/live", Live),
        readiness("/v2/health/ready"),
    ]  # fmt: skip
    for path in PATHS:
        found += [
            Endpoint(
                method="GET", path=path, summary="Names and types of the tensors", answers={JSON: [Metadata]},
                decode=about_model, encode=metadata,
            ),
            Endpoint(
                method="GET", path=f"{path}/ready", summary="Whether the model is ready", answers={JSON: [ModelReady]},
                unready=ModelReady, decode=about_model, encode=ready,
            ),
            Endpoint(
                method="POST", path=f"{path}/infer", summary="Score tensors", takes={JSON: [Infer], OCTETS: []},
                answers={JSON: [Inferred], OCTETS: []}, examples=examples, headers=HEADERS, decode=decode,
                encode=encode,
            ),
        ]  # fmt: skip
    return found


PROTOCOL = Protocol("Open Inference Protocol (V2)", endpoints)
