"""A table of wines without a time, as a problem of each kind of target."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import problems
from tests.helpers_model import run_stages, write_params

PROBLEM = """
from lifecycle.problem import Column, Problem, Ratio, Raw, Window
PROBLEM = Problem(
    contract=(
        Column("farm", "text", ""), Column("acid", "number", ""), Column("sugar", "number", ""), {columns}
    ),
    features=(Raw("acid"), Raw("sugar"), Ratio("sweetness", "sugar", "acid", empty=0.0){feature}),
    target="{target}", entity="farm", {roles}
)
"""
TASKS = {
    "binary": (
        'Column("ripe", "text", "", isin=("yes", "no"))',
        "ripe",
        'positive="yes", defaults={"decide": {"cost_false_positive": 1, "cost_false_negative": 5}}',
    ),
    "multiclass": ('Column("kind", "text", "")', "kind", 'task="multiclass", classes=("red", "white", "pink")'),
    "regression": ('Column("price", "number", "")', "price", 'task="regression"'),
}
STAGES = ("ingest", "validate", "featurize", "split")


def wines(rows: int = 150) -> pd.DataFrame:
    """Return the table; sweet wines are ripe, and dear."""
    rng = np.random.default_rng(2)
    acid, sugar = rng.normal(6, 1, rows).round(2), rng.normal(20, 3, rows).round(1)
    return pd.DataFrame(
        {
            "farm": [f"farm {number % 25}" for number in range(rows)],
            "acid": acid,
            "sugar": sugar,
            "ripe": np.where(sugar + rng.normal(0, 3, rows) > 20, "yes", "no"),
            "kind": np.array(["red", "white", "pink"])[rng.integers(0, 3, rows)],
            "price": (5 + sugar - acid + rng.normal(0, 3, rows)).round(2),
        }
    )


def write_problem(
    folder: Path, task: str, patch: pytest.MonkeyPatch, column: str = "", feature: str = "", roles: str = ""
) -> str:
    """Write the problem of a kind of target where it can be loaded, and return its name."""
    label, target, own = TASKS[task]
    others = {target for _, target, _ in TASKS.values()} - {target}
    text = PROBLEM.format(
        columns=label + column, feature=feature, target=target, roles=f"{own}, ignored={sorted(others)!r}{roles}"
    )
    patch.setattr(problems, "__path__", [*problems.__path__, str(folder)])
    (folder / f"wines_{task}.py").write_text(text, encoding="utf-8")
    patch.delitem(sys.modules, f"problems.wines_{task}", raising=False)
    return f"wines_{task}"


def start(folder: Path, name: str, table: pd.DataFrame, changes: dict[str, Any], *stages: str) -> None:
    """Write params and table of a problem, and run its first stages."""
    table.to_csv(folder / "wines.csv", index=False)
    nulls = dict.fromkeys(("train_days", "delay_days", "test_days", "test_start"))
    written = {f"split.{key}": value for key, value in nulls.items()} | {"problem": name}
    write_params(folder, written | {"ingest.path": "wines.csv", "split.folds": 3} | changes)
    run_stages(folder, *stages)
