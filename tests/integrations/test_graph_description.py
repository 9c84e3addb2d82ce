"""The graph that is exported is DVC's: its stages, its edges without those that follow from others, and sound names."""

import re
from pathlib import Path

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.argo_workflow import export as export_argo
from integrations.graph_description import Task, command_of, read_tasks, reduced, task_name, tasks_of
from lifecycle.core.errors import PipelineError
from tests.conftest import run
from tests.graph import ROOT, stages


@pytest.fixture(scope="module")
def tasks() -> dict[str, Task]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return {task.name: task for task in read_tasks()}


def test_every_stage_is_a_task_and_follows_what_it_rests_on(tasks: dict[str, Task]) -> None:
    content = stages()
    assert tasks.keys() == content.keys()
    makers = {
        out if isinstance(out, str) else next(iter(out)): name for name in content for out in content[name]["outs"]
    }
    read = networkx.DiGraph((name, makers[dep]) for name in content for dep in content[name]["deps"] if dep in makers)
    graph = networkx.DiGraph((name, other) for name, task in tasks.items() for other in task.after)
    assert set(graph.edges) == set(networkx.transitive_reduction(read).edges)
    names = [*tasks]
    assert all(names.index(other) < names.index(name) for name, task in tasks.items() for other in task.after)


@pytest.mark.nightly
def test_the_edges_are_those_that_dvc_shows(tasks: dict[str, Task]) -> None:
    shown = networkx.DiGraph(re.findall(r'"(.+)" -> "(.+)";', run("dvc dag --dot", ROOT).stdout))
    edges = {(other, name) for name, task in tasks.items() for other in task.after}
    assert edges == set(networkx.transitive_reduction(shown).edges)


@settings(deadline=None, max_examples=30)  # networkx imports more when it is first used
@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda edge: edge[0] > edge[1])))
def test_the_reduction_is_that_of_networkx(edges: set[tuple[int, int]]) -> None:
    graph = networkx.DiGraph(edges)
    found = reduced({str(node): {str(other) for other in graph.successors(node)} for node in graph})
    assert {(int(node), int(other)) for node, after in found.items() for other in after} == set(
        networkx.transitive_reduction(graph).edges
    )


@pytest.mark.parametrize("stage", ["///", "s" * 64])
def test_a_name_that_kubernetes_would_not_take_is_refused(stage: str) -> None:
    with pytest.raises(PipelineError, match="gives the task name"):
        task_name(stage)


def test_two_stages_of_one_name_are_refused() -> None:
    with pytest.raises(PipelineError, match="train@1, train_1 would get the same task name"):
        tasks_of({"train@1": set(), "train_1": set(), "other": set()})


def test_a_stages_name_is_no_shell_code(tmp_path: Path) -> None:
    (tmp_path / "dvc").write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    (tmp_path / "dvc").chmod(0o755)
    done = run(f"PATH={tmp_path}:$PATH; {command_of('a; touch b')}", tmp_path)
    assert done.stdout == "--wait-for-lock repro --single-item a; touch b\n"
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--image, --claim"),
        (["--image", "i", "--claim", "c", "--retries", "-1"], "--retries is 0 or more"),
        (["--image", "i", "--claim", "c", "--folder", "project"], "--folder starts with /"),
    ],
)
def test_a_wrong_command_line_is_refused(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        export_argo(options)
    assert said in capsys.readouterr().err
