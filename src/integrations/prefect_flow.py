"""The graph as a flow of Prefect 3: one task a stage, one at a time.

    python src/mlops.py export prefect --output flow.py
    PREFECT_SERVER_ANALYTICS_ENABLED=false python flow.py

Prefect has an environment of its own, the tasks use that of the workspace.
"""

from collections.abc import Sequence
from string import Template

from integrations.graph_description import Pipeline, export_graph, filled

FILE = Template('''\
"""The stages of dvc.yaml as tasks, written by `python src/mlops.py export prefect`: change dvc.yaml, not this file."""

import subprocess

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

# The command of each task, and the tasks that it follows.
TASKS = $tasks


@task(retries=$retries)
def stage(command):
    subprocess.run(command, shell=True, cwd=$folder, check=True)


# One task at a time: they share a workspace, and DVC locks it.
@flow(name=$name, task_runner=ThreadPoolTaskRunner(max_workers=1))
def pipeline():
    made = {}
    for name, (command, after) in TASKS.items():
        made[name] = stage.with_options(name=name).submit(command, wait_for=[made[other] for other in after])
    for future in made.values():
        future.result()  # raises what the task has raised


if __name__ == "__main__":
    pipeline()
''')


def text(pipeline: Pipeline) -> str:
    """Return the content of the flow's file."""
    return filled(FILE, pipeline)


def export(argv: Sequence[str]) -> None:
    """Write the flow's file."""
    export_graph(text, "prefect", argv)
