"""JSON Schemas of requests, for one model."""

from lifecycle.model.servable import Servable
from lifecycle.serving.document.row_schemas import (
    feature,
    features,
    keeps_history,
    label,
    takes_transactions,
    transaction,
    vector,
)
from lifecycle.serving.document.schemas import TEXT, Schema, any_of, of_list, of_object, ref
from lifecycle.serving.document.tensors import infer
from lifecycle.serving.settings import Settings

NO_PARAMETERS: Schema = {"type": ["object", "null"], "maxProperties": 0, "description": "the model takes none"}


def bodies(servable: Servable, settings: Settings) -> dict[str, Schema]:
    """Return the schemas by name."""
    most = settings.max_rows
    named = [ref("Features"), *([ref("Transaction")] if takes_transactions(servable, settings) else [])]
    raw = {"Transaction": transaction(servable), "Label": label(servable)} if len(named) > 1 else {}
    records = any_of(*(of_list(each, most) for each in named))
    event = any_of(ref("Transaction"), of_object({"label": ref("Label")}))
    reasons = {"type": "integer", "minimum": 0, "maximum": len(servable.features), "description": "for each row"}
    found = {
        "Vector": vector(servable),
        "Features": features(servable),
        **raw,
        "Rows": any_of(of_list(ref("Vector"), most), *records.get("anyOf", [records])),
        "Predict": any_of(
            of_object({"features": ref("Vector")}),
            of_object({"records": records, "reasons": reasons}, ("reasons",)),
            ref("Vertex"),
        ),
        **_columns(servable, most, len(named) > 1),
        **_platforms(),
        "Infer": infer(servable, most),
    }
    if settings.store != "none" and keeps_history(servable):
        found["Events"] = of_object({"events": of_list(event, most)})
    return found


def _columns(servable: Servable, most: int, transactions: bool) -> dict[str, Schema]:
    """Return the forms that name columns: JSON Schema can't say that all are of one length."""
    named = of_object({name: of_list(feature(servable, name), most) for name in servable.features})
    raw = transaction(servable)
    raw["properties"] = {name: of_list(each, most) for name, each in raw["properties"].items()}
    return {
        "Named": any_of(named, *([raw] if transactions else [])),
        "Split": of_object(
            {
                "columns": {"type": ["array", "null"], "items": TEXT, "minItems": 1, "uniqueItems": True},
                "index": {"description": "has no say"},
                "data": of_list({"type": "array"}, most),
            },
            ("columns", "index"),
            description="`data` has a value for each of `columns`; without these for each feature, in order",
        ),
    }


def _platforms() -> dict[str, Schema]:
    rows, named, split = ref("Rows"), ref("Named"), ref("Split")
    inputs = any_of(named, rows)
    signature = {"signature_name": TEXT}
    parameters, free = {"parameters": NO_PARAMETERS}, {"params": NO_PARAMETERS}
    return {
        "Instances": any_of(
            of_object({"instances": rows, **signature}, ("signature_name",)),
            of_object({"inputs": inputs, **signature}, ("signature_name",)),
        ),
        "Invocations": any_of(
            of_object({"dataframe_split": split, **free}, ("params",)),
            of_object({"dataframe_records": rows, **free}, ("params",)),
            of_object({"instances": rows, **free}, ("params",)),
            of_object({"inputs": inputs, **free}, ("params",)),
            rows,
        ),
        "Vertex": of_object({"instances": rows, **parameters}, ("parameters",)),
        "Score": any_of(
            of_object({"data": rows, **free}, ("params",)),
            of_object({"input_data": any_of(rows, split), **free}, ("params",)),
        ),
    }
