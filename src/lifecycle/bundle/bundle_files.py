"""Write a bundle: its schema, its manifest, and a folder that is swapped in whole."""

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

from lifecycle.bundle.manifest import FILES, FORMAT, MANIFEST, sealed
from lifecycle.bundle.provenance import Origin, statement
from lifecycle.core.atomic import sync_folder
from lifecycle.core.tables import write_json
from lifecycle.models.preprocessing import inputs
from lifecycle.problem.problem import Column, Problem

NOT_SERVED = ("aliases", "description", "unique")  # names and duplicates are a matter of files


@contextmanager
def swapped_in(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target`; when the block ends well it takes its place, otherwise it is gone.

    When that fails the old folder stays. A process that is killed in between leaves it, the new one, or none; what it
    left beside that goes at the next.
    """
    new, old = (target.with_name(f".{target.name}.{name}.tmp") for name in ("new", "old"))
    for litter in (new, old):
        shutil.rmtree(litter, ignore_errors=True)
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


def seal(folder: Path, origin: Origin) -> None:
    """Add provenance and manifest to a folder that holds all other files, and bring it to disk."""
    write_json(statement(origin._asdict(), _digests(folder, FILES[:-1])), folder / FILES[-1])
    content = {"format": FORMAT, **origin._asdict(), "files": _digests(folder, FILES)}
    (folder / MANIFEST).write_bytes(sealed(content))
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _digests(folder: Path, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return {name: _digest(folder / name) for name in names}


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": path.stat().st_size}


def schema(name: str, problem: Problem, model: Pipeline, train: pd.DataFrame) -> dict[str, Any]:
    """Return the content of schema.json.

    Parameters
    ----------
    name : str
        Of the problem.
    problem : Problem
        Its contract.
    model : Pipeline
        Fitted.
    train : pandas.DataFrame
        The rows it was fitted on: a feature that none of them lacked may not be missing later.
    """
    features = [str(feature) for feature in model.feature_names_in_]
    numbers, texts = inputs(model[0])
    return {
        "problem": name,
        "key": problem.key,
        "time": problem.time,
        "target": problem.target,
        "labels": sorted(problem.label_columns),
        "columns": [_column(column) for column in problem.contract],
        "features": features,
        "numbers": numbers,
        "texts": texts,
        "missing": [feature for feature in features if train[feature].isna().any()],
    }


def _column(column: Column) -> dict[str, Any]:
    said = {key: value for key, value in asdict(column).items() if key not in NOT_SERVED}
    return {"name": said.pop("name"), "type": said.pop("type"), "unit": column.description, **said}
