"""Open a bundle to be served: checked, and tried."""

import gc
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from lifecycle.model.servable import Batch, Servable
from lifecycle.stage import PipelineError


def load(folder: Path, name: str = "") -> Servable:
    """Return a bundle that matches its manifest and scores, under another name if there is one.

    Raises
    ------
    PipelineError
        It does not; says why.
    """
    place = folder.resolve()  # when the link is set to another folder meanwhile, one of the two is read, whole
    try:
        servable = Servable.load(place)
        servable.name = name or servable.name
        warm(servable)
    except (KeyError, ValueError, TypeError, BadZipFile) as error:
        message = f"{place}: its files are what the manifest says, and yet no bundle of this version's: {error!r}"
        raise PipelineError(message) from error
    return servable


def warm(servable: Servable) -> None:
    """Score some rows: the first ones are slow, and a model that can't score is better known before it serves."""
    servable.attribution  # noqa: B018 read now: the folder may be another model's when the first reason is asked for
    if not np.isfinite(servable.threshold):
        raise PipelineError(f"{servable.folder}: the threshold of its decision is no number")
    for rows in (1, 1, 32):
        numbers = np.zeros((rows, len(servable.numbers)))
        texts = np.full((rows, len(servable.texts)), "", dtype=object) if servable.texts else None
        scored = servable.score(Batch(numbers, texts))
        if not np.isfinite(scored.score).all():
            raise PipelineError(f"{servable.folder}: the model's score of a row of zeros is no number")
    gc.collect()
    gc.freeze()  # what a model is made of lives as long as it serves: later collections need not look at it
