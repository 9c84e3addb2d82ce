"""The graph as a DAG file of Airflow 3: one BashOperator a stage, one at a time.

    python src/mlops.py export airflow --output ~/airflow/dags/model.py

Airflow has an environment of its own, the tasks use that of the workspace.
"""

from collections.abc import Sequence
from string import Template

from integrations.graph_description import Pipeline, export_graph, filled

FILE = Template('''\
"""The stages of dvc.yaml as tasks, written by `python src/mlops.py export airflow`: change dvc.yaml, not this file."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

# The command of each task, and the tasks that it follows.
TASKS = $tasks

# One task at a time, and one run: they share a workspace, and DVC locks it.
with DAG($name, schedule=None, catchup=False, max_active_runs=1, max_active_tasks=1):
    made = {
        name: BashOperator(task_id=name, bash_command=command, cwd=$folder, append_env=True, retries=$retries)
        for name, (command, _) in TASKS.items()
    }
    for name, (_, after) in TASKS.items():
        made[name].set_upstream([made[other] for other in after])
''')


def text(pipeline: Pipeline) -> str:
    """Return the content of the DAG file."""
    return filled(FILE, pipeline)


def export(argv: Sequence[str]) -> None:
    """Write the DAG file."""
    export_graph(text, "airflow", argv)
