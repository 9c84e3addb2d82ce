"""Features that were found for records, as the model takes them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lifecycle.model.servable import Batch, Servable
from lifecycle.serving.inputs.form import form_of
from lifecycle.serving.inputs.values import in_range, texts


class Found(NamedTuple):
    """What the model takes of some records, and what it was made from: their columns, and all their features."""

    batch: Batch
    records: Sequence[Mapping[str, Any]]
    features: Sequence[Mapping[str, Any]]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What reasons read: columns and features of each record, hidden ones too."""
        return [{**record, **row} for record, row in zip(self.records, self.features, strict=True)]


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
    return Found(batch, records, features)
