"""Make the bundle: the files that a service needs to decide as the evaluated pipeline does, and their origin.

Reads   models/, metrics/card/model_card.md, data/features/state.npz, data/splits/, data/quarantine/; the hashes of all
        data, code and libraries that made them: its own entry in dvc.yaml lists the code, and the blocks of params
Writes  models/bundle/: model.onnx, decision.json, schema.json, features.json, state.npz, reasons.npz, monitoring.json,
        model_card.md, provenance.json, manifest.json; NOT_SERVED.txt alone where the model's family has no exact export
        metrics/package/package.json: how exactly what is served is what was evaluated; it fails where it is not
"""

import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import joblib
import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.bundle import parity
from lifecycle.bundle.bundle_writer import new_folder, seal, write_model, write_refusal
from lifecycle.bundle.provenance import origin
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import run
from lifecycle.core.params import PackageParams, Params, load_params
from lifecycle.core.tables import read_table, write_json
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.models.families import family_of
from lifecycle.models.prediction import predict
from lifecycle.monitoring.detectors.backtest import Scorer, calibrated
from lifecycle.monitoring.detectors.reference import Reference
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem

BUNDLE = Path("models/bundle")
MODEL, STATE = "models/model.joblib", "data/features/state.npz"
TRAIN, FOLDS, TEST = (f"data/splits/{name}.parquet" for name in ("train", "folds", "test"))
DATA = (
    "data/raw/records.parquet", "data/validated/records.parquet", "data/features/features.parquet", STATE, TRAIN,
    FOLDS, TEST,
)  # fmt: skip
COPIED = ("models/decision.json", "models/features.json", STATE, "metrics/card/model_card.md")


def check_parity(folder: Path, problem: Problem, model: Pipeline, options: PackageParams) -> dict[str, Any]:
    """Compare the bundle's scores with the pipeline's, and return the figures.

    Raises
    ------
    PipelineError
        A decision, a place in the ranking, or a score by more than params allow differs.
    """
    servable = Servable.load(folder)
    columns = list(dict.fromkeys((problem.key, *servable.features)))
    folds, test = read_table(FOLDS, columns, where=[("role", "==", "valid")]), read_table(TEST, columns)
    edge = parity.rows_on_thresholds(model, test, servable.missing, options.threshold_rows, options.seed)
    edge[problem.key] = range(len(edge))
    real, on_thresholds = (
        parity.compare(servable, model, rows, problem.key, options.max_difference)
        for rows in (pd.concat([folds, test], ignore_index=True), edge)
    )
    size = sum(path.stat().st_size for path in folder.iterdir())
    return parity.as_metrics(real, on_thresholds, size)


def usual_records(model: Pipeline, task: Task, params: Params) -> Reference:
    """Return what the model's records are usually like, and the limits that it is watched by."""
    scorer = Scorer(list(model.feature_names_in_), lambda rows: predict(model, rows), task.read_decision())
    return calibrated(task, fill(params.split, task.problem, "split"), scorer, params.package.monitoring)


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, model = load_problem(params.problem), joblib.load(MODEL)
    options, family = fill(params.package, problem, "package"), family_of(model)
    with new_folder(BUNDLE) as folder:
        if family.has_export:
            for path in COPIED:
                shutil.copyfile(path, folder / Path(path).name)
            write_model(folder, params.problem, problem, model, read_table(TRAIN))
            write_json(usual_records(model, task_of(problem), params).as_json(), folder / "monitoring.json")
            seal(folder, origin(options.name or params.problem, params, DATA))
            figures = check_parity(folder, problem, model, options)
        else:
            figures = {"not_served": f"{family.name} has no exact export"}
            print(f"{BUNDLE}: {write_refusal(folder, family)}")
    write_json({"package": figures}, "metrics/package/package.json")


if __name__ == "__main__":
    run(main)
