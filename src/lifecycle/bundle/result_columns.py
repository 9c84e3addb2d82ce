"""The columns that scores become in a table, for each kind of target: as the pipeline's own tables of scores have them.

A binary target has score, probability and alert; one of several classes a score and a probability of each, by its code,
and the decided class; a number has the prediction and the ends of its interval.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from lifecycle.bundle.servable import ClassScored, NumberScored, Scored, Servable

Types = dict[str, pa.DataType]


def result_columns(task: str, classes: int) -> Types:
    """Return the names and types of the columns of a task.

    Examples
    --------
    >>> list(result_columns("multiclass", 2))
    ['score_0', 'score_1', 'probability_0', 'probability_1', 'decided', 'decided_class']
    """
    if task == "multiclass":
        shares = [f"{name}_{code}" for name in ("score", "probability") for code in range(classes)]
        return dict.fromkeys(shares, pa.float64()) | {"decided": pa.int8(), "decided_class": pa.string()}
    return dict(TYPES[task])


TYPES: Mapping[str, Types] = {
    "binary": {"score": pa.float64(), "probability": pa.float64(), "alert": pa.int8()},
    "regression": dict.fromkeys(("score", "low", "high"), pa.float64()),
}


def _of_alerts(servable: Servable, scored: Scored) -> list[np.ndarray]:
    return [scored.score, scored.probability, scored.alert.astype(np.int8)]


def _of_classes(servable: Servable, scored: ClassScored) -> list[np.ndarray]:
    """Return scores, probabilities and the decided class, as code and as name; -1 and none where a person decides."""
    names = np.array([*servable.class_names, None], dtype=object)
    return [*scored.score.T, *scored.probability.T, scored.decided, names[scored.decided]]


def _of_numbers(servable: Servable, scored: NumberScored) -> list[np.ndarray]:
    return [*scored]


RESULTS: Mapping[str, Callable[[Servable, Any], list[np.ndarray]]] = {
    "binary": _of_alerts,
    "multiclass": _of_classes,
    "regression": _of_numbers,
}


def results_of(servable: Servable, scored: Any) -> list[pa.Array]:
    """Return the columns of scored rows, in the order of `result_columns`."""
    types = result_columns(servable.task, len(servable.classes)).values()
    values = RESULTS[servable.task](servable, scored)
    return [pa.array(column, kind) for column, kind in zip(values, types, strict=True)]
