"""The Workflow says what the graph says, its names are sound, and it is what the typed model of Argo's API takes."""

import re
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

from integrations.argo_workflow import text
from tests.integrations.helpers_environments import programs
from tests.integrations.helpers_orchestrators import SMALL

# The model drops the keys that it does not know: what comes out must be what went in.
SAME = """
import sys, yaml
from hera.workflows.models import Workflow
given = yaml.safe_load(sys.stdin)
assert Workflow.model_validate(given).model_dump(by_alias=True, exclude_none=True, mode="json") == given
"""


def test_the_tasks_are_those_of_the_graph_and_run_one_at_a_time() -> None:
    spec = yaml.safe_load(text(SMALL))["spec"]
    graph, stage = spec["templates"]
    tasks = graph["dag"]["tasks"]
    assert [(task["name"], tuple(task.get("dependencies", ()))) for task in tasks] == [
        (task.name, task.after) for task in SMALL.tasks
    ]
    assert [task["arguments"]["parameters"][0]["value"] for task in tasks] == [task.command for task in SMALL.tasks]
    assert (spec["parallelism"], spec["synchronization"]) == (1, {"mutexes": [{"name": "claim"}]})
    assert stage["retryStrategy"] == {"limit": "2"}


def test_every_name_is_one_of_kubernetes_and_every_reference_leads_somewhere() -> None:
    spec = yaml.safe_load(text(SMALL))["spec"]
    templates = {template["name"]: template for template in spec["templates"]}
    tasks = {task["name"]: task for task in templates[spec["entrypoint"]]["dag"]["tasks"]}
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in [*tasks, *templates])
    order = TopologicalSorter({name: task.get("dependencies", []) for name, task in tasks.items()}).static_order()
    assert {*order} == tasks.keys()
    assert {task["template"] for task in tasks.values()} <= templates.keys()
    used = {mount["name"] for mount in templates["stage"]["container"]["volumeMounts"]}
    assert used == {volume["name"] for volume in spec["volumes"]}
    (given,) = templates["stage"]["inputs"]["parameters"]
    assert templates["stage"]["container"]["args"] == [f"{{{{inputs.parameters.{given['name']}}}}}"]


@pytest.mark.nightly
@pytest.mark.parametrize("wrong", [None, "parallelism: one", "parallelismus: 1"])
def test_the_model_of_the_api_takes_the_file_and_no_other(wrong: str | None) -> None:
    content = text(SMALL) if wrong is None else text(SMALL).replace("parallelism: 1", wrong)
    python = Path(programs("argo")) / "python"
    done = subprocess.run([python, "-c", SAME], input=content, text=True, capture_output=True, check=False)
    assert (done.returncode == 0) == (wrong is None), done.stderr
