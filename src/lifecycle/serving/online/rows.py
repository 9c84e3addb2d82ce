"""Features that were found for records, as the model takes them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lifecycle.model.servable import Batch, Servable
from lifecycle.serving.inputs.form import form_of
from lifecycle.serving.inputs.values import in_range, texts


class Found(NamedTuple):
    """What the model takes of some records, and for reasons: their columns and all their features, hidden ones too."""

    batch: Batch
    rows: list[dict[str, Any]]


def found_of(servable: Servable, records: Sequence[Mapping[str, Any]], features: Sequence[Mapping[str, Any]]) -> Found:
    """Put the features of records into the order of a model.

    Raises
    ------
    Refusal
        422: the model can't take a value, such as one that is missing where it never was in training.
    """
    form = form_of(servable)
    numbers = np.array([form.numbers_of(row) for row in features], np.float64)
    batch = Batch(in_range(form, numbers.reshape(len(features), len(form.numbers))))
    if form.texts:
        batch = batch._replace(texts=texts(form, [form.texts_of(row) for row in features]))
    return Found(batch, [{**record, **row} for record, row in zip(records, features, strict=True)])
