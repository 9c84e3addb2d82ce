"""POST /predict: one vector of features as in the tutorials, named rows with reasons in words, or instances.

`/predict` is also what Vertex AI's own tools choose for the path of `{"instances": [...], "parameters": {}}`.
"""

from functools import partial
from typing import Any

from lifecycle.bundle.servable import Servable
from service.inputs import faults
from service.inputs.decoded_rows import from_vectors
from service.messages import Reply, Request
from service.protocol import Answer, Inputs, Protocol
from service.protocols import platforms
from service.protocols.json_body import document, one_of
from service.protocols.row_answers import free_form, from_list, predictions, reply, scored_of
from service.refusal import Refusal

PATH = "/predict"
ONE_VECTOR, INSTANCES = "features", "instances"
DECISIONS = ("pass", "alert")


def routes(max_rows: int) -> tuple[Protocol, ...]:
    """Return the route."""
    return (Protocol("POST", PATH, partial(decode, max_rows), encode),)


def decode(max_rows: int, servable: Servable, request: Request) -> Inputs:
    """Read `{"features": [...]}`, `{"records": [{...}, ...], "reasons": 3}`, or what `vertex` reads."""
    body = document(request)
    form = one_of(body, ("features", "records", INSTANCES), ("reasons", "parameters"))
    if form == INSTANCES:
        return platforms.read(servable, body, max_rows)._replace(about=INSTANCES)
    if "parameters" in body:
        raise Refusal(422, "unknown_name", "'parameters' belong to 'instances'", "parameters")
    if form == ONE_VECTOR:
        if len(body) > 1:
            raise Refusal(422, "unknown_name", "reasons are given for 'records', not for 'features'", "reasons")
        if type(body["features"]) is not list:
            raise faults.wrong_type("'features'", body["features"], "a list of numbers", "features")
        return Inputs(from_vectors(servable, [body["features"]]), about=ONE_VECTOR)
    reasons = _reasons(body.get("reasons", 0), servable.most_reasons)
    if type(body["records"]) is not list or not all(type(record) is dict for record in body["records"]):
        raise faults.wrong_type("'records'", body["records"], "a list of objects", "records")
    return from_list(servable, body["records"], max_rows, "'records'")._replace(reasons=reasons)


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer one vector with just a prediction and its probability, named rows with all there is to say."""
    if inputs.about is INSTANCES:
        return free_form(answer)
    scored = scored_of(answer)
    if inputs.about is ONE_VECTOR:
        return reply({"prediction": int(scored.alert[0]), "probability": float(scored.probability[0])})
    rows = [_row(row) for row in predictions(scored)]
    for row, reasons in zip(rows, answer.reasons or (), strict=bool(answer.reasons)):
        row["reasons"] = [reason._asdict() for reason in reasons]
    about = {"threshold": servable.threshold, "model": servable.name, "version": servable.version}
    return reply({"predictions": rows, **about, "request_id": answer.request_id})


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {"prediction": row["prediction"], "decision": DECISIONS[row["prediction"]], **row}


def _reasons(wanted: Any, most: int) -> int:
    if type(wanted) is not int and not (type(wanted) is float and wanted.is_integer()):
        raise faults.wrong_type("'reasons'", wanted, "a whole number", "reasons")
    if not 0 <= wanted <= most:
        limit = f"0 to {most}, the number of features" if most else "0: this kind of model has no exact contributions"
        raise Refusal(422, "out_of_range", f"'reasons' must be {limit}", "reasons")
    return int(wanted)
