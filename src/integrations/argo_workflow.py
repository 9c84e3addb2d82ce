"""The graph as a Workflow of Argo: one container a stage, one at a time, on the volume that holds the workspace.

python src/mlops.py export argo --image IMAGE --claim CLAIM --output workflow.yaml
kubectl create -f workflow.yaml
"""

from collections.abc import Sequence
from typing import Any

import yaml

from integrations.graph_description import Pipeline, Task, export_graph


def workflow(pipeline: Pipeline) -> dict[str, Any]:
    """Return the Workflow. Its mutex keeps a second one from the workspace, which DVC locks."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{pipeline.name}-"},
        "spec": {
            "entrypoint": "graph",
            "parallelism": 1,
            "synchronization": {"mutexes": [{"name": pipeline.claim}]},
            "volumes": [{"name": "workspace", "persistentVolumeClaim": {"claimName": pipeline.claim}}],
            "templates": [
                {"name": "graph", "dag": {"tasks": [_entry(task) for task in pipeline.tasks]}},
                _run(pipeline),
            ],
        },
    }


def _entry(task: Task) -> dict[str, Any]:
    command = {"parameters": [{"name": "command", "value": task.command}]}
    after = {"dependencies": [*task.after]} if task.after else {}
    return {"name": task.name, "template": "stage", **after, "arguments": command}


def _run(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "name": "stage",
        "inputs": {"parameters": [{"name": "command"}]},
        "retryStrategy": {"limit": str(pipeline.retries)},
        "container": {
            "image": pipeline.image,
            "command": ["sh", "-c"],
            "args": ["{{inputs.parameters.command}}"],
            "workingDir": pipeline.folder,
            "volumeMounts": [{"name": "workspace", "mountPath": pipeline.folder}],
        },
    }


def text(pipeline: Pipeline) -> str:
    """Return the content of the file."""
    return yaml.safe_dump(workflow(pipeline), sort_keys=False, allow_unicode=True, width=200)


def export(argv: Sequence[str]) -> None:
    """Write the file."""
    export_graph(text, "argo", argv, kubernetes=True)
