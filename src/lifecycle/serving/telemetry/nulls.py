"""How often features are missing."""

from collections.abc import Sequence

import numpy as np

from lifecycle.model.servable import Batch, Servable
from lifecycle.serving.telemetry.cells import Cells

NOTHING = np.array(None)  # numpy compares arrays with arrays


class Nulls:
    """Counts of missing values, of the features that may be missing."""

    def __init__(self, cells: Cells, servable: Servable) -> None:
        def places(names: Sequence[str]) -> list[tuple[int, int]]:
            return [(n, cells.at("feature_nulls", "feature", name)) for n, name in enumerate(names) if name in missing]

        missing, self._values = servable.missing, cells.values
        self._numbers, self._texts = places(servable.numbers), places(servable.texts)

    def add(self, batch: Batch) -> None:
        """Count those of some rows."""
        if self._numbers:
            nulls = np.isnan(batch.numbers)
            if nulls.any():
                self._count(nulls, self._numbers)
        if self._texts and batch.texts is not None:
            self._count(np.equal(batch.texts, NOTHING), self._texts)

    def _count(self, nulls: np.ndarray, places: Sequence[tuple[int, int]]) -> None:
        counts = nulls.sum(axis=0).tolist()
        for column, place in places:
            self._values[place] += counts[column]
