"""The graph as other orchestrators want it: one task a stage, its command, and the tasks it follows.

DVC's own index says what there is. Edges that follow from others are left out: where `card` follows `audit`, and
`audit` follows `evaluate`, `card` does not name `evaluate`. What was added by hand (`dvc add`) is no task.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from graphlib import TopologicalSorter
from pathlib import Path
from string import Template
from typing import NamedTuple

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.repository.dvc_objects import dvc_repository

LONGEST = 63  # letters of a name that Kubernetes takes


class Task(NamedTuple):
    """One stage: its name (lower-case letters, digits, hyphens), its shell command, and the names it follows."""

    name: str
    command: str
    after: tuple[str, ...]


class Pipeline(NamedTuple):
    """What a writer needs: the tasks, each behind those it follows, and where and how they run.

    `folder` is the workspace, on the machine that runs the tasks; `image` and `claim` (the image of the containers, and
    the volume claim that holds the workspace) are of Kubernetes alone.
    """

    name: str
    tasks: Sequence[Task]
    folder: str
    retries: int
    image: str
    claim: str


def read_tasks() -> list[Task]:
    """Return the tasks of the repository in the working folder.

    Raises
    ------
    PipelineError
        DVC can't read the graph, or two stages would get the same name.
    """
    with dvc_repository() as repo:
        graph = repo.index.graph
        runs = [stage for stage in graph if stage.cmd]
        direct = {
            stage.addressing: {other.addressing for other in graph.successors(stage) if other.cmd} for stage in runs
        }
    return tasks_of(direct)


def tasks_of(direct: Mapping[str, Set[str]]) -> list[Task]:
    """Return the tasks of stages, each with the stages that it rests on.

    Examples
    --------
    >>> [(task.name, task.after) for task in tasks_of({"a": set(), "b@1": {"a"}, "c": {"a", "b@1"}})]
    [('a', ()), ('b-1', ('a',)), ('c', ('b-1',))]
    """
    names = {stage: task_name(stage) for stage in direct}
    twice = sorted(stage for stage in names if [*names.values()].count(names[stage]) > 1)
    if twice:
        raise PipelineError(f"dvc.yaml: {', '.join(twice)} would get the same task name; rename one of them")
    return [
        Task(names[stage], command_of(stage), tuple(sorted(names[other] for other in after)))
        for stage, after in reduced(direct).items()
    ]


def reduced(direct: Mapping[str, Set[str]]) -> dict[str, Set[str]]:
    """Return the transitive reduction of a graph without circles, each node behind those it rests on."""
    everything: dict[str, Set[str]] = {}  # that a node rests on, directly or not
    found = {}
    for node in TopologicalSorter({node: sorted(direct[node]) for node in direct}).static_order():
        implied = set[str]().union(*(everything[other] for other in direct[node]))
        everything[node], found[node] = implied | direct[node], direct[node] - implied
    return found


def task_name(stage: str) -> str:
    """Return a name that every orchestrator takes.

    Examples
    --------
    >>> task_name("models/dvc.yaml:Train@deep")
    'models-dvc-yaml-train-deep'
    """
    name = re.sub(r"[^a-z0-9]+", "-", stage.lower()).strip("-")
    if not name or len(name) > LONGEST:
        raise PipelineError(f"dvc.yaml: stage {stage} gives the task name {name!r}; 1 to {LONGEST} letters are allowed")
    return name


def command_of(stage: str) -> str:
    """Return the shell command of a stage; the environment that `make` has made is used where there is one."""
    return f"PATH=$PWD/.venv/bin:$PATH dvc --wait-for-lock repro --single-item {shlex.quote(stage)}"


def python_table(tasks: Sequence[Task]) -> str:
    """Return the tasks as the source of a dict: name, then command and names it follows.

    Examples
    --------
    >>> print(python_table([Task("train", "dvc repro train", ("split",))]))
    {
        'train': ('dvc repro train', ['split']),
    }
    """
    lines = [f"    {task.name!r}: ({task.command!r}, {list(task.after)!r}),\n" for task in tasks]
    return "{\n" + "".join(lines) + "}"


def filled(template: Template, pipeline: Pipeline) -> str:
    """Return the source of a Python file: a template with the pipeline's tasks, name, folder and retries."""
    return template.substitute(
        tasks=python_table(pipeline.tasks),
        name=repr(pipeline.name),
        folder=repr(pipeline.folder),
        retries=pipeline.retries,
    )


def export_graph(writer: Callable[[Pipeline], str], target: str, argv: Sequence[str], kubernetes: bool = False) -> None:
    """Read a target's options, and print or write the graph in its form."""
    options = _options(target, argv, kubernetes)
    name = task_name(load_params().problem)
    where = (options.folder, options.retries, options.image, options.claim)
    text = writer(Pipeline(name, read_tasks(), *where))
    if options.output is None:
        sys.stdout.write(text)
        return
    with atomic(options.output) as path:
        path.write_text(text, encoding="utf-8")


def _options(target: str, argv: Sequence[str], kubernetes: bool) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"mlops.py export {target}", description=f"Write the graph for {target}.")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to; else it is printed")
    folder = "/project" if kubernetes else str(Path.cwd())
    parser.add_argument("--folder", default=folder, help=f"the workspace, where tasks run; {folder}")
    parser.add_argument("--retries", type=int, default=1, metavar="N", help="how often a failed task is tried again; 1")
    parser.set_defaults(image="", claim="")
    if kubernetes:
        parser.add_argument("--image", required=True, help="holds git, Python and requirements.lock")
        parser.add_argument("--claim", required=True, help="the volume claim that holds the workspace")
    options = parser.parse_args(argv)
    if options.retries < 0 or not Path(options.folder).is_absolute():
        parser.error("--retries is 0 or more, and --folder starts with /")
    return options
