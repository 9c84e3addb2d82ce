"""Differences between two versions of params.yaml, models/features.json and dvc.lock."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lifecycle.core.url_secrets import public
from lifecycle.core.yaml_text import as_yaml

ABSENT = "-"


def leaves(block: Any, prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by dotted name."""
    if not isinstance(block, Mapping) or not block:
        return {prefix: block} if prefix else {}
    parts = (leaves(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in block.items())
    return {name: value for part in parts for name, value in part.items()}


def differences(base: Mapping[str, Any], head: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return name, old and new value of all that differs, in the head's order; what only the base has comes last.

    Of web addresses neither query nor user is shown.

    Examples
    --------
    >>> differences({"train": {"seed": 1, "depth": 9}}, {"train": {"seed": 2}})
    [('train.seed', '1', '2'), ('train.depth', '9', '-')]
    """
    before, after = leaves(base), leaves(head)
    names = dict.fromkeys((*after, *before))
    return [
        (name, *(public(as_yaml(side[name])) if name in side else ABSENT for side in (before, after)))
        for name in names
        if name not in before or name not in after or before[name] != after[name]
    ]


class FeatureChanges(NamedTuple):
    """Names of features that differ, and how many there are."""

    added: list[str]
    removed: list[str]
    redefined: list[str]
    total: int


def feature_changes(base: Mapping[str, Any], head: Mapping[str, Any]) -> FeatureChanges:
    """Compare two feature contracts (models/features.json)."""
    before, after = (
        {entry["name"]: (entry["definition"], entry["name"] in side["hidden"]) for entry in side.get("columns", [])}
        for side in (base, head)
    )
    return FeatureChanges(
        [name for name in after if name not in before],
        [name for name in before if name not in after],
        [name for name in after if name in before and before[name] != after[name]],
        len(after),
    )


class Stage(NamedTuple):
    """A stage whose entry in dvc.lock differs."""

    name: str
    params: list[str]
    data: list[str]
    code: list[str]
    outs: tuple[int, int]  # that differ, of all


def stage_changes(base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Stage]:
    """Yield the stages that ran for the head: their entries in dvc.lock are not those of the base."""
    before, after = (side.get("stages", {}) for side in (base, head))
    for name, entry in after.items():
        old = before.get(name, {})
        if entry == old:
            continue
        deps, outs = _changed(old, entry, "deps"), _changed(old, entry, "outs")
        outputs = {out["path"] for other in after.values() for out in other.get("outs", [])}
        params = [
            key
            for path, values in entry.get("params", {}).items()
            for key, *_ in differences(old.get("params", {}).get(path, {}), values)
        ]
        data = [path for path in deps if path in outputs or not path.startswith("src/")]
        code = [path for path in deps if path not in data]
        yield Stage(name, params, data, code, (len(outs), len(entry.get("outs", []))))


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], role: str) -> list[str]:
    before, after = ({item["path"]: item.get("md5") for item in side.get(role, [])} for side in (old, new))
    return [path for path in dict.fromkeys((*after, *before)) if before.get(path) != after.get(path)]


def not_run(lock: Mapping[str, Any], params: Mapping[str, Any]) -> list[str]:
    """Return the params that have changed since the stages which read them ran."""
    stale = []
    for stage in lock.get("stages", {}).values():
        for name, value in stage.get("params", {}).get("params.yaml", {}).items():
            now: Any = params
            for key in name.split("."):
                now = now.get(key) if isinstance(now, Mapping) else None
            stale += [key for key, *_ in differences({name: value}, {name: now})]
    return sorted(set(stale))
