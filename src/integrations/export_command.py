"""The command `export`: the graph, the model or the contract in the form of an outside system.

python src/mlops.py export                lists the targets
python src/mlops.py export NAME --help    says what one of them takes
"""

from collections.abc import Callable, Sequence
from importlib import import_module

from lifecycle.core.errors import PipelineError

TARGETS = {  # the function of each, which takes the rest of the command line, and what it writes
    "airflow": ("integrations.airflow_dag:export", "the graph as a DAG of Airflow 3"),
    "argo": ("integrations.argo_workflow:export", "the graph as a Workflow of Argo"),
    "evidently": ("integrations.evidently_report:export", "a report on two windows; in Evidently's own environment"),
    "feast": ("integrations.feast_repository:export", "the feature list as a repository of Feast"),
    "great_expectations": (
        "integrations.great_expectations_suite:export",
        "the contract as a suite of Great Expectations",
    ),
    "kubeflow": ("integrations.kubeflow_pipeline:export", "the graph as a pipeline of Kubeflow Pipelines 2"),
    "mlflow": ("integrations.mlflow_tracking:export", "all runs and the bundle; in MLflow's own environment"),
    "prefect": ("integrations.prefect_flow:export", "the graph as a flow of Prefect 3"),
    "soda": ("integrations.soda_contract:export", "the contract as a contract of Soda"),
    "wandb": ("integrations.wandb_tracking:export", "the workspace as an offline run; in wandb's own environment"),
}


def usage() -> str:
    """Return the list of targets."""
    width = max(map(len, TARGETS))
    lines = [f"  {name:<{width}}  {writes}" for name, (_, writes) in TARGETS.items()]
    return "\n".join(["usage: python src/mlops.py export TARGET [--help] ...", "", *lines])


def export(argv: Sequence[str]) -> None:
    """Hand the command line to the target that it names.

    Raises
    ------
    PipelineError
        There is no such target; says which there are.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return
    target, *rest = argv
    if target not in TARGETS:
        raise PipelineError(f"{target!r} is no target of export\n\n{usage()}")
    module, _, function = TARGETS[target][0].partition(":")
    found: Callable[[Sequence[str]], None] = getattr(import_module(module), function)
    found(rest)
