"""The simulated benchmark table, made larger: as many copies as asked for, each with entities of its own.

Not run by itself.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.core.tables import ROW_GROUP


def tiled(base: pd.DataFrame, rows: float) -> Iterator[pd.DataFrame]:
    """Yield about that many records, one day after the other, from copies of a table whose entities differ."""
    copies, rest = divmod(rows / len(base), 1)
    customers, terminals = int(base["customer_id"].max()) + 1, int(base["terminal_id"].max()) + 1
    first = 0
    for _, day in base.groupby(base["tx_time"].dt.floor("D")):
        parts = [day] * int(copies) + [day[day["customer_id"] < customers * rest]]
        shifted = [
            part.assign(
                customer_id=part["customer_id"] + i * customers, terminal_id=part["terminal_id"] + i * terminals
            )
            for i, part in enumerate(parts)
        ]
        table = pd.concat(shifted).sort_values("tx_time", kind="stable", ignore_index=True)
        yield table.assign(transaction_id=np.arange(first, first + len(table)))
        first += len(table)


def write_tiled(base: pd.DataFrame, rows: float, target: Path) -> int:
    """Write `tiled` in row groups as the pipeline has them; return how many records there are."""
    kept, total = base.iloc[:0], 0
    schema = pa.Table.from_pandas(kept, preserve_index=False).schema
    with pq.ParquetWriter(target, schema, compression="lz4", use_dictionary=False) as writer:
        for day in tiled(base, rows):
            kept, total = pd.concat([kept, day]), total + len(day)
            whole = len(kept) // ROW_GROUP * ROW_GROUP
            writer.write_table(pa.Table.from_pandas(kept[:whole], schema, preserve_index=False), ROW_GROUP)
            kept = kept[whole:]
        writer.write_table(pa.Table.from_pandas(kept, schema, preserve_index=False), ROW_GROUP)
    return total
