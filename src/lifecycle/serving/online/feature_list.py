"""The feature list of a bundle, as the online features work with it."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from lifecycle.features.declared import features_of
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.schema import Schema
from lifecycle.features.online.snapshot import Snapshot
from lifecycle.model import bundle

if TYPE_CHECKING:
    from lifecycle.model.servable import Servable


class FeatureList(NamedTuple):
    """How features are made of records.

    Parameters
    ----------
    plan : Plan
        The order of work.
    schema : Schema
        How records look.
    contract : mapping
        The bundle's features.json.
    digest : str
        Tells lists apart: another one would answer with other columns, or from another state.
    """

    plan: Plan
    schema: Schema
    contract: Mapping[str, Any]
    digest: str

    @classmethod
    def of(cls, contract: Mapping[str, Any], schema: Mapping[str, Any]) -> "FeatureList":
        """Return the list that a bundle's features.json and schema.json describe."""
        plan = Plan(features_of(contract["declaration"]), contract["decimals"])
        columns = {c["name"]: SimpleNamespace(type=c["type"], nullable=c.get("nullable")) for c in schema["columns"]}
        problem: Any = SimpleNamespace(
            columns=columns, key=schema["key"], time=schema["time"], label_columns=schema["labels"]
        )
        about = [contract["declaration"], contract["decimals"], schema["key"], schema["time"], schema["labels"]]
        about += [[name, column.type, bool(column.nullable)] for name, column in columns.items()]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        return cls(plan, Schema.of(problem, plan), contract, digest)


def list_of(servable: "Servable") -> FeatureList:
    """Return the feature list of a model, prepared when it is first asked for."""
    found = _LISTS.get(servable)
    if found is None:
        found = _LISTS[servable] = FeatureList.of(servable.contract, servable.schema)
    return found


def base_of(folder: Path, manifest: bundle.Manifest) -> Snapshot:
    """Return the state that a bundle starts with."""
    return Snapshot.load(io.BytesIO(bundle.read(folder, manifest, "state.npz")))


_LISTS: WeakKeyDictionary["Servable", FeatureList] = WeakKeyDictionary()
