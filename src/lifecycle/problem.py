"""What a problem declares: its contract, its feature list, its roles. One file per problem in `src/problems/`."""

import importlib
import importlib.util
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lifecycle.bands import Band
from lifecycle.declaration import check_declaration
from lifecycle.features.vocabulary import Feature
from lifecycle.params import SectionT, checked
from lifecycle.purpose import Purpose
from lifecycle.stage import PipelineError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """One column of the contract.

    Parameters
    ----------
    name : str
        Canonical name.
    type : {"integer", "number", "text", "timestamp"}
        Integers are stored as int64 (int8 where `isin` allows), numbers as float64, timestamps in microseconds.
    description : str
        Meaning and unit.
    aliases : tuple of str
        Other names a source may use.
    nullable, unique : bool
        Whether a value may be missing; whether a value may stand only once (the first is kept).
    ge, le : number or ISO timestamp, optional
        Smallest and largest legal value.
    isin : tuple, optional
        The legal values.
    decimals : int, optional
        Decimal places of a number that is summed; sums are made in this unit, so they are exact.
    derived : bool
        Made by the problem's `prepare`, so not expected in the source.
    late : bool
        Known only after the label delay, like the label.
    default : number or str, optional
        What stands in it where the source has no such column; without a default a source must have it.
    """

    name: str
    type: Literal["integer", "number", "text", "timestamp"]
    description: str
    aliases: tuple[str, ...] = ()
    nullable: bool = False
    unique: bool = False
    ge: float | str | None = None
    le: float | str | None = None
    isin: tuple[Any, ...] | None = None
    decimals: int | None = None
    derived: bool = False
    late: bool = False
    default: float | str | None = None


@dataclass(frozen=True)
class Problem:
    """A problem: what the stages need to know of the data.

    Parameters
    ----------
    contract : tuple of Column
        Every column of `data/raw/records.parquet`, in order.
    features : tuple of Feature
        What the model sees, by the words of `lifecycle.features.vocabulary`, and what that is made from.
    hidden : tuple of str
        Columns of features that only lead to others: computed, but not seen by the model.
    key, time, target : str
        The columns that identify a record, say when it happened, and hold the 0/1 label.
    card : str, optional
        The entity whose records belong together: alerts are counted per card, intervals resample cards.
    amount : str, optional
        The money at stake in a record.
    slices, groups : tuple of Band
        Cuts into groups whose figures are told one by one, and cuts whose groups must be treated alike; columns they
        are made from are carried along into the tables of scores.
    sensitive : tuple of str
        Columns that no feature may be made from.
    distinct : tuple of str
        Columns in which no two records may agree all together.
    ignored : tuple of str
        Columns of the source that are left out.
    defaults : mapping of block to mapping of key to value
        What a `null` in params.yaml means for this problem.
    prepare : callable, optional
        Makes the `derived` columns from the source's table.
    purpose : Purpose, optional
        What the model is for, what it must not be used for, and whom it can harm: for the model card.
    """

    contract: tuple[Column, ...]
    features: tuple[Feature, ...]
    key: str
    time: str
    target: str
    card: str | None = None
    amount: str | None = None
    hidden: tuple[str, ...] = ()
    slices: tuple[Band, ...] = ()
    groups: tuple[Band, ...] = ()
    sensitive: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prepare: Callable[["pd.DataFrame"], "pd.DataFrame"] | None = None
    purpose: Purpose | None = None

    def __post_init__(self) -> None:
        """Refuse a declaration that contradicts itself."""
        check_declaration(self)

    @property
    def columns(self) -> dict[str, Column]:
        """The contract by column name."""
        return {column.name: column for column in self.contract}

    @property
    def feature_names(self) -> list[str]:
        """The columns the model sees, in order."""
        return [name for feature in self.features for name in feature.names if name not in self.hidden]

    @property
    def banded(self) -> list[str]:
        """The columns that slices and groups are made from."""
        return list(dict.fromkeys(band.column for band in (*self.slices, *self.groups)))

    @property
    def label_columns(self) -> set[str]:
        """What is known only after the label delay."""
        return {self.target, *(column.name for column in self.contract if column.late)}

    @property
    def decimals(self) -> dict[str, int]:
        """Decimal places of the columns that can be summed exactly."""
        whole = {column.name: 0 for column in self.contract if column.type == "integer"}
        return whole | {column.name: column.decimals for column in self.contract if column.decimals is not None}


def load_problem(name: str) -> Problem:
    """Import the problem that params.yaml names.

    Raises
    ------
    PipelineError
        There is no such problem, or its declaration contradicts itself.
    """
    if importlib.util.find_spec(f"problems.{name}") is None:
        raise PipelineError(f"params.yaml: problem = {name!r}: there is no src/problems/{name}.py")
    try:
        module = importlib.import_module(f"problems.{name}")
    except PipelineError as error:
        raise PipelineError(f"src/problems/{name}.py: {error}") from error
    except (AttributeError, ImportError, NameError, SyntaxError, TypeError, ValueError) as error:
        raise PipelineError(f"src/problems/{name}.py{_line(error, name)}: {error}") from error
    problem = getattr(module, "PROBLEM", None)
    if problem is None:
        raise PipelineError(f"src/problems/{name}.py: it must define PROBLEM = Problem(...)")
    if not isinstance(problem, Problem):
        raise PipelineError(f"src/problems/{name}.py: PROBLEM must be a lifecycle.problem.Problem")
    return problem


def _line(error: Exception, name: str) -> str:
    """Return the line of a problem's file that an error comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename.endswith(f"{name}.py")]
    return f", line {lines[-1]}" if lines else ""


def fill(section: SectionT, problem: Problem, block: str) -> SectionT:
    """Replace each `null` of a params block by the problem's own default.

    Raises
    ------
    PipelineError
        A default has a wrong type or range.
    """
    values = section.model_dump()
    own = {key: value for key, value in problem.defaults.get(block, {}).items() if values.get(key) is None}
    return checked(type(section), values | own, f"the problem's defaults for {block}")
