"""What DVC knows of experiments, as rows that a tracker takes: parameters, metrics, and the revision they belong to."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from lifecycle.core.errors import PipelineError

COMMAND = ("dvc", "exp", "show", "--json")
WORKSPACE = "workspace"


class Row(NamedTuple):
    """An experiment, a commit or the workspace.

    `revision` is the commit's; the workspace's is made from its content, so that another state is another row.
    `metrics` are numbers, `facts` what a metric's file holds besides, such as the day of the newest record.
    """

    revision: str
    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    facts: Mapping[str, str]


def experiments() -> list[dict[str, Any]]:
    """Return what `dvc exp show --json` says of this project.

    Raises
    ------
    PipelineError
        DVC is not there, or says no.
    """
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise PipelineError("dvc is not on the PATH: activate the project's .venv first") from error
    except subprocess.CalledProcessError as error:
        raise PipelineError(f"`{' '.join(COMMAND)}`: {error.stderr.strip()}") from error
    return list(json.loads(done.stdout))


def rows_of(shown: list[dict[str, Any]]) -> Iterator[Row]:
    """Yield a row for the workspace, and for each commit and experiment that has figures.

    Parameters
    ----------
    shown : list of dict
        As `experiments` returns it.

    Examples
    --------
    >>> data = {"params": {"params.yaml": {"data": {"train": {"depth": 8}}}},
    ...         "metrics": {"m.json": {"data": {"test": {"recall": 0.75}}}}}
    >>> list(rows_of([{"rev": "1f2e", "name": "main", "data": data, "experiments": None}]))
    [Row(revision='1f2e', name='main', params={'train.depth': 8}, metrics={'test.recall': 0.75}, facts={})]
    """
    for state in shown:
        inner = [rev for one in state["experiments"] or () for rev in one["revs"]]
        for one in (state, *inner):
            if one["data"] and one["data"]["metrics"]:
                yield _row(one)


def workspace_of(rows: Iterable[Row]) -> Row:
    """Return the row of the workspace.

    Raises
    ------
    PipelineError
        It has no figures.
    """
    for row in rows:
        if row.revision.startswith(WORKSPACE):
            return row
    raise PipelineError("the workspace has no metrics: `dvc repro` makes them, `dvc pull` fetches them")


def check_installed(package: str) -> None:
    """Refuse to go on in an environment that lacks the package of an outside system."""
    if find_spec(package) is None:
        raise PipelineError(
            f"{package} is not in this environment: it has one of its own, tests/integrations/{package}.lock;"
            " docs/integrations.md says how to call it"
        )


def _row(one: Mapping[str, Any]) -> Row:
    params, values = (_flat(one["data"][kind]) for kind in ("params", "metrics"))
    metrics = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
    facts = {name: str(value) for name, value in values.items() if name not in metrics}
    content = json.dumps([params, values], sort_keys=True).encode()
    digest = hashlib.sha256(content).hexdigest()[:12]
    revision = f"{WORKSPACE}-{digest}" if one["rev"] == WORKSPACE else one["rev"]
    return Row(revision, one["name"] or one["rev"], params, metrics, facts)


def _flat(files: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all files with dotted names."""
    found: dict[str, Any] = {}

    def add(name: str, value: Any) -> None:
        if not isinstance(value, dict):
            found[name] = value
            return
        for key, inner in value.items():
            add(f"{name}.{key}" if name else key, inner)

    for file in files.values():
        add("", file.get("data") or {})
    return found
