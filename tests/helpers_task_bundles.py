"""A small bundle for each kind of target, of a table without key and time, and one whose columns `prepare` makes."""

import functools
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.bundle.bundle_writer import seal, write_model
from lifecycle.bundle.servable import Servable
from lifecycle.core.tables import write_json
from lifecycle.features.feature_contract import contract
from lifecycle.models.families import build
from lifecycle.models.training import fit
from lifecycle.problem.problem import Column, Problem
from lifecycle.problem.record_words import Ratio, Raw
from problems import creditcard
from tests.helpers_bundle import NOTHING_USUAL, ORIGIN, some_decision
from tests.helpers_model import ROOT, learnable_of

TASKS = ("binary", "multiclass", "regression")
CLASSES = ("low", "middle", "high, really", "7")
UNCALIBRATED = some_decision()["calibration"]
DECISIONS: dict[str, dict[str, Any]] = {
    "binary": some_decision(),
    "multiclass": {
        "calibrations": [UNCALIBRATED] * 4, "costs": None, "abstain_below": 0.6, "log_loss_out_of_time": {},
    },
    "regression": {"coverage": 0.9, "half_width": 321.5, "coverage_out_of_time": None},
}  # fmt: skip
LABELS = {"binary": ("integer", {"isin": (0, 1)}), "multiclass": ("text", {}), "regression": ("number", {})}


def problem_of(task: str) -> Problem:
    """Return a problem without key and time; nothing reads `income`, and a source calls the number otherwise."""
    kind, more = LABELS[task]
    return Problem(
        contract=(
            Column("number", "number", "a share", ge=0, le=1, aliases=("Number (%)",)),
            Column("gaps", "number", "degrees", nullable=True),
            Column("shop", "text", "where"),
            Column("street", "text", "which", default="street 0"),
            Column("income", "number", "of the buyer"),
            Column("level", kind, "the label", **more),
        ),
        features=(*map(Raw, ("number", "gaps", "shop", "street")), Ratio("relative", "gaps", "number", empty=0.0)),
        target="level",
        task=task,  # type: ignore[arg-type]
        classes=CLASSES if task == "multiclass" else (),
        sensitive=("income",),
        ignored=("remark",),
    )


def records_of(task: str, rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Return records as a source has them, without what nothing reads."""
    return learnable_of(task, rows, seed)[0]


def with_features(records: pd.DataFrame) -> pd.DataFrame:
    """Return them with the feature that is computed."""
    return records.assign(relative=records["gaps"] / records["number"])


@functools.cache
def pipeline_of(task: str, seed: int = 3) -> Pipeline:
    """Return a small forest that learned from them."""
    records, target = learnable_of(task, 600)
    features = with_features(records)
    return fit(build("random_forest", task, seed, {"n_estimators": 12}, features), features, target)  # type: ignore[arg-type]


def task_bundle(folder: Path, task: str, seed: int = 3, entity: str | None = None) -> Servable:
    """Write the bundle of a kind of target, and open it; another seed is another forest."""
    problem = replace(problem_of(task), entity=entity)
    return _written(folder, problem, pipeline_of(task, seed), with_features(records_of(task, 600)))


def creditcard_bundle(folder: Path, known: bytes | None = None) -> Servable:
    """Write a bundle of the problem `creditcard`, whose `prepare` makes key and time; `known` is its file's content."""
    rng = np.random.default_rng(4)
    names = [*creditcard.COMPONENTS, "Amount", "hour"]
    train = pd.DataFrame(rng.normal(size=(300, len(names))).round(3), columns=names)
    train = train.assign(hour=rng.integers(0, 24, 300).astype(float))
    target = pd.Series((train["hour"] + train["V1"] > 12).astype(np.int8))
    pipeline = fit(build("random_forest", "binary", 3, {"n_estimators": 12}, train), train, target)
    content = (ROOT / "src/problems/creditcard.py").read_bytes() if known is None else known
    code = {"src/problems/creditcard.py": hashlib.md5(content).hexdigest()}
    return _written(folder, creditcard.PROBLEM, pipeline, train, code)


def _written(
    folder: Path, problem: Problem, pipeline: Pipeline, train: pd.DataFrame, code: dict[str, str] | None = None
) -> Servable:
    folder.mkdir(parents=True)
    write_json(DECISIONS[problem.task], folder / "decision.json")
    write_json(contract(problem, train), folder / "features.json")
    write_model(folder, "creditcard" if code else problem.task, problem, pipeline, train)
    np.savez(folder / "state.npz", time=np.arange(3))
    (folder / "model_card.md").write_text("# A model\n", encoding="utf-8")
    write_json(NOTHING_USUAL.as_json(), folder / "monitoring.json")
    seal(folder, ORIGIN._replace(code=code or {}))
    return Servable.load(folder)
