"""Number the rows, let a problem's `prepare` make its derived columns, and see that it changes nothing else."""

import traceback
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import as_arrow
from lifecycle.problem.column_types import DECIMAL, parse, to_series
from lifecycle.problem.problem import ROW_NUMBER, Column, Problem


def derive(table: pa.Table, problem: Problem, origin: str) -> pa.Table:
    """Add the derived columns, and drop the ignored ones.

    Parameters
    ----------
    table : pyarrow.Table
        The other columns of the contract, as the source has them, and ignored ones. `prepare` gets the former read by
        their types, with a gap where a value does not fit, and the latter as they stand.
    problem : Problem
        Its contract and its `prepare`.
    origin : str
        What the table is called in messages.

    Raises
    ------
    PipelineError
        `prepare` fails, does not make a column, changes another one, or does not keep every row in its place.
    """
    derived = [column.name for column in problem.contract if column.derived]
    made = {ROW_NUMBER: pa.array(range(len(table)), pa.int64())} if problem.counts_rows else {}
    wanted = [name for name in derived if name not in made]
    if wanted and problem.prepare is None:
        raise PipelineError(f"{origin}: column {wanted[0]} is derived, but the problem has no `prepare` to make it")
    if problem.prepare is not None:
        made |= _made_by_prepare(table, problem, wanted, origin)
    table = table.select([name for name in table.column_names if name in problem.columns])
    for name in derived:
        table = table.append_column(name, made[name])
    return table


def _made_by_prepare(table: pa.Table, problem: Problem, wanted: list[str], origin: str) -> dict[str, pa.Array]:
    decimal = (table.schema.metadata or {}).get(DECIMAL, b".").decode()
    columns = {name: _read(table[name], problem.columns.get(name), decimal) for name in table.column_names}
    given = pd.DataFrame(columns, copy=False)
    made = _prepared(given, problem, origin)
    _check(made, given, wanted, origin)
    return dict(zip(wanted, as_arrow(made[wanted]).columns, strict=True))


def _read(values: pa.ChunkedArray, column: Column | None, decimal: str) -> pd.Series:
    return values.to_pandas() if column is None else to_series(parse(values, column, decimal).values)


def _prepared(given: pd.DataFrame, problem: Problem, origin: str) -> Any:
    try:
        return problem.prepare(given.copy())  # type: ignore[misc]
    except PipelineError:
        raise
    except Exception as error:  # it is the user's code
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).parent.name == "problems"]
        place = f"src/problems/{Path(own[-1].filename).name}, line {own[-1].lineno}" if own else "src/problems"
        raise PipelineError(
            f"{place}: `prepare` failed on {origin}: {type(error).__name__}: {error}{_advice(error, given)}"
        ) from error


def _advice(error: Exception, given: pd.DataFrame) -> str:
    """Say which columns there are, where `prepare` asked for another one in vain."""
    return f"; it gets the columns {', '.join(map(str, given))}" if isinstance(error, KeyError | AttributeError) else ""


def _check(made: Any, given: pd.DataFrame, derived: list[str], origin: str) -> None:
    if not isinstance(made, pd.DataFrame):
        raise PipelineError(f"{origin}: `prepare` must return a table, not {type(made).__name__}")
    if len(made) != len(given):
        raise PipelineError(
            f"{origin}: `prepare` returned {len(made):,} rows for {len(given):,}: it must keep every row, or some would"
            " be lost without a reason"
        )
    names = [str(name) for name in made.columns]
    wrong = [name for name in derived if names.count(name) != 1]
    if wrong:
        raise PipelineError(
            f"{origin}: `prepare` must make the derived column {wrong[0]}, once; it returned {', '.join(names)}"
        )
    changed = [name for name in given if name in names and (names.count(name) > 1 or _differ(made[name], given[name]))]
    moved = not made.index.equals(given.index)
    if moved or changed:
        what = "the order of the rows, or their index" if moved else f"column {changed[0]}"
        raise PipelineError(
            f"{origin}: `prepare` changed {what}: it may only add derived columns, so that rejected rows are"
            " shown as the source has them. Give the new values a column of their own, with derived=True"
        )


def _differ(made: pd.Series, given: pd.Series) -> bool:
    """Tell whether values differ; another type for the same values is no difference."""
    if made.equals(given):
        return False
    here, there = (values.astype(object).where(values.notna().to_numpy(), None).tolist() for values in (made, given))
    return here != there
