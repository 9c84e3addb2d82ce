"""Write a bundle: the model's own files, its schema, its manifest, in a folder that is replaced as a whole.

A model whose family has no exact export gets a folder with one file instead, which says so. Whoever opens it gets
that text as an error, so an experiment with such a model runs to the end of the graph, and is never served by mistake.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.bundle.manifest import FILES, FORMAT, MANIFEST, NOT_SERVED, manifest_bytes
from lifecycle.bundle.onnx_export import export
from lifecycle.bundle.provenance import Origin, statement
from lifecycle.core.atomic import sync_folder
from lifecycle.core.tables import write_json
from lifecycle.explanation.attribution import to_bytes
from lifecycle.explanation.contributions import attribution
from lifecycle.models.families import FAMILIES, Family
from lifecycle.models.preprocessing import inputs
from lifecycle.problem.problem import Column, Problem

NOT_FOR_REQUESTS = ("aliases", "description", "unique")  # of a column: names and duplicates are a matter of files


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`; when the block ends well it takes its place, otherwise it is gone.

    When that fails the old folder stays. A process that is killed in between leaves the old folder, the new one, or
    none; what it left beside them is removed by the next.
    """
    new, old = (target.with_name(f".{target.name}.{name}.tmp") for name in ("new", "old"))
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        sync_folder(new)
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        sync_folder(target.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_refusal(folder: Path, family: Family) -> str:
    """Write in place of a bundle why there is none, and return that text."""
    exported = ", ".join(name for name, other in FAMILIES.items() if other.has_export)
    text = (
        f"no bundle was made: the model family {family.name} has no exact export, and nothing is served that could"
        " decide otherwise than the evaluated one. The model's figures and its card are in metrics/. Families that can"
        f" be served: {exported}"
    )
    (folder / NOT_SERVED).write_text(f"{text}\n", encoding="utf-8")
    return text


def write_model(folder: Path, name: str, problem: Problem, model: Pipeline, train: pd.DataFrame) -> None:
    """Write model.onnx, reasons.npz and schema.json of the model that was fitted on `train`."""
    (folder / "model.onnx").write_bytes(export(model))
    (folder / "reasons.npz").write_bytes(to_bytes(attribution(model)))
    write_json(schema(name, problem, model, train), folder / "schema.json")


def schema(name: str, problem: Problem, model: Pipeline, train: pd.DataFrame) -> dict[str, Any]:
    """Return the content of schema.json; a feature that no training row lacked may not be missing later."""
    features = [str(feature) for feature in model.feature_names_in_]
    numbers, texts = inputs(model[0])
    return {
        "problem": name,
        "key": problem.key,
        "time": problem.time,
        "target": problem.target,
        "entity": problem.entity,
        "task": problem.task,
        "classes": _classes(problem),
        "labels": sorted(problem.label_columns),
        "columns": [_column(column) for column in problem.stored.values()],
        "ignored": list(problem.ignored),
        "features": features,
        "numbers": numbers,
        "texts": texts,
        "missing": [feature for feature in features if train[feature].isna().any()],
    }


def _classes(problem: Problem) -> list[int | str | None]:
    """Return the label of each code as the source has it; None where a positive's is known and any other is negative.

    A target that is a number has none.
    """
    if problem.task != "binary":
        return list(problem.classes)
    if problem.positive is None:
        return [0, 1]
    others = [label for label in problem.columns[problem.target].isin or () if label != problem.positive]
    return [others[0] if len(others) == 1 else None, problem.positive]


def _column(column: Column) -> dict[str, Any]:
    fields = {key: value for key, value in asdict(column).items() if key not in NOT_FOR_REQUESTS}
    names = {"aliases": list(column.aliases)} if column.aliases else {}
    since_1970 = {"since_1970": unit} if (unit := fields.pop("unit")) else {}  # of a time that is a number
    return {
        "name": fields.pop("name"),
        "type": fields.pop("type"),
        "unit": column.description,
        **fields,
        **names,
        **since_1970,
    }


def seal(folder: Path, origin: Origin) -> None:
    """Add provenance and manifest to a folder that holds all other files, and bring it to disk."""
    write_json(statement(origin._asdict(), _digests(folder, FILES[:-1])), folder / FILES[-1])
    content = {"format": FORMAT, **origin._asdict(), "files": _digests(folder, FILES)}
    (folder / MANIFEST).write_bytes(manifest_bytes(content))
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _digests(folder: Path, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return {name: _digest(folder / name) for name in names}


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": path.stat().st_size}
