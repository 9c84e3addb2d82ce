"""Public tables that scikit-learn ships, each with a problem of its own: two classes, three classes, a number."""

import re
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

from lifecycle.problem import Band, Column, Problem, Raw
from tests.graph import ROOT
from tests.helpers_model import git_init, run_stages, write_params

STAGES = (
    "ingest", "validate", "featurize", "split", "train", "decide", "evaluate", "explain", "audit", "card", "package",
)  # fmt: skip
SMALL = {
    "train.n_estimators": 20,
    "train.min_samples_leaf": 2,
    "split.folds": 3,
    "evaluate.bootstrap_samples": 50,
    "explain.rows": 100,
    "explain.samples": 50,
    "audit.samples": 50,
    "audit.more_seeds": 2,
    "package.threshold_rows": 1_000,
}
CULTIVARS = ("barolo", "grignolino", "barbera")


def table(name: str) -> pd.DataFrame:
    """Return a table with plain column names and its labels as people write them."""
    raw = {"diabetes": False} if name == "diabetes" else {}
    options: dict[str, Any] = {"as_frame": True} | ({"scaled": False} if raw else {})
    frame = getattr(datasets, f"load_{name}")(**options).frame
    frame.columns = [re.sub(r"\W+", "_", column) for column in frame.columns]
    words = {"wine": CULTIVARS, "breast_cancer": ("malignant", "benign")}.get(name)
    return frame if words is None else frame.assign(target=np.take(words, frame["target"]))


def problem(name: str, frame: pd.DataFrame) -> Problem:
    """Return the problem of a table: every column but the target is a feature."""
    columns = [column for column in frame if column != "target"]
    kinds: dict[str, dict[str, Any]] = {
        "diabetes": {"task": "regression", "slices": (Band("sex", "sex"),)},
        "wine": {"task": "multiclass", "classes": CULTIVARS, "slices": (Band("alcohol", "alcohol", quantiles=2),)},
        "breast_cancer": {"positive": "malignant"},
    }
    kind = "number" if name == "diabetes" else "text"
    return Problem(
        contract=(*(Column(column, "number", column) for column in columns), Column("target", kind, "the label")),
        features=tuple(Raw(column) for column in columns),
        target="target",
        defaults={
            "split": {"max_feature_auc": 1.0},
            "decide": {"cost_false_positive": 1.0, "cost_false_negative": 5.0} if name == "breast_cancer" else {},
        },
        **kinds[name],
    )


def change_params(folder: Path, name: str, **changes: Any) -> None:
    """Write the params of a small run on a table, with changes by dotted key."""
    write_params(folder, {"problem": name, "ingest.path": f"{name}.csv"} | SMALL | changes)


def run_all(name: str, folder: Path, last: str = STAGES[-1]) -> Problem:
    """Take a table through the stages in a folder, up to the last one; return its problem."""
    frame = table(name)
    module = types.ModuleType(f"problems.{name}")
    module.PROBLEM = problem(name, frame)  # type: ignore[attr-defined]
    module.__spec__ = types.SimpleNamespace(name=module.__name__)  # type: ignore[assignment]
    sys.modules[module.__name__] = module
    change_params(folder, name)
    git_init(folder)
    frame.to_csv(folder / f"{name}.csv", index=False)
    for path in ("requirements.lock", "dvc.yaml"):
        shutil.copyfile(ROOT / path, folder / path)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / f"src/problems/{name}.py").write_text(f'"""{name}, as tests/helpers_tables.py declares it."""\n')
    run_stages(folder, *STAGES[: STAGES.index(last) + 1])
    return module.PROBLEM
