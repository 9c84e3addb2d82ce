"""POST /predict: one vector of features as in the tutorials, named rows with reasons in words, or instances.

`/predict` is also what Vertex AI's own tools choose for the path of `{"instances": [...], "parameters": {}}`.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from lifecycle.bundle.servable import Servable
from service.answers.kinds import kind_of
from service.http_messages import JSON, Reply, Request, json_reply
from service.inputs import faults
from service.inputs.row_forms import Records, Vector, from_floats, from_list, from_vectors, of_model
from service.protocol import CONFLICT, Answer, Endpoint, Examples, Inputs, Protocol
from service.protocols.json_body import Forms, parsed
from service.protocols.predictions import Decisions, OnePrediction, Predictions, free_form, scored_of
from service.protocols.vertex_ai import Instances, read
from service.refusal import Refusal
from service.settings import Settings

PATH = "/predict"


class OneVector(Struct, forbid_unknown_fields=True):
    """The features of one row, in the order of the training."""

    features: Vector


class _Floats(Struct, forbid_unknown_fields=True):
    features: list[float]


class NamedRows(Struct, forbid_unknown_fields=True):
    """Rows by name, and how many reasons each is to get."""

    records: Records
    reasons: Annotated[Any, of_model("Reasons")] = 0


FORMS = Forms(OneVector, NamedRows, Instances)
_floats = msgspec.json.Decoder(_Floats).decode


def decode(servable: Servable, request: Request, most: int) -> Inputs:
    """Read `{"features": [...]}`, `{"records": [{...}, ...], "reasons": 3}`, or what `vertex_ai` reads."""
    vector = quick_vector(request.body)
    if vector is not None and not servable.texts:
        return Inputs(from_floats(servable, vector), about=OneVector)
    match FORMS.read(parsed(request.body)):
        case OneVector(features=vector):
            if type(vector) is not list:
                raise faults.wrong_type("'features'", vector, "a list of numbers", "features")
            return Inputs(from_vectors(servable, [vector]), about=OneVector)
        case NamedRows(records=records, reasons=wanted):
            reasons = _reasons(wanted, servable.most_reasons)
            if type(records) is not list or not all(type(record) is dict for record in records):
                raise faults.wrong_type("'records'", records, "a list of objects", "records")
            return from_list(servable, records, most, "'records'")._replace(reasons=reasons)
        case instances:
            return read(servable, instances, most)._replace(about=Instances)


def quick_vector(body: bytes) -> list[float] | None:
    """Return the numbers of one vector; None when it is anything else, or needs words that say what is wrong."""
    if not body.startswith(b'{"features"') or body.count(b":") != 1:  # more: a name that stands twice
        return None
    try:
        return _floats(body).features
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer one vector with just a prediction and its probability, named rows with all there is to say."""
    if inputs.about is Instances:
        return free_form(servable, inputs, answer)
    kind, scored = kind_of(servable), scored_of(answer)
    if inputs.about is OneVector:
        return json_reply(kind.one(servable, scored))
    return json_reply(kind.decisions(servable, scored, answer.reasons, answer.request_id))


def _reasons(wanted: Any, most: int) -> int:
    if type(wanted) is not int and not (type(wanted) is float and wanted.is_integer()):
        raise faults.wrong_type("'reasons'", wanted, "a whole number", "reasons")
    if not 0 <= wanted <= most:
        limit = f"0 to {most}, the number of features" if most else "0: this kind of model has no exact contributions"
        raise Refusal(422, "out_of_range", f"'reasons' must be {limit}", "reasons")
    return int(wanted)


def examples(rows: Examples) -> dict[str, Any]:
    """Return a body of each form."""
    found: dict[str, Any] = {"one vector": {"features": rows.vector}}
    found["rows by name, with reasons"] = {"records": [rows.row], "reasons": rows.reasons}
    return found | ({} if rows.raw is None else {"raw transactions": {"records": [rows.raw]}})


def endpoints(settings: Settings) -> Sequence[Endpoint]:
    """Return the route."""
    return [
        Endpoint(
            method="POST", path=PATH, summary="Score one vector of features, or named rows with reasons",
            takes={JSON: [OneVector, NamedRows, Instances]}, answers={JSON: [OnePrediction, Decisions, Predictions]},
            examples=examples, refused=CONFLICT, decode=decode, encode=encode,
        )
    ]  # fmt: skip


PROTOCOL = Protocol("Predictions and events", endpoints)
