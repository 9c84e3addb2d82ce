"""The model that is served now. Whoever answers a request takes it once, and keeps it to the answer."""

from functools import cached_property

import numpy as np

from lifecycle.model.servable import Batch, Servable
from lifecycle.serving.settings import Settings
from lifecycle.serving.telemetry.metrics import Meters
from lifecycle.serving.telemetry.nulls import Nulls

TOGETHER = 32  # rows that are scored together, at most: as many as it is tried with


class Live:
    """A servable, and what is made of it once.

    Attributes
    ----------
    alike : bool
        Whether rows get the same bits scored together as alone. Trees add up row by row; a matrix product may not.
    """

    def __init__(self, servable: Servable, settings: Settings, meters: Meters) -> None:
        self.servable, self.nulls = servable, Nulls(meters.cells, servable)
        self._settings, self.alike = settings, alike(servable)

    @cached_property
    def document(self) -> bytes:
        """The OpenAPI document."""
        from lifecycle.serving.document.openapi import document

        return document(self.servable, self._settings)

    @cached_property
    def page(self) -> bytes:
        """The page to try it out."""
        from lifecycle.serving.document.page import page

        return page(self.servable, self._settings)


class Current:
    """Which model that is.

    Parameters
    ----------
    servable : Servable
        The first.
    settings : Settings
        The knobs.
    meters : Meters
        Told of each model.
    """

    def __init__(self, servable: Servable, settings: Settings, meters: Meters) -> None:
        self._settings, self._meters = settings, meters
        self.live = Live(servable, settings, meters)
        meters.serves(servable)

    def put(self, servable: Servable) -> None:
        """Serve another one from the next request on."""
        before = self.live.servable
        self.live = Live(servable, self._settings, self._meters)
        self._meters.serves(servable, before)


def alike(servable: Servable) -> bool:
    """Try whether a model gives rows the same scores, to the last bit, however many are scored at a time."""
    rows = np.random.default_rng(0).standard_normal((TOGETHER, len(servable.numbers))) * 100
    texts = np.full((TOGETHER, len(servable.texts)), "", dtype=object) if servable.texts else None

    def scores(start: int, end: int) -> np.ndarray:
        return servable.score(Batch(rows[start:end], None if texts is None else texts[start:end])).score

    alone = np.concatenate([scores(n, n + 1) for n in range(TOGETHER)])
    return all(np.array_equal(scores(0, n), alone[:n]) for n in range(2, TOGETHER + 1))
