"""JSON Schemas of one model's rows, as the service checks them."""

from collections.abc import Mapping
from typing import Any

from lifecycle.features.vocabulary import Window
from lifecycle.limits import FLOAT32
from lifecycle.model.servable import Servable
from lifecycle.serving.document.schemas import Schema, of_object
from lifecycle.serving.inputs.columns import CHARACTERS
from lifecycle.serving.inputs.times import pattern
from lifecycle.serving.inputs.transactions import contract_of
from lifecycle.serving.settings import Settings

INT64 = (-(2**63), 2**63 - 1)
PLACE: Mapping[str, str] = {"integer": "integer", "number": "number", "text": "string", "timestamp": "string"}


def takes_transactions(servable: Servable, settings: Settings) -> bool:
    """Tell whether features can be made from raw transactions: there is a store, or no feature needs history."""
    return settings.store != "none" or not keeps_history(servable)


def keeps_history(servable: Servable) -> bool:
    """Tell whether a feature needs what was before."""
    return any(isinstance(feature, Window) for feature in servable.declaration)


def feature(servable: Servable, name: str) -> Schema:
    """Return the schema of a feature's value."""
    about: Mapping[str, Any] = next((c for c in servable.contract["columns"] if c["name"] == name), {})
    unit = f" [{about['unit']}]" if about.get("unit") else ""
    kind = "string" if name in servable.texts else "number"
    limits = {"pattern": CHARACTERS} if kind == "string" else {"minimum": -FLOAT32, "maximum": FLOAT32}
    found = {"title": name, "type": [kind, "null"] if name in servable.missing else kind, **limits}
    return {**found, "description": f"{about['definition']}{unit}"} if about else found


def vector(servable: Servable) -> Schema:
    """Return the schema of all features as a list, in the order of the training."""
    items = [feature(servable, name) for name in servable.features]
    order = f"All features in this order: {', '.join(servable.features)}."
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items), "description": order}


def features(servable: Servable) -> Schema:
    """Return the schema of all features by name."""
    return of_object({name: feature(servable, name) for name in servable.features})


def column(about: Mapping[str, Any], nullable: bool) -> Schema:
    """Return the schema of a column of the data contract."""
    kind = about["type"]
    found: Schema = {"type": PLACE[kind], "description": about.get("unit", "")}
    if kind == "timestamp":
        year = int(str(about.get("ge") or "1000")[:4])
        found |= {"pattern": pattern(year), "description": f"{found['description']}; ISO 8601, without a zone UTC"}
    elif kind == "text":
        found |= {"pattern": CHARACTERS}
    else:
        low, high = INT64 if kind == "integer" else (-FLOAT32, FLOAT32)
        ends = [about.get("ge"), about.get("le")]
        found |= {"minimum": low if ends[0] is None else ends[0], "maximum": high if ends[1] is None else ends[1]}
        found |= {"multipleOf": 10.0 ** -about["decimals"]} if kind == "number" and about.get("decimals") else {}
    if about.get("isin") is not None:
        found = {"enum": [*about["isin"], *([None] if nullable else [])], "description": found["description"]}
    elif nullable:
        found["type"] = [found["type"], "null"]
    return found


def transaction(servable: Servable) -> Schema:
    """Return the schema of a raw transaction."""
    contract, columns = contract_of(servable), servable.schema["columns"]
    free = {each["name"] for each in columns if each.get("nullable")} | contract.late
    properties = {each["name"]: column(each, each["name"] in free) for each in columns}
    return of_object(properties, tuple(name for name in properties if name not in contract.required))


def label(servable: Servable) -> Schema:
    """Return the schema of what has become known of a transaction."""
    contract, columns = contract_of(servable), servable.schema["columns"]
    shown = [each for each in columns if each["name"] == contract.key or each["name"] in contract.late]
    properties = {each["name"]: column(each, bool(each.get("nullable"))) for each in shown}
    return of_object(properties, tuple(contract.late), minProperties=2)
