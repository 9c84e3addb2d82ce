"""Small worlds for the tests of features, models and the stages between them."""

import contextlib
import copy
import functools
import importlib
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from hypothesis import HealthCheck, settings

from lifecycle.core.params import Params
from lifecycle.core.section import Section, checked
from lifecycle.core.tables import write_table
from lifecycle.models.families import FAMILIES, Family
from lifecycle.problem.loading import fill
from lifecycle.problem.problem import Problem
from problems.generators.card_simulator import simulate
from tests.params import params_content

ROOT = Path(__file__).parent.parent
SMALL = {
    "split.folds": 2,
    "split.test_start": "2018-05-20",
    "train": {"model": "extra_trees", "seed": 42, "exclude_features": [], "n_estimators": 8, "max_depth": 8},
    "evaluate.bootstrap_samples": 50,
    "evaluate.top_k": 20,
}
TASKS = ("binary", "multiclass", "regression")
EVERY = [(name, task) for task in TASKS for name, family in FAMILIES.items() if family.estimator(task)]
CLASSIFIERS = [name for name, family in FAMILIES.items() if family.classifier]
# A family that can't be explained or served exactly, and one that is served without reasons.
NEIGHBOURS = Family("k_nearest_neighbours", "sklearn.neighbors.KNeighborsClassifier", scaled=True)


def _layers(graph: Any, columns: str, model: Any) -> str:
    for place, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        columns = graph.add("Relu", columns) if place else columns
        columns = graph.add("Add", graph.add("MatMul", columns, graph.constant(weights)), graph.constant(bias))
    return str(graph.add("Reshape", columns, graph.constant([-1], np.int64)))


NETWORK = Family("neural_network", "sklearn.neural_network.MLPClassifier", scaled=True, onnx=_layers)
quick = settings(deadline=None, max_examples=40, database=None, suppress_health_check=[HealthCheck.too_slow])


@functools.cache
def payments(customers: int = 300, terminals: int = 500) -> pd.DataFrame:
    """Return sixty simulated days from 2018-04-01; with the default size 32,000 payments, one in eight a fraud."""
    return simulate(customers, terminals, days=60, seed=0)


def params(**changes: Any) -> Params:
    """Return the tests' params with changes, keys written like `split__folds`."""
    return checked(Params, _content({key.replace("__", "."): value for key, value in changes.items()}), "test")


def _content(changes: dict[str, Any]) -> dict[str, Any]:
    content = params_content()
    for key, value in changes.items():
        *blocks, name = key.split(".")
        functools.reduce(dict.__getitem__, blocks, content)[name] = copy.deepcopy(value)
    return content


def filled_and_written(problem: Problem, block: str, keys: list[str]) -> tuple[Section, Section]:
    """Return a params block whose nulls the problem has filled, and the block with those defaults written in."""
    unset = params(**{f"{block}__{key}": None for key in keys})
    own = problem.implied.get(block, {}) | {key: problem.defaults[block][key] for key in keys}
    written = params(**{f"{block}__{key}": value for key, value in own.items()})
    return fill(getattr(unset, block), problem, block), getattr(written, block)


def write_params(folder: Path, changes: dict[str, Any] | None = None) -> None:
    """Write a params.yaml for the small table, with changes by dotted key."""
    content = _content(SMALL | (changes or {}))
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def start_project(folder: Path, changes: dict[str, Any] | None = None) -> None:
    """Lay a folder out as the repository stands after `validate`."""
    write_params(folder, changes)
    write_table(payments(), folder / "data/validated/records.parquet")


def run_stages(folder: Path, *names: str) -> None:
    """Run stages inside a folder, in this process."""
    with contextlib.chdir(folder):
        for name in names:
            importlib.import_module(name).main()


def git_init(folder: Path, commit: bool = True) -> None:
    """Make a folder a repository of git and DVC; DVCLive needs one with a commit."""
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").touch()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    if commit:
        who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "Start"], cwd=folder, check=True)


def ranked(rows: int = 400, seed: int = 0, steps: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, scores with many ties that tell something of them, and whole-number weights, some of them 0."""
    rng = np.random.default_rng(seed)
    target = (rng.random(rows) < 0.3).astype(np.int8)
    score = np.round((rng.random(rows) + 0.4 * target) / 1.4 * steps) / steps
    return target, score, rng.integers(0, 4, rows)


def learnable(rows: int = 300, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Return features with a text column and missing numbers, and labels that they tell something of."""
    rng = np.random.default_rng(seed)
    number = rng.random(rows)
    frame = pd.DataFrame(
        {
            "number": number,
            "gaps": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(50, 20, rows)),
            "shop": rng.choice(["bakery", "garage", "florist"], rows),
        }
    )
    return frame, pd.Series((number + 0.3 * (frame["shop"] == "garage") + 0.2 * rng.random(rows) > 0.8).astype(int))


def learnable_of(task: str, rows: int = 300, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Return features as `learnable` has them and a text of eighty values, with a label or a number that they tell of.

    Of four classes the last is rare.
    """
    frame, _ = learnable(rows, seed)
    rng = np.random.default_rng([seed, 1])
    street = rng.integers(0, 80, rows)
    level = frame["number"] + 0.3 * (frame["shop"] == "garage") + street / 160 + 0.2 * rng.random(rows)
    target = {
        "binary": (level > 1.1).astype(np.int8),
        "multiclass": pd.Series(np.digitize(level, [0.7, 1.0, 1.45]).astype(np.int8)),
        "regression": 5_000 + 1_000 * level,
    }
    return frame.assign(street=pd.array([f"street {number}" for number in street], dtype="str")), target[task]
