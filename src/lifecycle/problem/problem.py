"""What a problem declares: its contract, its feature list and its roles. One file per problem in `src/problems/`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from lifecycle.core.errors import PipelineError
from lifecycle.problem.purpose import Purpose, Words
from lifecycle.problem.slice_definitions import Band
from lifecycle.problem.window_words import AT_ONCE, Feature, Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


Task = Literal["binary", "multiclass", "regression"]
MAX_FEATURE_AUC = 0.95
ROW_NUMBER = "row_number"  # the key of a problem that names none


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
    unit : {"d", "s", "ms", "us", "ns"}, optional
        Of a timestamp that the source has as a number of days, seconds, ... since 1970. Without it, times are ISO 8601.
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
    unit: Literal["d", "s", "ms", "us", "ns"] | None = None
    default: float | str | None = None

    @property
    def storage_type(self) -> str:
        """The dtype that valid values are stored as."""
        if self.type != "integer":
            return {"number": "float64", "timestamp": "datetime64[us]", "text": "str"}[self.type]
        if self.nullable:
            return "float64"  # whole numbers up to 2**53, and missing ones
        small = self.isin is not None and all(-128 <= value <= 127 for value in self.isin)
        return "int8" if small else "int64"


@dataclass(frozen=True)
class Problem:
    """A problem: what the stages need to know of the data.

    Parameters
    ----------
    contract : tuple of Column
        Every column of `data/raw/records.parquet`, in order.
    features : tuple of Feature
        What the model sees, by the words of `lifecycle.problem.window_words`, and what that is made from.
    hidden : tuple of str
        Columns of features that only lead to others: computed, but not seen by the model.
    target : str
        The column that holds the label.
    key : str
        The column that identifies a record. Without one, the records are counted: a column `row_number`, from 0.
    time : str, optional
        The column that says when a record happened. Without one, records are in the order of their keys.
    task : {"binary", "multiclass", "regression"}
        What the label is: one of two classes, one of several, or a number.
    positive : int or str, optional
        The label of a positive where it is not 1; every other label is a negative then.
    classes : tuple of int or str
        The labels of a multiclass problem, in the order in which figures show them.
    entity : str, optional
        Whose records belong together: an interval resamples entities, an entity is alerted on once a day.
    amount : str, optional
        The money at stake in a record.
    slices, groups : tuple of Band
        Cuts into groups whose figures are shown one by one, and cuts whose groups must be treated alike; the columns
        that they are made from are copied into the tables of scores.
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
    generator : str, optional
        A module of src/problems/generators whose `simulate` makes the source's table where there is no file.
    words : Words
        What people call a record, a positive and an entity.
    purpose : Purpose, optional
        What the model is for, what it must not be used for, and whom it can harm: for the model card.
    """

    contract: tuple[Column, ...]
    features: tuple[Feature, ...]
    target: str
    key: str = ROW_NUMBER
    time: str | None = None
    task: Task = "binary"
    positive: int | str | None = None
    classes: tuple[int | str, ...] = ()
    entity: str | None = None
    amount: str | None = None
    hidden: tuple[str, ...] = ()
    slices: tuple[Band, ...] = ()
    groups: tuple[Band, ...] = ()
    sensitive: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prepare: Callable[["pd.DataFrame"], "pd.DataFrame"] | None = None
    generator: str | None = None
    words: Words = field(default_factory=Words)
    purpose: Purpose | None = None

    def __post_init__(self) -> None:
        """Add the number of the row to the contract, where that is the key; keep labels from records of their time."""
        if self.key == ROW_NUMBER and not any(column.name == ROW_NUMBER for column in self.contract):
            number = Column(ROW_NUMBER, "integer", "row of the source, from 0", ge=0, unique=True, derived=True)
            object.__setattr__(self, "contract", (number, *self.contract))
        if isinstance(self.features, tuple):
            features = (_of_earlier_labels(feature, self.label_columns) for feature in self.features)
            object.__setattr__(self, "features", tuple(features))

    @property
    def counts_rows(self) -> bool:
        """Whether the key is the number of the row, which no source has."""
        return self.key == ROW_NUMBER and self.columns[ROW_NUMBER].derived

    @property
    def columns(self) -> dict[str, Column]:
        """The contract by column name."""
        return {column.name: column for column in self.contract}

    @property
    def time_column(self) -> str:
        """The column of times, for what has no meaning without one.

        Raises
        ------
        PipelineError
            The problem has none.
        """
        if self.time is None:
            raise PipelineError("the problem has no time; name its column in src/problems/: time=...")
        return self.time

    @property
    def implied(self) -> dict[str, dict[str, Any]]:
        """What a `null` in params.yaml means where `defaults` says nothing."""
        drawn = "random" if self.task == "regression" else "stratified"
        return {"split": {"strategy": drawn if self.time is None else "time", "max_feature_auc": MAX_FEATURE_AUC}}

    @property
    def outputs(self) -> int:
        """How many numbers a model says of a record: a probability per class where there are several."""
        return max(len(self.classes), 1)

    @property
    def class_names(self) -> tuple[str, ...]:
        """What people call the classes, by their codes; none where the target is a number."""
        if self.task == "binary":
            return self.words.negative, self.words.positive
        return tuple(map(str, self.classes))

    @property
    def stored(self) -> dict[str, Column]:
        """The columns as they are kept after the contract gate: the label of a class is its code, 0, 1, ..."""
        label = self.columns[self.target]
        kept = {"type": "number"} if self.task == "regression" else {"type": "integer", "isin": self.codes}
        return self.columns | {self.target: replace(label, **kept)}

    @property
    def codes(self) -> tuple[int, ...]:
        """The codes that stand for the classes."""
        return tuple(range(len(self.class_names)))

    @property
    def feature_names(self) -> list[str]:
        """The columns the model sees, in order."""
        return [name for feature in self.features for name in feature.names if name not in self.hidden]

    @property
    def banded(self) -> list[str]:
        """The columns that slices and groups are made from."""
        return list(dict.fromkeys(band.column for band in (*self.slices, *self.groups)))

    def identity(self, *extra: str) -> list[str]:
        """Return the columns that say which record a score belongs to, what it is worth, and which groups it is in."""
        roles = (*extra, self.key, self.time, self.entity, self.amount, self.target, *self.banded)
        return list(dict.fromkeys(name for name in roles if name is not None))

    @property
    def label_columns(self) -> set[str]:
        """What is known only after the label delay."""
        return {self.target, *(column.name for column in self.contract if column.late)}

    @property
    def decimals(self) -> dict[str, int]:
        """Decimal places of the columns that can be summed exactly."""
        whole = {column.name: 0 for column in self.contract if column.type == "integer"}
        return whole | {column.name: column.decimals for column in self.contract if column.decimals is not None}

    def prediction_columns(self, name: str = "score") -> list[str]:
        """Return the columns that hold a model's predictions in a table of scores."""
        count = self.outputs
        return [name] if count == 1 else [f"{name}_{code}" for code in range(count)]

    def as_columns(self, prediction: "np.ndarray", name: str = "score") -> dict[str, "np.ndarray"]:
        """Return predictions of shape (n,) or (n, classes) as columns of a table."""
        names = self.prediction_columns(name)
        return dict(zip(names, [prediction] if prediction.ndim == 1 else prediction.T, strict=True))

    def prediction(self, scored: "pd.DataFrame", name: str = "score") -> "np.ndarray":
        """Return the predictions of a table of scores, shape (n,) or (n, classes)."""
        values = scored[self.prediction_columns(name)].to_numpy(dtype="float64")
        return values if self.outputs > 1 else values[:, 0]


def _of_earlier_labels(feature: Feature, labels: set[str]) -> Feature:
    """Return a feature; a window without delay that sees labels then covers records of an earlier time only."""
    if not isinstance(feature, Window) or feature.delay_days:
        return feature
    try:
        feature.check_fields()
    except PipelineError:  # the declaration's checks say so in their own words
        return feature
    return feature if labels.isdisjoint(feature.sees) else replace(feature, delay_days=AT_ONCE)
