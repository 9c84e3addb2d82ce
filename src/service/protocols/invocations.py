"""MLflow and SageMaker: rows in JSON, CSV or JSON Lines at /invocations."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from lifecycle.bundle.servable import Servable
from service.answers.kinds import kind_of
from service.http_messages import JSON, Reply, Request
from service.inputs.csv_rows import from_csv, to_csv
from service.inputs.row_forms import Columns, Rows, Split, from_list, from_split
from service.protocol import CONFLICT, Answer, Endpoint, Examples, Inputs, Protocol
from service.protocols.health import TEXT, readiness
from service.protocols.json_body import Forms, NoParameters, no_parameters, parsed
from service.protocols.kserve_v1 import read_inputs
from service.protocols.predictions import Predictions, free_form, predictions, scored_of
from service.settings import Settings

CSV = b"text/csv"
JSON_LINES = b"application/jsonlines"


class DataframeSplit(Struct, forbid_unknown_fields=True):
    """A table."""

    dataframe_split: Split
    params: NoParameters = None


class DataframeRecords(Struct, forbid_unknown_fields=True):
    """Rows by name."""

    dataframe_records: Rows
    params: NoParameters = None


class InvokedInstances(Struct, forbid_unknown_fields=True):
    """Rows."""

    instances: Rows
    params: NoParameters = None


class InvokedInputs(Struct, forbid_unknown_fields=True):
    """A list of values for each name, or rows."""

    inputs: Columns
    params: NoParameters = None


FORMS = Forms(DataframeSplit, DataframeRecords, InvokedInstances, InvokedInputs)


def decode(servable: Servable, request: Request, most: int) -> Inputs:
    """Read rows; CSV is told by its content type, a list without a name is SageMaker's."""
    kind = request.headers.get(b"content-type", b"").strip().lower()
    if kind.startswith(CSV):
        inputs = from_csv(servable, request.body, most)
    elif kind.startswith(JSON_LINES):
        inputs = from_list(servable, json_lines(request.body, most), most, "the body")
    else:
        inputs = _from_json(servable, parsed(request.body), most)
    return inputs._replace(about=preferred(request.headers.get(b"accept", b"")))


def json_lines(body: bytes, most: int) -> list[Any]:
    """Return the rows of JSON Lines: a row in each, or an object that has it as `features`."""
    lines = body.rstrip().split(b"\n", most + 1)[: most + 1]
    rows = [parsed(line) for line in lines if body.strip()]
    return [row["features"] if type(row) is dict and row.keys() == {"features"} else row for row in rows]


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer with `predictions` in JSON, or with a line for each row where CSV or JSON Lines are asked for."""
    if inputs.about == CSV:
        return Reply(200, CSV, to_csv(kind_of(servable).cells(servable, scored_of(answer))))
    if inputs.about == JSON_LINES:
        return Reply(200, JSON_LINES, msgspec.json.Encoder().encode_lines(predictions(servable, answer)))
    return free_form(servable, inputs, answer)


def _from_json(servable: Servable, body: Any, most: int) -> Inputs:
    if type(body) is list:
        return from_list(servable, body, most, "the body")
    form = FORMS.read(body)
    no_parameters(form.params, "params")
    match form:
        case DataframeSplit(dataframe_split=table):
            return from_split(servable, table, most, "'dataframe_split'")
        case InvokedInputs(inputs=inputs):
            return read_inputs(servable, inputs, most)
        case DataframeRecords(dataframe_records=rows):
            return from_list(servable, rows, most, "'dataframe_records'")
    return from_list(servable, form.instances, most, "'instances'")


def preferred(accept: bytes) -> bytes:
    """Return the content type that an Accept header ranks first, JSON unless it says so; what it names first wins."""
    weights = dict.fromkeys((JSON, CSV, JSON_LINES), 0.0)
    for rank, part in enumerate(accept.lower().split(b",")):
        kind, *parameters = (piece.strip() for piece in part.split(b";"))
        if kind in weights:
            weights[kind] = _quality(parameters) - rank * 1e-6
    best = max(weights, key=lambda kind: weights[kind])
    return best if weights[best] > 0 else JSON


def _quality(parameters: list[bytes]) -> float:
    try:
        return next((float(each.removeprefix(b"q=")) for each in parameters if each.startswith(b"q=")), 1.0)
    except ValueError:
        return 0.0


def version(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Give the version of the bundle, as plain text."""
    return Reply(200, TEXT, servable.version.encode())


def examples(rows: Examples) -> dict[str, Any]:
    """Return a body of each form."""
    return {
        "a table": {"dataframe_split": {"columns": list(rows.row), "index": [0], "data": [rows.vector]}},
        "records": {"dataframe_records": [rows.row]},
        "instances": {"instances": [rows.vector]},
        "inputs": {"inputs": {name: [value] for name, value in rows.row.items()}},
        "a bare list": [rows.vector],
    }


def endpoints(settings: Settings) -> Sequence[Endpoint]:
    """Return the routes: both ask /ping whether to send requests here, MLflow /health and /version as well."""
    summary = "Score JSON, CSV or JSON Lines; Accept: text/csv asks for a line of values for each row"
    forms = [DataframeSplit, DataframeRecords, InvokedInstances, InvokedInputs, Rows]
    return [
        Endpoint(
            method="POST", path="/invocations", summary=summary, takes={JSON: forms, CSV: [], JSON_LINES: []},
            answers={JSON: [Predictions], CSV: [], JSON_LINES: []}, examples=examples, refused=CONFLICT, decode=decode,
            encode=encode,
        ),
        readiness("/ping"),
        readiness("/health"),
        Endpoint(
            method="GET", path="/version", summary="Version of the bundle", answers={TEXT: []}, encode=version,
            exempt=True,
        ),
    ]  # fmt: skip


PROTOCOL = Protocol("MLflow, SageMaker", endpoints)
