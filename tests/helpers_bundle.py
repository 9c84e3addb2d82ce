"""Small bundles: of a table with text and gaps, and of the small project."""

import functools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.bundle.bundle_writer import seal, write_model
from lifecycle.bundle.provenance import Origin
from lifecycle.bundle.servable import Servable
from lifecycle.core.tables import write_json, write_table
from lifecycle.models.families import build
from lifecycle.models.training import fit
from lifecycle.monitoring.detectors.reference import NOTHING_USUAL
from lifecycle.problem.problem import Column, Problem, Task
from lifecycle.problem.record_words import Raw
from lifecycle.problem.window_words import declaration_of
from tests.helpers_model import ROOT, git_init, learnable, learnable_of, payments, run_stages, start_project

SIZES = {
    "random_forest": "n_estimators",
    "extra_trees": "n_estimators",
    "hist_gradient_boosting": "max_iter",
    "lightgbm": "n_estimators",
    "xgboost": "n_estimators",
}
SHOPS = Problem(
    contract=(
        Column("sale", "integer", "a number for each", ge=0),
        Column("sold_at", "timestamp", "when"),
        Column("number", "number", "a share", ge=0, le=1),
        Column("gaps", "number", "degrees", nullable=True),
        Column("shop", "text", "where", isin=("bakery", "garage", "florist")),
        Column("is_fraud", "integer", "the label", isin=(0, 1)),
    ),
    features=(Raw("number"), Raw("gaps"), Raw("shop")),
    key="sale",
    time="sold_at",
    target="is_fraud",
)
ORIGIN = Origin(
    "shops", "shops", {"data": "0" * 32}, {"train": {}}, {}, {}, {}, {"model": "any", "hyperparameters": {}}
)


def fitted(
    model: str, features: pd.DataFrame, target: pd.Series, task: Task = "binary", **hyperparameters: Any
) -> Pipeline:
    """Return a small fitted pipeline of one family."""
    size = {SIZES[model]: 12} if model in SIZES else {}
    return fit(build(model, task, 3, size | hyperparameters, features), features, target)


@functools.cache
def of_shops(model: str) -> Pipeline:
    """Return a pipeline that learned from text, and from numbers with gaps."""
    return fitted(model, *learnable(600))


def shops_of(task: Task) -> Problem:
    """Return the problem of `learnable_of`."""
    label = {
        "binary": Column("is_fraud", "integer", "the label", isin=(0, 1)),
        "multiclass": Column("is_fraud", "text", "the label"),
        "regression": Column("is_fraud", "integer", "the number"),
    }
    contract = (*SHOPS.contract[:-1], Column("street", "text", "where"), label[task])
    classes = ("low", "middle", "high", "top") if task == "multiclass" else ()
    features = (*SHOPS.features, Raw("street"))
    return replace(SHOPS, contract=contract, features=features, task=task, classes=classes)


@functools.cache
def of_task(model: str, task: Task) -> Pipeline:
    """Return a pipeline that learned from `learnable_of`."""
    depth = {"max_depth": 6} if model in ("random_forest", "extra_trees", "decision_tree") else {}
    return fitted(model, *learnable_of(task, 600), task, **depth)


def decision_of_task(task: Task) -> dict[str, Any]:
    """Return what `decide` writes for a task."""
    if task == "binary":
        return some_decision()
    if task == "regression":
        return {"coverage": 0.9, "half_width": 250.0, "coverage_out_of_time": None}
    calibrations = [some_decision(method="sigmoid", slope=4.0 + place, intercept=-2.0) for place in range(4)]
    return {
        "calibrations": [one["calibration"] for one in calibrations],
        "costs": None,
        "abstain_below": 0.3,
        "log_loss_out_of_time": {},
    }


def some_decision(**calibration: Any) -> dict[str, Any]:
    """Return what `decide` writes, with another calibration."""
    calibrated = {"method": "none", "slope": 0.0, "intercept": 0.0, "scores": [], "probabilities": []}
    costs = {"cost_false_positive": 1.0, "cost_false_negative": 1.0, "alert_budget_per_day": None}
    return {"calibration": calibrated | calibration, "threshold": 0.5, **costs, "brier_out_of_time": {}}


def write_bundle(
    folder: Path, pipeline: Pipeline, decision: dict[str, Any] | None = None, problem: Problem = SHOPS
) -> Servable:
    """Write a bundle of a pipeline that learned from `learnable`, or from `learnable_of`, and open it."""
    folder.mkdir(parents=True, exist_ok=True)
    train = learnable_of("binary", 600)[0][list(pipeline.feature_names_in_)]
    contract = {"declaration": [declaration_of(feature) for feature in problem.features], "hidden": [], "columns": []}
    write_json(decision or some_decision(), folder / "decision.json")
    write_json(contract, folder / "features.json")
    write_model(folder, "shops", problem, pipeline, train)
    np.savez(folder / "state.npz", time=np.arange(100))
    (folder / "model_card.md").write_text("# Shops\n", encoding="utf-8")
    write_json(NOTHING_USUAL.as_json(), folder / "monitoring.json")
    seal(folder, ORIGIN)
    return Servable.load(folder)


def start_packaging(folder: Path, changes: dict[str, Any] | None = None) -> None:
    """Lay a folder out as the repository stands before `package`: the small project, decided, and its code."""
    start_project(folder, {"package.threshold_rows": 1000} | (changes or {}))
    git_init(folder)
    write_table(payments(), folder / "data/raw/records.parquet")
    write_table(payments().head(0).assign(source_row=0, reason=""), folder / "data/quarantine/rejected.parquet")
    run_stages(folder, "featurize", "split", "train", "decide")
    (folder / "metrics/card").mkdir(parents=True, exist_ok=True)
    (folder / "metrics/card/model_card.md").write_text("# The model\n", encoding="utf-8")
    (folder / "src").symlink_to(ROOT / "src")
    for name in ("dvc.yaml", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
