"""JSON Schema of a request of the Open Inference Protocol, for one model."""

from collections.abc import Iterator

from lifecycle.limits import FLOAT32
from lifecycle.model.servable import Servable
from lifecycle.serving.document.schemas import NULL, TEXT, Schema, any_of, of_list, of_object
from lifecycle.serving.protocols.v2_arrays import TYPES
from lifecycle.serving.protocols.v2_schema import OUTPUTS


def infer(servable: Servable, most: int) -> Schema:
    """Return the schema of a request with tensors."""
    hint = {"content_type": any_of(TEXT, NULL)}
    number: Schema = {"type": ["integer", "null"], "minimum": 0, "maximum": 2**53}
    about = {"binary_data_output": {"type": ["boolean", "null"]}, "priority": number, "timeout": number, **hint}
    binary = of_object({"binary_data": {"type": ["boolean", "null"]}}, ("binary_data",))
    wanted = of_object({"name": {"enum": list(OUTPUTS)}, "parameters": any_of(binary, NULL)}, ("parameters",))
    request = of_object(about, tuple(about))
    whole: dict[str, Schema] = {
        "id": any_of(TEXT, NULL),
        "inputs": any_of(*_inputs(servable, most)),
        "outputs": {"type": ["array", "null"], "items": wanted},
        "parameters": any_of(request, NULL),
    }
    model = {
        "model_name": any_of({"const": servable.name}, NULL),
        "model_version": any_of({"const": servable.version}, NULL),
    }
    return of_object({**whole, **model}, ("id", "outputs", "parameters", *model))


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
