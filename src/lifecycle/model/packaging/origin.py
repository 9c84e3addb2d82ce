"""What a bundle was made from: data, params, code and libraries, each by what identifies it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lifecycle.io import read_json
from lifecycle.model.card.facts import lineage, versions
from lifecycle.params import Params

GRAPH, HYPERPARAMETERS, LOCK = "dvc.yaml", "models/hyperparameters.json", "requirements.lock"
SERVED_WITH = ("onnx", "onnxruntime")


class Origin(NamedTuple):
    """What a bundle was made from: md5 of files by path as DVC has them, params, versions, hyper-parameters."""

    name: str
    problem: str
    data: Mapping[str, str]
    params: Mapping[str, Any]
    code: Mapping[str, str]
    lock: Mapping[str, str]
    versions: Mapping[str, str]
    model: Mapping[str, Any]


def origin(params: Params, data: Sequence[str]) -> Origin:
    """Return what the stage `package` makes its bundle from.

    Its own entry in the graph lists the code and the blocks of params that stand in the manifest. The graph's file is
    no dependency: DVC takes none that is its own, and runs a stage again when the stage's entry has changed.

    Parameters
    ----------
    params : Params
        All of them.
    data : sequence of str
        The files that the model was made from.
    """
    entry = yaml.safe_load(Path(GRAPH).read_text(encoding="utf-8"))["stages"]["package"]
    code = sorted(dep.replace("${problem}", params.problem) for dep in entry["deps"] if dep.endswith(".py"))
    model, lock = read_json(HYPERPARAMETERS), Path(LOCK).read_text(encoding="utf-8")
    return Origin(
        name=params.package.name,
        problem=params.problem,
        data=_md5(data),
        params=blocks(params, [name for name in entry["params"] if name != "problem"]),
        code=_md5(code),
        lock=_md5((LOCK,)),
        versions=versions(lock, model["model"], SERVED_WITH),
        model=model,
    )


def blocks(params: Params, names: list[str]) -> dict[str, Any]:
    """Return blocks of params by name; a place on one machine is told by its last name."""
    fields = {field.alias or name: name for name, field in type(params).model_fields.items()}
    found = {name: getattr(params, fields[name]).model_dump(mode="json") for name in names}
    return {name: {key: _without_folder(value) for key, value in block.items()} for name, block in found.items()}


def _without_folder(value: Any) -> Any:
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _md5(paths: Sequence[str]) -> dict[str, str]:
    return {file.path: file.md5 for file in lineage(paths)}
