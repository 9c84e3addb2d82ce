"""What the OpenAPI document says of the served model: its rows, tensors and transactions, and examples of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from lifecycle.bundle.servable import Servable
from lifecycle.core.value_limits import FLOAT32, TIMES, YEARS
from lifecycle.features.online.record_schema import microseconds
from lifecycle.problem.cells import NANOSECONDS
from lifecycle.problem.window_words import Window
from service.answers.kinds import kind_of
from service.inputs.derived_values import is_prepared_here
from service.inputs.raw_records import as_source, contract_of
from service.inputs.value_checks import CHARACTERS, EXAMPLE, pattern
from service.protocol import Examples
from service.protocols.tensors import TYPES
from service.settings import Settings

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NULL: Schema = {"type": "null"}
INT64 = (-(2**63), 2**63 - 1)
PLACE: Mapping[str, str] = {"integer": "integer", "number": "number", "text": "string", "timestamp": "string"}
UNUSED = 999_999_999  # the key and the entities of an example are most likely nobody's


def ref(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def any_of(*schemas: Schema) -> Schema:
    """Return the schema of what is one of these."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def of_object(properties: Mapping[str, Schema], optional: tuple[str, ...] = (), **more: Any) -> Schema:
    """Return the schema of an object that has these properties and no other."""
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
        **more,
    }


def of_list(items: Schema, most: int | None = None) -> Schema:
    """Return the schema of a list that is not empty."""
    return {"type": "array", "items": items, "minItems": 1, **({} if most is None else {"maxItems": most})}


def schemas(servable: Servable, settings: Settings) -> dict[str, Schema]:
    """Return the schemas of all types that depend on the model, by name; see `service.inputs.row_forms`."""
    most, kind = settings.max_rows, kind_of(servable)
    taken = ["Features", *(["Transaction"] if takes_transactions(servable, settings) else [])]
    lists = [of_list(ref(name), most) for name in taken]
    named = {"Features": feature_row(servable), "Transaction": raw_record(servable)}
    found = {
        "Vector": vector(servable),
        "Features": named["Features"],
        "Records": any_of(*lists),
        "Rows": any_of(of_list(ref("Vector"), most), *lists),
        "Columns": any_of(*(_columns(named[name], most) for name in taken), ref("Rows")),
        "Split": _split(most),
        "Reasons": {"type": "integer", "minimum": 0, "maximum": servable.most_reasons, "description": "for each row"},
        "Tensors": any_of(*_inputs(servable, most)),
        "OutputName": {"enum": list(kind.tensors(servable))},
        **kind.schemas(servable),
    }
    if "Transaction" in taken:
        found |= {"Transaction": named["Transaction"], "Label": label_row(servable)}
    if keeps_events(servable, settings):
        event = any_of(ref("Transaction"), of_object({"label": ref("Label")}))
        found["EventList"] = of_list(event, most)
    return found


def _columns(row: Schema, most: int) -> Schema:
    """Return the schema of a list for each name: JSON Schema can't say that all are of one length."""
    return row | {"properties": {name: of_list(each, most) for name, each in row["properties"].items()}}


def _split(most: int) -> Schema:
    columns = {"type": ["array", "null"], "items": TEXT, "minItems": 1, "uniqueItems": True}
    fields: dict[str, Schema] = {"columns": columns, "index": {"description": "has no say"}}
    return of_object(
        fields | {"data": of_list({"type": "array"}, most)},
        ("columns", "index"),
        description="`data` has a value for each of `columns`; without these for each feature, in order",
    )


def _inputs(servable: Servable, most: int) -> Iterator[Schema]:
    """Yield the ways to send tensors: JSON Schema can't say that shapes agree with each other and with the data."""
    rows: Schema = {"type": "integer", "minimum": 1, "maximum": most}
    names, texts = list(servable.features), [*(["BYTES"] if servable.texts else [])]
    shape: Schema = {"type": "array", "prefixItems": [rows, {"const": 1}], "minItems": 1, "maxItems": 2}
    each = of_list(_tensor({"enum": names}, shape, [*TYPES, *texts]))
    yield {**each, "minItems": len(names), "maxItems": len(names), "description": "a tensor for each feature"}
    if not texts and "features" not in names:
        shape = {"type": "array", "prefixItems": [rows, {"const": len(names)}], "minItems": 2, "maxItems": 2}
        yield {**of_list(_tensor({"const": "features"}, shape, list(TYPES)), 1), "description": "all in one tensor"}


def _tensor(name: Schema, shape: Schema, types: list[str]) -> Schema:
    """Return the schema of a tensor, whose data is in the JSON or behind it."""
    value = {"type": ["number", "string", "null", "array"], "minimum": -FLOAT32, "maximum": FLOAT32}
    about, hint = {"name": name, "shape": shape, "datatype": {"enum": types}}, {"content_type": any_of(TEXT, NULL)}
    behind = of_object({"binary_data_size": {"type": "integer", "minimum": 0}, **hint}, tuple(hint))
    inside = {"data": of_list(value), "parameters": any_of(of_object(hint, tuple(hint)), NULL)}
    return any_of(of_object({**about, **inside}, ("parameters",)), of_object({**about, "parameters": behind}))


def takes_transactions(servable: Servable, settings: Settings) -> bool:
    """Tell whether features can be made from raw transactions: there is a store, or no feature needs history."""
    return settings.store != "none" or not keeps_history(servable)


def keeps_events(servable: Servable, settings: Settings) -> bool:
    """Tell whether events are kept: there is a store, and a feature that needs it."""
    return settings.store != "none" and keeps_history(servable)


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


def feature_row(servable: Servable) -> Schema:
    """Return the schema of all features by name."""
    return of_object({name: feature(servable, name) for name in servable.features})


def column(about: Mapping[str, Any], nullable: bool) -> Schema:
    """Return the schema of a column of the data contract."""
    kind = about["type"]
    found: Schema = {"type": PLACE[kind], "description": about.get("unit", "")}
    if kind == "timestamp" and about.get("since_1970"):
        found = _number_since_1970(about)
    elif kind == "timestamp":
        year = max(YEARS[0], int(str(about.get("ge") or YEARS[0])[:4]))
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


def _number_since_1970(about: Mapping[str, Any]) -> Schema:
    """Return the schema of a time that is a number of a unit since 1970."""
    unit = about["since_1970"]
    nanoseconds = NANOSECONDS[unit]
    low, high = (-(-TIMES[0] * 1000 // nanoseconds), (TIMES[1] - 1) * 1000 // nanoseconds)
    if about.get("ge") is not None:
        low = -(-microseconds(about["ge"], "") * 1000 // nanoseconds)
    if about.get("le") is not None:
        high = microseconds(about["le"], "") * 1000 // nanoseconds
    whole_microseconds = {"multipleOf": 1000} if unit == "ns" else {}
    description = f"{about.get('unit', '')}; {unit} since 1970"
    return {"type": "integer", "minimum": low, "maximum": high, **whole_microseconds, "description": description}


def source_columns(servable: Servable) -> list[Mapping[str, Any]]:
    """Return the columns of the data contract, as a source has them."""
    return [as_source(servable.schema, each) for each in servable.schema["columns"]]


def raw_record(servable: Servable) -> Schema:
    """Return the schema of a raw transaction."""
    contract, columns = contract_of(servable), source_columns(servable)
    free = {each["name"] for each in columns if each.get("nullable")} | contract.late
    properties = {each["name"]: column(each, each["name"] in free) for each in columns}
    properties |= {name: {"description": "not read"} for name in sorted(contract.ignored)}
    required = set(contract.required) - set(contract.made if is_prepared_here(servable) else ())
    return of_object(properties, tuple(name for name in properties if name not in required))


def label_row(servable: Servable) -> Schema:
    """Return the schema of what has become known of a transaction."""
    contract, columns = contract_of(servable), source_columns(servable)
    shown = [each for each in columns if each["name"] == contract.key or each["name"] in contract.late]
    properties = {each["name"]: column(each, bool(each.get("nullable"))) for each in shown}
    return of_object(properties, tuple(contract.late), minProperties=2)


def examples(servable: Servable, settings: Settings) -> Examples:
    """Return rows for examples."""
    raw = transaction(servable) if takes_transactions(servable, settings) else None
    return Examples(features(servable), raw, label(servable), min(3, servable.most_reasons))


def features(servable: Servable) -> dict[str, Any]:
    """Return the median of each feature, of text the commonest value."""
    return {name: _usual(servable, name) for name in servable.features}


def transaction(servable: Servable) -> dict[str, Any]:
    """Return a transaction; its labels are not known yet."""
    required = contract_of(servable).required
    return {each["name"]: _value(servable, each) for each in source_columns(servable) if each["name"] in required}


def label(servable: Servable) -> dict[str, Any]:
    """Return what becomes known of that transaction."""
    contract = contract_of(servable)
    columns = [c for c in source_columns(servable) if c["name"] == contract.key or c["name"] in contract.late]
    return {each["name"]: _value(servable, each) for each in columns}


def _usual(servable: Servable, name: str) -> Any:
    about: Mapping[str, Any] = next((c for c in servable.contract["columns"] if c["name"] == name), {})
    if name in servable.texts:
        shares = about.get("categories") or {"text": 1.0}
        return max(shares, key=lambda word: shares[word])
    return round(about.get("quantiles", {}).get("0.5", 0.0), 6)


def _value(servable: Servable, column: Mapping[str, Any]) -> Any:
    name, kind, legal = column["name"], column["type"], column.get("isin")
    low, high = column.get("ge"), column.get("le")
    if legal is not None:
        return legal[-1] if name in contract_of(servable).late else legal[0]
    if column.get("since_1970"):
        return min(max(0, _number_since_1970(column)["minimum"]), _number_since_1970(column)["maximum"])
    if kind == "timestamp":
        return EXAMPLE if low is None or low <= EXAMPLE else f"{low[:4]}-12-31"
    if kind == "text":
        return _usual(servable, name) if name in servable.texts else "text"
    usual = _usual(servable, name) if name in servable.numbers else UNUSED if kind == "integer" else 0.0
    usual = max(usual if high is None else min(usual, high), usual if low is None else low)
    return int(usual) if kind == "integer" else round(usual, column.get("decimals") or 0)
