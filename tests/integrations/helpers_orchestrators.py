"""A built project that an orchestrator runs, a stage that fails in it, and what must be true of every orchestrator."""

import ast
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from integrations.graph_description import Pipeline, Task
from tests.conftest import run
from tests.integrations.helpers_environments import call

SMALL = Pipeline(
    "small",
    [Task("one", "do one", ()), Task("two", "do two", ("one",)), Task("three", "do 'three'", ("one", "two"))],
    folder="/work space",
    retries=2,
    image="registry/image:1",
    claim="claim",
)
FAILS = """
with open("tries", "a") as file:
    file.write("x")
raise SystemExit("planted")
"""


def table(source: str) -> Any:
    """Return the table of tasks in a file of Python that compiles."""
    (found,) = (
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TASKS"
    )
    compile(source, "generated", "exec")
    return ast.literal_eval(found)


def exported(target: str, folder: Path, name: str, *options: str) -> Path:
    """Lend a project our environment, and write a target's file into it."""
    (folder / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    run(f"python src/mlops.py export {target} --output {name} {' '.join(options)}", folder)
    return folder / name


def holds_for_every_orchestrator(folder: Path, start: Callable[[int], str]) -> None:
    """See a run that finds nothing to do, one in which a stage fails, and one that mends it.

    Parameters
    ----------
    folder : Path
        The built project.
    start : callable
        Runs the graph, sees that the process ends with this code, and returns what was printed.
    """
    built, script = (folder / "dvc.lock").read_bytes(), folder / "src/decide.py"
    sound = script.read_text(encoding="utf-8")
    start(0)
    assert (folder / "dvc.lock").read_bytes() == built

    shutil.rmtree(folder / "metrics/evaluate")  # behind the stage that fails: it must not come back
    script.write_text(FAILS, encoding="utf-8")
    start(1)
    assert (folder / "tries").read_text() == "xx"  # one retry
    assert not (folder / "metrics/evaluate").exists()

    script.write_text(sound, encoding="utf-8")
    start(0)
    assert (folder / "dvc.lock").read_bytes() == built
    assert "up to date" in run("dvc status", folder).stdout


SILENT = {
    "PYTHONPATH": "",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def started(name: str, *arguments: str, folder: Path, home: Path, **extra: str) -> Callable[[int], str]:
    """Return what calls a program of an orchestrator's environment, which keeps its own files in `home`."""
    program, *rest = arguments
    places = {"HOME": str(home), "AIRFLOW_HOME": str(home / "airflow"), "PREFECT_HOME": str(home / "prefect")}
    settings = SILENT | places | extra
    return lambda code: call(name, program, *rest, folder=folder, code=code, **settings)
