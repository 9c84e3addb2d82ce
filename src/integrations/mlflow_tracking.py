"""Runs and the model in MLflow: what `dvc exp show` lists, and the bundle, straight into a SQLite file.

    PYTHONPATH=src python -m integrations.mlflow_tracking

Writes  exports/mlflow/mlflow.db and exports/mlflow/artifacts

MLflow has an environment of its own: docs/integrations.md says how this is called. DVC stays the truth: runs are
copies, tagged with their revision, and a second import adds nothing.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from integrations.experiment_rows import Row, check_installed, experiments, rows_of, workspace_of
from lifecycle.core.errors import run

BUNDLE, FOLDER, MODEL = Path("models/bundle"), Path("exports/mlflow"), Path(__file__).with_name("mlflow_model.py")
SHOWN = (Path("metrics/card/model_card.md"), Path("metrics/evaluate/evaluation.png"))
REVISION, VERSION = "dvc.rev", "bundle.version"  # tags of a run, and of a version of the model
AT_ONCE = 100  # parameters that MLflow takes in one call
LIBRARIES = ("mlflow", "numpy", "onnxruntime", "pandas", "pyarrow")


def import_runs(client: Any, experiment: str, rows: Iterable[Row]) -> dict[str, str]:
    """Make a run of each row that has none yet; return the new runs' numbers by revision.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store to write to.
    experiment : str
        Its number in that store.
    rows : iterable of Row
        What DVC knows.
    """
    known, made = set(revisions(client, experiment)), {}
    for row in rows:
        if row.revision in known:
            continue
        tags = {REVISION: row.revision, **{f"dvc.{name}": value for name, value in row.facts.items()}}
        number = client.create_run(experiment, tags=tags, run_name=row.name).info.run_id
        _log(client, number, row)
        client.set_terminated(number)
        made[row.revision] = number
        known.add(row.revision)  # a commit may be shown more than once
    return made


def revisions(client: Any, experiment: str) -> dict[str, str]:
    """Return the numbers of the finished runs by the revisions they are tagged with."""
    found: dict[str, str] = {}
    token = None
    while True:
        page = client.search_runs([experiment], "attributes.status = 'FINISHED'", page_token=token)
        found |= {one.data.tags[REVISION]: one.info.run_id for one in page if REVISION in one.data.tags}
        token = page.token
        if not token:
            return found


def _log(client: Any, number: str, row: Row) -> None:
    from mlflow.entities import Metric, Param  # type: ignore[import-not-found]  # in an environment of its own

    params = [Param(name, str(value)) for name, value in row.params.items()]
    for start in range(0, len(params), AT_ONCE):
        client.log_batch(number, params=params[start : start + AT_ONCE])
    client.log_batch(number, metrics=[Metric(name, value, 0, 0) for name, value in row.metrics.items()])


def register(client: Any, number: str, bundle: Path, alias: str) -> tuple[str, str]:
    """Register a bundle under its own name unless it is there already, and let an alias point at it.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store that `mlflow.set_tracking_uri` was told.
    number : str
        The run that the model belongs to.
    bundle : Path
        Its folder; every file is checked against the manifest.
    alias : str
        Such as champion: MLflow finds the model by `models:/NAME@ALIAS`.

    Returns
    -------
    tuple of str
        The model's name, and its version in MLflow.
    """
    from lifecycle.bundle.servable import Servable

    servable = Servable.load(bundle)
    found = _versions(client, servable.name).get(servable.version) or _logged(client, number, servable)
    client.set_registered_model_alias(servable.name, alias, found)
    return servable.name, found


def _versions(client: Any, name: str) -> Mapping[str, str]:
    """Return MLflow's versions of a model by those of the bundles."""
    versions = client.search_model_versions(f"name = '{name}'")
    return {one.tags[VERSION]: str(one.version) for one in versions if VERSION in one.tags}


def _logged(client: Any, number: str, servable: Any) -> str:
    import mlflow  # type: ignore[import-not-found]  # in an environment of its own
    from mlflow.models import ModelSignature  # type: ignore[import-not-found]  # likewise
    from mlflow.types.schema import ColSpec, Schema  # type: ignore[import-not-found]  # likewise

    kinds = dict.fromkeys(servable.numbers, "double") | dict.fromkeys(servable.texts, "string")
    inputs = [ColSpec(kinds[name], name, required=name not in servable.missing) for name in servable.features]
    with mlflow.start_run(run_id=number):
        logged = mlflow.pyfunc.log_model(
            name=servable.name,
            python_model=str(MODEL),
            artifacts={"bundle": str(servable.folder.absolute())},
            code_paths=[str(MODEL.parents[1] / "lifecycle")],
            signature=ModelSignature(Schema(inputs)),
            pip_requirements=[f"{name}=={version(name)}" for name in LIBRARIES],
            registered_model_name=servable.name,
        )
    found = str(logged.registered_model_version)
    client.set_model_version_tag(servable.name, found, VERSION, servable.version)
    return found


def _experiment(client: Any, name: str, folder: Path) -> str:
    found = client.get_experiment_by_name(name)
    artifacts = (folder.absolute() / "artifacts").as_uri()
    return found.experiment_id if found else str(client.create_experiment(name, artifacts))


def export(argv: Sequence[str]) -> None:
    """Import all runs, and register the workspace's bundle."""
    parser = argparse.ArgumentParser(prog="mlops.py export mlflow", description="Copy runs and the model to MLflow.")
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help=f"of the SQLite file and the artifacts; else {FOLDER}"
    )
    parser.add_argument("--experiment", default="dvc", help="its name in MLflow; else dvc")
    parser.add_argument("--alias", default="champion", help="of the bundle; else champion")
    options = parser.parse_args(argv)
    check_installed("mlflow")
    import mlflow

    options.folder.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{options.folder.absolute()}/mlflow.db")
    client = mlflow.MlflowClient()
    experiment = _experiment(client, options.experiment, options.folder)
    mlflow.set_experiment(experiment_id=experiment)
    rows = list(rows_of(experiments()))
    made = import_runs(client, experiment, rows)
    print(f"{len(made)} of {len(rows)} runs are new")
    workspace = workspace_of(rows).revision
    number = revisions(client, experiment)[workspace]
    for path in SHOWN if workspace in made else ():
        client.log_artifact(number, str(path))
    name, found = register(client, number, BUNDLE, options.alias)
    print(f"models:/{name}@{options.alias} is version {found}")


if __name__ == "__main__":
    run(lambda: export(sys.argv[1:]))
