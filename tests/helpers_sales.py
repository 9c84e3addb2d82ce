"""Sales to score, as rows of `tests.helpers_bundle.SHOPS`."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.bundle.parity import as_batch
from lifecycle.bundle.servable import Servable
from tests.helpers_model import learnable


def sales(rows: int, seed: int = 1) -> pd.DataFrame:
    """Return rows with text, gaps, and now and then a shop that no model has seen."""
    frame = learnable(rows, seed)[0]
    rng = np.random.default_rng(seed)
    frame["shop"] = frame["shop"].where(rng.random(rows) < 0.95, "kiosk")
    sold_at = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows) * 7_000_003, "us")
    return frame.assign(sale=np.arange(rows) + 10**6, sold_at=sold_at.astype("datetime64[us]"))


def write(frame: pd.DataFrame, path: Path, **options: Any) -> Path:
    """Write rows as another program would."""
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, **options)
    return path


def expected(servable: Servable, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table that scoring gives."""
    scored = servable.score(as_batch(servable, frame))
    return frame[["sale", "sold_at"]].assign(
        score=scored.score, probability=scored.probability, alert=scored.alert.astype(np.int8)
    )
