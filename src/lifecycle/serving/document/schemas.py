"""How JSON Schemas are put together."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NULL: Schema = {"type": "null"}


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
