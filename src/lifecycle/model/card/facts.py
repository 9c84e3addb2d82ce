"""What a model card tells that no metrics file holds: windows, hashes of the files, versions of the libraries."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.io import first_and_last, read_table
from lifecycle.params import AuditParams
from lifecycle.problem import Problem
from lifecycle.purpose import UNSAID, Purpose
from lifecycle.stage import PipelineError

LIBRARIES = ("scikit-learn", "numpy", "pandas")
OWN_LIBRARY = {"lightgbm": ("lightgbm",), "xgboost": ("xgboost-cpu",)}  # what only that model is made with
MINUTE = "%Y-%m-%d %H:%M"


class Window(NamedTuple):
    """The records of a file, from the first to the last."""

    first: str
    last: str
    records: int
    frauds: int


class File(NamedTuple):
    """A file as DVC knows it."""

    path: str
    md5: str
    size: int


class Facts(NamedTuple):
    """All that a card is made from."""

    name: str  # of the problem
    problem: Problem
    json: Mapping[str, Any]  # by path
    windows: Mapping[str, Window]  # "training" and "test"
    files: Sequence[File]
    versions: Mapping[str, str]
    delay_days: float
    audit: AuditParams  # limits on how differently groups may be treated

    @property
    def purpose(self) -> Purpose:
        """What the problem says of its model's use, or what holds for every one."""
        return self.problem.purpose or UNSAID


def window(path: str, problem: Problem) -> Window:
    """Return times and counts of a table of records."""
    first, last = first_and_last(path, problem.time)
    target = read_table(path, [problem.target])[problem.target]
    return Window(f"{first:{MINUTE}}", f"{last:{MINUTE}}", len(target), int(target.sum()))


def lineage(paths: Sequence[str]) -> list[File]:
    """Return hash and size of files, as dvc.lock records them.

    They are computed: dvc.lock is no input that a stage can declare, and holds the files of the run before where a
    stage was run by hand.
    """
    found = []
    for path in paths:
        with Path(path).open("rb") as file:
            found.append(File(path, hashlib.file_digest(file, "md5").hexdigest(), Path(path).stat().st_size))
    return found


def versions(lock: str, model: str, also: Sequence[str] = ()) -> dict[str, str]:
    """Return the locked versions of the libraries that a model is made with.

    Parameters
    ----------
    lock : str
        Content of requirements.lock.
    model : str
        The model's name in params.yaml.
    also : sequence of str
        Further libraries.

    Raises
    ------
    PipelineError
        A library is not locked.
    """
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock, re.MULTILINE))
    names = (*LIBRARIES, *OWN_LIBRARY.get(model, ()), *also)
    missing = [name for name in names if name not in locked]
    if missing:
        raise PipelineError(f"requirements.lock: {missing[0]} is not locked; `make lock` writes the file anew")
    return {name: locked[name] for name in names}
