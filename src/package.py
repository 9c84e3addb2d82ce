"""Make the bundle: all that a service needs to decide as the pipeline was judged to decide, and where it comes from.

Reads   models/, metrics/card/model_card.md, data/features/state.npz, data/splits/; the hashes of all data, code and
        libraries that made them: its own entry in dvc.yaml lists the code, and the blocks of params
Writes  models/bundle/: model.onnx, decision.json, schema.json, features.json, state.npz, reasons.npz, model_card.md,
        provenance.json, manifest.json
        metrics/package/package.json: how exactly what is served is what was evaluated; it fails where it is not
"""

import shutil
from pathlib import Path

import joblib

from lifecycle.bundle import parity
from lifecycle.bundle.bundle_files import schema, seal, swapped_in
from lifecycle.bundle.onnx_model import export
from lifecycle.bundle.parity import placed
from lifecycle.bundle.provenance import origin
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import run
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_table, write_json
from lifecycle.explanation.contributions import attribution
from lifecycle.problem.loading import fill, load_problem

BUNDLE = Path("models/bundle")
MODEL, STATE = "models/model.joblib", "data/features/state.npz"
TRAIN, FOLDS, TEST = (f"data/splits/{name}.parquet" for name in ("train", "folds", "test"))
DATA = (
    "data/raw/records.parquet", "data/validated/records.parquet", "data/features/features.parquet", STATE, TRAIN,
    FOLDS, TEST,
)  # fmt: skip
COPIED = ("models/decision.json", "models/features.json", STATE, "metrics/card/model_card.md")


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, model = load_problem(params.problem), joblib.load(MODEL)
    options = fill(params.package, problem, "package")
    folds, test = read_table(FOLDS, where=[("role", "==", "valid")]), read_table(TEST)
    with swapped_in(BUNDLE) as folder:
        for path in COPIED:
            shutil.copyfile(path, folder / Path(path).name)
        (folder / "model.onnx").write_bytes(export(model))
        (folder / "reasons.npz").write_bytes(attribution(model).as_bytes())
        write_json(schema(params.problem, problem, model, read_table(TRAIN)), folder / "schema.json")
        seal(folder, origin(options.name or params.problem, params, DATA))
        servable = Servable.load(folder)
        edge = placed(model, test[list(servable.features)], servable.missing, options.threshold_rows, options.seed)
        edge[problem.key] = range(len(edge))
        figures = [
            parity.compare(servable, model, rows, problem.key, options.max_difference) for rows in (folds, test, edge)
        ]
        size = sum(path.stat().st_size for path in folder.iterdir())
    write_json(parity.as_metrics(parity.together(figures[:2]), figures[2], size), "metrics/package/package.json")


if __name__ == "__main__":
    run(main)
