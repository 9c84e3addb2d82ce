"""The feature list as a repository of Feast, for discovery and for joins at a point in time.

    python src/mlops.py export feast

Reads   models/features.json, data/features/features.parquet
Writes  exports/feast: feature_store.yaml, definitions.py, data/features.parquet

Feast's online values are those of an entity's last stored record. The service needs what the next record will see, so
its own store stays the truth; docs/integrations.md says what that means.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError

FOLDER, FEATURES, TABLE = Path("exports/feast"), Path("models/features.json"), Path("data/features/features.parquet")
TYPES = {"double": "Float64", "float": "Float32", "string": "String", "large_string": "String"}  # others are Int64
STORE = {
    "provider": "local",
    "registry": "data/registry.db",
    "online_store": {"type": "sqlite", "path": "data/online.db"},
    "offline_store": {"type": "file"},
    "entity_key_serialization_version": 3,
}
HEAD = '''"""Made by `python src/mlops.py export feast` from models/features.json; not to be changed by hand."""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Float32, Float64, Int64, String

source = FileSource(name="features", path="data/features.parquet", timestamp_field={time!r})
'''
ENTITY = "{name} = Entity(name={name!r}, join_keys=[{name!r}], value_type=ValueType.{kind})\n"
VIEW = """{name}_view = FeatureView(
    name="{name}_features",
    entities=[{name}],
    ttl=timedelta(0),
    source=source,
    schema=[
        {fields},
    ],
)
"""
SERVICE = "service = FeatureService(name={name!r}, features=[{views}])\n"


def by_entity(contract: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the features of each entity, in the order of the list; those of the record alone are left out.

    Parameters
    ----------
    contract : mapping
        The content of models/features.json.

    Raises
    ------
    PipelineError
        No feature has an entity.

    Examples
    --------
    >>> found = by_entity({"columns": [{"name": "age_7d", "entity": "card"}, {"name": "amount", "entity": ""}]})
    >>> {entity: [feature["name"] for feature in features] for entity, features in found.items()}
    {'card': ['age_7d']}
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for feature in contract["columns"]:
        if feature["entity"]:
            found.setdefault(feature["entity"], []).append(feature)
    if not found:
        raise PipelineError(f"{FEATURES}: no feature has an entity, and Feast keeps nothing without one")
    return found


def definitions(contract: Mapping[str, Any], types: Mapping[str, str]) -> str:
    """Return the Python file that `feast apply` reads.

    Parameters
    ----------
    contract : mapping
        The content of models/features.json.
    types : mapping of str to str
        Arrow's name of the type of each column of the table of features.
    """
    entities = by_entity(contract)
    parts = [HEAD.format(time=contract["time"])]
    parts += [ENTITY.format(name=name, kind="STRING" if "string" in types[name] else "INT64") for name in entities]
    for name, features in entities.items():
        parts.append(VIEW.format(name=name, fields=",\n        ".join(_field(one, types) for one in features)))
    views = ", ".join(f"{name}_view" for name in entities)
    return "\n".join([*parts, SERVICE.format(name="model", views=views)])


def _field(feature: Mapping[str, Any], types: Mapping[str, str]) -> str:
    kind, unit = TYPES.get(types[feature["name"]], "Int64"), {"unit": feature["unit"]}
    return f"Field(name={feature['name']!r}, dtype={kind}, description={feature['definition']!r}, tags={unit!r})"


def write_table(contract: Mapping[str, Any], source: Path, target: Path) -> Mapping[str, str]:
    """Copy the columns that Feast needs, with times in UTC; return Arrow's name of each column's type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(source, columns=_columns(contract))
    place = table.schema.get_field_index(contract["time"])
    utc = table[contract["time"]].cast(pa.timestamp("us", "UTC"))
    with atomic(target) as path:
        pq.write_table(table.set_column(place, contract["time"], utc), path)
    return {field.name: str(field.type) for field in table.schema}


def _columns(contract: Mapping[str, Any]) -> list[str]:
    entities = by_entity(contract)
    return [*entities, contract["time"], *(one["name"] for features in entities.values() for one in features)]


def export(argv: Sequence[str]) -> None:
    """Write the repository."""
    parser = argparse.ArgumentParser(prog="mlops.py export feast", description="Write the feature list for Feast.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where to write; else {FOLDER}")
    parser.add_argument("--features", type=Path, default=TABLE, help=f"the table of features; else {TABLE}")
    options = parser.parse_args(argv)
    contract = json.loads(FEATURES.read_text(encoding="utf-8"))
    if contract["time"] is None:
        raise PipelineError(f"{FEATURES}: the records have no time, and Feast joins by time")
    types = write_table(contract, options.features, options.folder / "data/features.parquet")
    store = yaml.safe_dump({"project": "model", **STORE}, sort_keys=False)
    for name, text in (("definitions.py", definitions(contract, types)), ("feature_store.yaml", store)):
        with atomic(options.folder / name) as path:
            path.write_text(text, encoding="utf-8")
    kept, known = sum(map(len, by_entity(contract).values())), len(contract["columns"])
    print(f"{options.folder}: {kept} of {known} features; the others are those of the record alone")
