"""The labels of what a service has decided: a table with the id of the request and the truth."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from lifecycle.contract.row_validation import check
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import CsvParams
from lifecycle.monitoring.decision_log import REQUEST, ROW
from lifecycle.problem.problem import Column, Problem
from lifecycle.sources.csv_files import open_csv
from lifecycle.sources.files import read_file, unpacked

KEYS = (
    Column(REQUEST, "text", "the X-Request-ID of the request"),
    Column(ROW, "integer", "place in the request, from 0", ge=0, default=0),
)


def read_labels(path: Path, problem: Problem, options: CsvParams) -> pd.DataFrame:
    """Return request, row, the label as a code or a number, and entity, amount and bands where the file has them.

    Parameters
    ----------
    path : Path
        A CSV or parquet file with the columns `request_id` and the problem's target, as the source writes it; `row`
        where requests have several rows.
    problem : Problem
        The bundle's.
    options : CsvParams
        How a CSV file is written.

    Raises
    ------
    PipelineError
        The file can't be read, lacks a column, or has a label that the contract refuses, or two for one record: names
        the row.
    """
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; --labels names a table with {REQUEST} and {problem.target}")
    labels = _as_problem(problem, _names(path, options))
    verdict = check(read_file(path, labels, options), labels, None)
    if verdict.failed:
        reason, rows = next(iter(verdict.failed.items()))
        raise PipelineError(f"{path}: {rows:,} x {reason}; {verdict.examples[reason]}")
    return verdict.kept


def _names(path: Path, options: CsvParams) -> list[str]:
    if path.suffix.lower() == ".parquet":
        return list(map(str, pq.read_schema(path).names))
    with unpacked(path) as file:
        return open_csv(file, str(path), options)[0]


def _as_problem(problem: Problem, names: list[str]) -> Problem:
    """Return the problem of which the file is the table: a record is a row of a request."""
    roles = (problem.entity, problem.amount, *problem.banded)
    wanted = [name for name in dict.fromkeys(roles) if name in problem.columns and name in names]
    known = (*KEYS, problem.columns[problem.target], *(problem.columns[name] for name in wanted))
    return Problem(
        contract=known,
        features=(),
        target=problem.target,
        key=REQUEST,
        task=problem.task,
        positive=problem.positive,
        classes=problem.classes,
        distinct=(REQUEST, ROW),
    )
