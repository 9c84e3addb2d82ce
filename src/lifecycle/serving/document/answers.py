"""JSON Schemas of answers, the same for every model."""

from lifecycle.serving.document.schemas import TEXT, Schema, of_list, of_object, ref
from lifecycle.serving.protocols.v2_schema import OUTPUTS

FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
PREDICTION: Schema = {"enum": [0, 1], "description": "1: the score reaches the threshold"}
PROBABILITY: Schema = {**SHARE, "description": "calibrated probability of class 1"}
SCORE: Schema = {**SHARE, "description": "what the model gives; the threshold stands on it"}
ROW = {"prediction": PREDICTION, "probability": PROBABILITY, "score": SCORE}


def answers() -> dict[str, Schema]:
    """Return the schemas by name."""
    return {**_predictions(), **_tensors(), **_states()}


def _predictions() -> dict[str, Schema]:
    reason = of_object({"feature": TEXT, "contribution": {"type": "number", "exclusiveMinimum": 0}, "words": TEXT})
    decision: dict[str, Schema] = {
        "decision": {"enum": ["alert", "pass"]},
        "reasons": {"type": "array", "items": ref("Reason")},
    }
    about = {"threshold": {"type": "number"}, "model": TEXT, "version": TEXT, "request_id": TEXT}
    columns = {name: of_list(schema) for name, schema in ROW.items()}
    return {
        "OnePrediction": of_object({"prediction": PREDICTION, "probability": PROBABILITY}),
        "Prediction": of_object(ROW),
        "Predictions": of_object({"predictions": of_list(ref("Prediction"))}),
        "Columns": of_object({"outputs": of_object(columns)}),
        "Reason": reason,
        "Decision": of_object({**ROW, **decision}, ("reasons",)),
        "Decisions": of_object({"predictions": of_list(ref("Decision")), **about}),
        "Kept": of_object({"accepted": COUNT, "repeated": COUNT, "unknown": COUNT, "request_id": TEXT}),
        "Error": of_object({"error": TEXT, "kind": TEXT, "field": TEXT, "request_id": TEXT}, ("field",)),
    }


def _tensors() -> dict[str, Schema]:
    output = of_object(
        {"name": {"enum": list(OUTPUTS)}, "datatype": TEXT, "shape": of_list(COUNT), "data": of_list({})}
    )
    metadata = of_object({"name": TEXT, "datatype": TEXT, "shape": of_list({"const": -1}, 1)})
    described = {"name": TEXT, "versions": of_list(TEXT), "platform": TEXT}
    return {
        "Inferred": of_object({"model_name": TEXT, "model_version": TEXT, "id": TEXT, "outputs": of_list(output)}),
        "Metadata": of_object({**described, "inputs": of_list(metadata), "outputs": of_list(metadata)}),
    }


def _states() -> dict[str, Schema]:
    status = of_object({"error_code": TEXT, "error_message": TEXT})
    version = of_object({"version": TEXT, "state": TEXT, "status": status})
    return {
        "State": of_object({"name": TEXT, "ready": FLAG, "model_version_status": of_list(version)}),
        "Ready": of_object({"ready": FLAG}),
        "ModelReady": of_object({"name": TEXT, "ready": FLAG}),
        "ServiceReady": of_object({"ready": FLAG, "model": TEXT, "version": TEXT}),
        "Alive": of_object({"alive": {"const": True}}),
    }
