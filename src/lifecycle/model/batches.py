"""Turn tables into what a served model takes."""

import numpy as np
import pandas as pd

from lifecycle.model.export.session import Batch
from lifecycle.model.servable import Servable


def batch_of(servable: Servable, features: pd.DataFrame) -> Batch:
    """Return the model's features of a table, which may have more columns, in the order that the model takes."""
    numbers = np.ascontiguousarray(features[list(servable.numbers)].to_numpy(dtype=np.float64))
    texts = features[list(servable.texts)].to_numpy(dtype=object) if servable.texts else None
    return Batch(numbers, texts)
