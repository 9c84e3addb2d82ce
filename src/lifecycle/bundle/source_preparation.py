"""Make the columns that a problem derives from its source, by the very `prepare` that the bundle was made with.

A bundle holds no code. `prepare` is that of src/problems/ beside this file, and is run only when the file is the one
whose hash the bundle's manifest has.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.problem.column_types import parse
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import ROW_NUMBER, Problem
from lifecycle.sources.derived_columns import derive

PROBLEMS = Path(__file__).parents[2] / "problems"


def columns_to_make(servable: Servable, read: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return the derived columns of the source that are to be made, none where the file has all that is read.

    Parameters
    ----------
    servable : Servable
        The model.
    read : sequence of str
        The columns that its features are made from.
    given : sequence of str
        The columns of the file.
    """
    columns = {each["name"]: each for each in servable.schema["columns"]}
    derived = [name for name in derived_columns(servable) if name not in given]
    source = {name for name, each in columns.items() if not each["derived"] and each["default"] is None}
    whole = source - set(servable.schema["labels"]) <= set(given)  # then it is the source's, and can have its key
    needed = {*read, servable.schema["key"]} if whole else {*read}
    return derived if needed & set(derived) else []


def make_columns(servable: Servable, table: pa.Table) -> pa.Table:
    """Return a table of the source with the derived columns.

    Labels and sensitive columns that it lacks are there for `prepare`, without a value: no feature is made from them.

    Raises
    ------
    PipelineError
        The code that makes them is not here, is another one, or fails.
    """
    problem = problem_of(servable)
    for name in sorted(problem.label_columns | set(problem.sensitive)):
        if name not in table.column_names and not problem.columns[name].derived:
            table = table.append_column(name, pa.nulls(len(table)))
    kept = [name for name in table.column_names if name in problem.ignored or _is_source(problem, name)]
    return derive(table.select(kept), problem, "the rows")


def values_made(servable: Servable, columns: Mapping[str, list[Any]], made: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values of derived columns for some records of the source, as JSON has them.

    Parameters
    ----------
    servable : Servable
        The model.
    columns : mapping of str to list, shape (n,)
        What was sent.
    made : sequence of str
        The columns to return.

    Raises
    ------
    PipelineError
        See `make_columns`; or a column that was sent holds values of several types.
    """
    try:
        table = pa.table(dict(columns))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise PipelineError(f"the columns of the records hold values of several types: {error}") from error
    found, problem = make_columns(servable, table), problem_of(servable)
    return {name: _as_json(parse(found[name], problem.columns[name]).values) for name in made}


def _as_json(values: pa.Array) -> list[Any]:
    return [each.isoformat() if isinstance(each, datetime) else each for each in values.to_pylist()]


def problem_of(servable: Servable) -> Problem:
    """Return the problem of a bundle, when its file is the one that the bundle was made with.

    Raises
    ------
    PipelineError
        It is missing, or another one: says which columns make do without it.
    """
    name = servable.schema["problem"]
    path, columns = PROBLEMS / f"{name}.py", ", ".join(derived_columns(servable))
    advice = f"give the columns that its `prepare` makes: {columns}"
    if not path.is_file():
        raise PipelineError(f"src/problems/{name}.py is not here; {advice}")
    known = servable.manifest.content["code"].get(f"src/problems/{name}.py")
    if hashlib.md5(path.read_bytes()).hexdigest() != known:
        raise PipelineError(f"src/problems/{name}.py is not the file that the bundle was made with; {advice}")
    return load_problem(name)


def derived_columns(servable: Servable) -> list[str]:
    """Return the columns that `prepare` makes."""
    return [each["name"] for each in servable.schema["columns"] if each["derived"] and each["name"] != ROW_NUMBER]


def _is_source(problem: Problem, name: str) -> bool:
    return name in problem.columns and not problem.columns[name].derived
