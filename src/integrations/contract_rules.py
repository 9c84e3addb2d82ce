"""The contract of a problem as a list of rules, from which the files of data-quality tools are written.

The rules say what `lifecycle.contract.row_validation` checks, of a table whose columns have types, such as
data/raw/records.parquet.
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.core.params import load_params
from lifecycle.core.value_limits import FLOAT32
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Column, Problem


class Rule(NamedTuple):
    """What one or several columns must fulfil.

    `kind` is one of type, present, at_least, at_most, before, one_of, decimals, readable, unique, distinct; `limit` is
    the type's word, the smallest or largest value, the first day too late, the legal values, or the decimal places.
    """

    kind: str
    columns: tuple[str, ...]
    limit: Any = None

    @property
    def column(self) -> str:
        """The first column, of most rules the only one."""
        return self.columns[0]


def rules_of(problem: Problem, as_of: date | None) -> list[Rule]:
    """Return the rules of a contract, column by column.

    Parameters
    ----------
    problem : Problem
        Its contract and roles.
    as_of : datetime.date or None
        The last day a record can be from; None where the calendar has no say.

    Examples
    --------
    >>> from lifecycle.problem import Column, Hour, Problem
    >>> columns = Column("at", "timestamp", "when"), Column("bad", "integer", "label", isin=(0, 1))
    >>> rules = rules_of(Problem(columns, (Hour("hour"),), "bad", time="at"), None)
    >>> [(rule.kind, rule.limit) for rule in rules if rule.column == "bad"]
    [('type', 'integer'), ('present', True), ('one_of', [0, 1])]
    """
    found = [rule for column in problem.contract for rule in _of_column(column, problem, as_of)]
    return [*found, Rule("distinct", tuple(problem.distinct))] if problem.distinct else found


def _of_column(column: Column, problem: Problem, as_of: date | None) -> list[Rule]:
    legal = column.isin or (tuple(problem.classes) if column.name == problem.target else ())
    is_number, is_time = column.type == "number", column.name == problem.time
    wanted = {
        "type": f"nullable {column.type}" if column.nullable and column.type == "integer" else column.type,
        "present": None if column.nullable else True,
        "at_least": -FLOAT32 if is_number and column.ge is None else _limit(column.ge),
        "at_most": FLOAT32 if is_number and column.le is None else _limit(column.le),
        "before": _limit((as_of + timedelta(days=1)).isoformat()) if is_time and as_of is not None else None,
        "one_of": list(legal) or None,
        "decimals": column.decimals,
        "readable": True if column.type == "text" else None,
        "unique": True if column.unique else None,
    }
    return [Rule(kind, (column.name,), limit) for kind, limit in wanted.items() if limit is not None]


def _limit(value: float | str | None) -> float | str | None:
    """Return a limit; one of time in UTC, without a zone, to the second or finer: tables have it so."""
    if not isinstance(value, str):
        return value
    moment = datetime.fromisoformat(value)
    return (moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment).isoformat()


def rules_of_project(as_of: date | None) -> list[Rule]:
    """Return the rules of the problem that params.yaml names; `validate.as_of` holds where no day is given."""
    params = load_params()
    return rules_of(load_problem(params.problem), as_of or params.validate_.as_of)


def parsed(tool: str, argv: Sequence[str], folder: str) -> argparse.Namespace:
    """Return `folder` and `as_of` of the command line of an export."""
    parser = argparse.ArgumentParser(prog=f"mlops.py export {tool}", description=f"Write the contract for {tool}.")
    parser.add_argument("--folder", type=Path, default=Path(folder), help=f"where to write; else {folder}")
    parser.add_argument("--as-of", type=date.fromisoformat, help="last day a record can be from; else validate.as_of")
    return parser.parse_args(argv)
