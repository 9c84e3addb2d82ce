"""What a metric is: one object that knows its name, function, direction and meaning.

Each kind of target has its list: `BINARY` in tasks/binary_metrics.py, and those of tasks/multiclass_metrics.py and
tasks/regression_metrics.py. All that shows or compares figures reads the list: metrics/evaluate/, the slices and groups
of the audit, the report, the comparison of two models, the model card and the summary.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lifecycle.evaluation.scored_window import Column, Sample
from lifecycle.problem.purpose import Words

Figures = dict[str, float]  # the value of each metric on one window, by name
WINDOW, SLICES, GROUPS = "window", "slices", "groups"  # what a metric is computed of


@dataclass(frozen=True)
class Metric:
    """One metric.

    Parameters
    ----------
    name : str
        What files and params call it; `{k}` stands for `evaluate.top_k`.
    function : callable
        From a `Sample` to the value, or to an array with the value of each group; NaN where it is not defined.
    direction : {1, -1, 0}
        1: higher is better; -1: lower is better; 0: neither is a merit.
    meaning : str
        What it says, for the model card. Names in braces are the problem's words: {positive}, {positives}, {negative},
        {record}, {records}, {entity}, {entities}, and {a_positive}, {a_negative} with their article.
    parts : tuple of str
        What it is computed of: `WINDOW` (metrics/evaluate/), `SLICES`, `GROUPS` (of people).
    shown : bool
        Whether report and card show it for slices and groups; otherwise it stands in the tables only.
    needs : tuple of str
        The fields of the window without which there is no such figure.
    undefined : float
        What stands for the whole window where the function gives NaN.
    label : str, optional
        What people call it, with the same names in braces; without one, the name in plain words.
    """

    name: str
    function: Callable[[Any], Any]
    direction: int
    meaning: str
    parts: tuple[str, ...] = (WINDOW,)
    shown: bool = True
    needs: tuple[str, ...] = ()
    undefined: float = math.nan
    label: str | None = None


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, NaN where the whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.equal(whole, 0), np.nan, np.divide(part, whole))


def records(window: Any) -> np.ndarray:
    """Return 1 for each record: their sum is the number of records."""
    return np.ones(len(window.target))


def mean_of(column: Column) -> Callable[[Sample], np.ndarray]:
    """Return the metric that is the mean of a column over the records."""
    return lambda sample: ratio(sample.total(column), sample.total(records))


def in_words(text: str, name: str, words: Words) -> str:
    """Return a meaning or a label in the problem's words; {k} is the number at the end of the figure's name."""
    kinds = {f"a_{kind}": f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}" for kind, noun in asdict(words).items()}
    plurals = {"records": words.records, "positives": words.positives, "entities": words.entities}
    return text.format(**asdict(words), **plurals, **kinds, k=name.rpartition("_")[2])
