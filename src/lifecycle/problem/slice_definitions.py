"""Cuts of the records into groups: for figures by slice, and for the fairness audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MISSING, OTHERS = "missing", "others"
MOST_VALUES = 20  # of a column's values that get a group each: the most frequent; the rest are one group


@dataclass(frozen=True)
class Band:
    """A way to cut records into groups: by a column's values, by edges, or by quantiles of the rows given.

    Parameters
    ----------
    name : str
        What figures call it.
    column : str
        A column of the contract or a feature, also a hidden one.
    edges : tuple of float
        Ascending; a value that equals an edge belongs to the group below it.
    quantiles : int
        Number of groups of about the same size; equal values stay together. 0: none.
    labels : tuple of str
        Names of the groups that edges or quantiles make, lowest first.

    Examples
    --------
    >>> Band("amount", "amount", edges=(25, 100)).names
    ('up to 25', '25 to 100', 'above 100')
    """

    name: str
    column: str
    edges: tuple[float, ...] = ()
    quantiles: int = 0
    labels: tuple[str, ...] = ()

    @property
    def cuts(self) -> int:
        """Number of edges that cut the values; 0 where each value is a group."""
        return len(self.edges) or max(self.quantiles - 1, 0)

    @property
    def names(self) -> tuple[str, ...]:
        """The groups that edges or quantiles make, lowest first."""
        if self.labels or not self.cuts:
            return self.labels
        if self.quantiles:
            between = (f"{i} of {self.quantiles}" for i in range(2, self.quantiles))
            return (f"lowest of {self.quantiles}", *between, f"highest of {self.quantiles}")
        inner = (f"{a:g} to {b:g}" for a, b in zip(self.edges, self.edges[1:], strict=False))
        return (f"up to {self.edges[0]:g}", *inner, f"above {self.edges[-1]:g}")


def assign(band: Band, frame: pd.DataFrame) -> pd.Series:
    """Return the group of each record of a frame (n, columns), from which quantiles are computed.

    Returns
    -------
    pandas.Series, shape (n,)
        Text as ordered categories, lowest group first, "missing" last; only groups that occur.
    """
    import numpy as np
    import pandas as pd

    values = frame[band.column]
    known = values.notna().to_numpy()
    if not band.cuts:
        return _by_value(values)
    edges = np.asarray(band.edges, dtype=np.float64)
    if band.quantiles:
        shares = np.arange(1, band.quantiles) / band.quantiles
        edges = np.quantile(values[known], shares) if known.any() else np.zeros(band.cuts)
    place = np.where(known, np.searchsorted(edges, values.to_numpy(dtype=np.float64), side="left"), band.cuts + 1)
    groups = pd.Categorical.from_codes(place, pd.Index([*band.names, MISSING]), ordered=True)
    return pd.Series(groups.remove_unused_categories(), index=frame.index, name=band.name)


def _by_value(values: pd.Series) -> pd.Series:
    import pandas as pd

    frequent = set(values.value_counts(sort=True).index[:MOST_VALUES])
    names = {value: f"{value:g}" if isinstance(value, float) else str(value) for value in sorted(frequent)}
    text = values.map(names).astype(object).where(values.isin(frequent), OTHERS).where(values.notna(), MISSING)
    groups = pd.Categorical(text, [*dict.fromkeys(names.values()), OTHERS, MISSING], ordered=True)
    return pd.Series(groups.remove_unused_categories(), index=values.index)
