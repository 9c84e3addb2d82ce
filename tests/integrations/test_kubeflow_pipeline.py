"""The pipeline says what the graph says; the real compiler takes it, and the real runner runs it on this machine."""

from pathlib import Path

import pytest
import yaml

from integrations.kubeflow_pipeline import text
from tests.integrations.helpers_orchestrators import SMALL, exported, holds_for_every_orchestrator, started, table

PLACE = ("--image", "registry/image:1", "--claim", "workspace")
LOCALLY = """
import sys
from pathlib import Path
from kfp import local
sys.path.append("exports")
import graph
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1])
graph.pipeline()
"""


def test_the_file_compiles_and_holds_the_tasks_and_the_settings() -> None:
    source = text(SMALL)
    assert table(source) == {task.name: (task.command, [*task.after]) for task in SMALL.tasks}
    assert "num_retries=2" in source
    assert "mount_pvc(made[name], pvc_name='claim', mount_path='/work space')" in source


@pytest.mark.nightly
def test_the_compiled_pipeline_runs_one_task_after_another_on_the_volume(workspace: Path, tmp_path: Path) -> None:
    file = exported("kubeflow", workspace, "exports/graph.py", *PLACE)
    started("kubeflow", "python", str(file), folder=workspace, home=tmp_path)(0)
    pipeline, platform = yaml.safe_load_all(file.with_suffix(".yaml").read_text(encoding="utf-8"))
    tasks, names = pipeline["root"]["dag"]["tasks"], [*table(file.read_text(encoding="utf-8"))]
    shown = {key: task["taskInfo"]["name"] for key, task in tasks.items()}
    after = {shown[key]: {shown[other] for other in task.get("dependentTasks", [])} for key, task in tasks.items()}
    assert after.keys() == set(names)
    for number, name in enumerate(names):
        assert after[name] >= {*table(file.read_text(encoding="utf-8"))[name][1], *names[:number][-1:]}
    assert all(task["retryPolicy"]["maxRetryCount"] == 1 for task in tasks.values())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert {mount["mountPath"] for executor in executors.values() for mount in executor["pvcMount"]} == {"/project"}


@pytest.mark.nightly
def test_the_real_runner_runs_the_graph_and_stops(workspace: Path, tmp_path: Path) -> None:
    exported("kubeflow", workspace, "exports/graph.py", *PLACE, f"--folder {workspace}")
    run = started("kubeflow", "python", "-c", LOCALLY, str(tmp_path / "root"), folder=workspace, home=tmp_path)
    holds_for_every_orchestrator(workspace, run)
