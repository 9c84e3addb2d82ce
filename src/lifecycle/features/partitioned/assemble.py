"""Write the feature table: at once, or row group by row group from the parts that tasks have left."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from lifecycle import io
from lifecycle.features.batch import evaluate
from lifecycle.features.partitioned.parts import Work
from lifecycle.features.partitioned.rowgroups import RowGroups
from lifecycle.features.vocabulary import Feature, Raw

if TYPE_CHECKING:
    from lifecycle.problem import Problem


def at_once(problem: "Problem", source: Path, target: Path) -> None:
    """Read, evaluate and write the whole table."""
    records = io.read_table(source)
    found = evaluate(problem.features, records, problem.time, problem.decimals)
    io.write_table(_joined(records, {name: found[name] for name in _made(problem.features)}), target)


def _made(features: Iterable[Feature]) -> list[str]:
    """Return the features that are no columns of the records."""
    return [name for feature in features if not isinstance(feature, Raw) for name in feature.names]


def _joined(records: pd.DataFrame, made: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({str(name): records[name] for name in records} | dict(made), copy=False)


def assemble(work: Work, target: Path) -> None:
    """Write the table row group by row group: the bytes are those of a table written at once."""
    names = _made(work.features)
    row_groups = RowGroups(work, names)
    with io.atomic(target) as temporary:
        writer = None
        for number in tqdm(range(work.slices[-1][1]), "row groups", disable=None):
            records, found = row_groups.records(number)
            frame = _joined(records, {name: found[name] for name in names})
            part = pa.Table.from_pandas(frame, preserve_index=False)
            writer = writer or pq.ParquetWriter(temporary, part.schema, **io.PARQUET)
            writer.write_table(part, io.ROW_GROUP)
        if writer:
            writer.close()
