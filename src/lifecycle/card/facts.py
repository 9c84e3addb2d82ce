"""What a model card is made from: the JSON files of metrics/ and models/, windows, hashes, versions of libraries."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lifecycle.core.lineage import File
from lifecycle.core.params import AuditParams
from lifecycle.core.tables import first_and_last, read_table
from lifecycle.problem.problem import Problem
from lifecycle.problem.purpose import UNSAID, Purpose, Words

MINUTE = "%Y-%m-%d %H:%M"


class Window(NamedTuple):
    """The records of a file, from the first to the last."""

    first: str
    last: str
    records: int
    positives: int


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
    def words(self) -> Words:
        """What the problem calls its records."""
        return self.problem.words

    @property
    def purpose(self) -> Purpose:
        """What the problem says of its model's use, or what holds for every one."""
        return self.problem.purpose or UNSAID


def window(path: str, problem: Problem) -> Window:
    """Return times and counts of a table of records."""
    first, last = first_and_last(path, problem.time)
    target = read_table(path, [problem.target])[problem.target]
    return Window(f"{first:{MINUTE}}", f"{last:{MINUTE}}", len(target), int(target.sum()))
