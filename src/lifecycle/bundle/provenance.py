"""Where a bundle comes from: data, params, code and libraries by their hashes, also as an in-toto statement (SLSA).

https://in-toto.io/Statement/v1, https://slsa.dev/provenance/v1. It holds no time and no machine: the same inputs have
the same provenance. Who signs it adds those.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.core.hashes_and_versions import lineage, versions
from lifecycle.core.params import Params
from lifecycle.core.tables import read_json
from lifecycle.core.url_secrets import public
from lifecycle.core.yaml_text import read_yaml
from lifecycle.models.families import FAMILIES

GRAPH, HYPERPARAMETERS, LOCK = "dvc.yaml", "models/hyperparameters.json", "requirements.lock"
CODE = "src/"
SERVED_WITH = ("onnx", "onnxruntime")
BUILD_TYPE = "https://dvc.org/doc/user-guide/pipelines/defining-pipelines"
BUILDER = "https://dvc.org/doc/command-reference/repro"


class Origin(NamedTuple):
    """The origin of a bundle: md5 of files by path as DVC has them, params, versions, hyper-parameters."""

    name: str
    problem: str
    data: Mapping[str, str]
    params: Mapping[str, Any]
    code: Mapping[str, str]
    lock: Mapping[str, str]
    versions: Mapping[str, str]
    model: Mapping[str, Any]


def origin(name: str, params: Params, data: Sequence[str]) -> Origin:
    """Return the origin of a bundle: `name` is that of the model, `data` the files that the model was made from.

    The stage's entry in dvc.yaml lists the code and the blocks of params. dvc.yaml itself is no dependency of the
    stage: DVC allows none, and runs a stage again when its entry has changed.
    """
    entry = read_yaml(Path(GRAPH).read_text(encoding="utf-8"))["stages"]["package"]
    code = [Path(dep.replace("${problem}", params.problem)) for dep in entry["deps"] if dep.startswith(CODE)]
    model, lock = read_json(HYPERPARAMETERS), Path(LOCK).read_text(encoding="utf-8")
    return Origin(
        name=name,
        problem=params.problem,
        data=_md5(data),
        params=blocks(params, [name for name in entry["params"] if name != "problem"]),
        code=_md5(_files(code)),
        lock=_md5((LOCK,)),
        versions=versions(lock, FAMILIES[model["model"]].package, *SERVED_WITH),
        model=model,
    )


def _files(places: Sequence[Path]) -> list[str]:
    """Return the files of code at some places: files, and folders with all that is below them."""
    kinds = ("*.py", "*.jinja")
    files = {path for place in places for kind in kinds for path in (place.rglob(kind) if place.is_dir() else [place])}
    return sorted(path.as_posix() for path in files)


def blocks(params: Params, names: list[str]) -> dict[str, Any]:
    """Return blocks of params by name.

    Of an absolute path, which is one machine's own, only the last name; of a web address no query and no user.
    """
    fields = {field.alias or name: name for name, field in type(params).model_fields.items()}
    content = {name: getattr(params, fields[name]).model_dump(mode="json") for name in names}
    return {name: {key: _shared(value) for key, value in block.items()} for name, block in content.items()}


def _shared(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return Path(value).name if Path(value).is_absolute() else public(value)


def _md5(paths: Sequence[str]) -> dict[str, str]:
    return {file.path: file.md5 for file in lineage(paths)}


def statement(origin: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the statement on the files of a bundle, each with its `sha256`, from the fields of an `Origin`."""
    made_from = {path: md5 for kind in ("data", "code", "lock") for path, md5 in origin[kind].items()}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": file["sha256"]}} for name, file in files.items()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"target": "package", "problem": origin["problem"], "params": origin["params"]},
                "internalParameters": {"versions": origin["versions"]},
                "resolvedDependencies": [{"name": path, "digest": {"md5": md5}} for path, md5 in made_from.items()],
            },
            "runDetails": {"builder": {"id": BUILDER}},
        },
    }
