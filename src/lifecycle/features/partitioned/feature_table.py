"""Write the feature table within a memory budget: the same bytes as `lifecycle.features.batch` gives.

Windows are evaluated in tasks, one depth after the other, as a window may see an earlier feature of other records; then
the table is put together row group by row group. A run that was killed goes on where it stopped: parts stay in a folder
beside the target, named by a digest of everything they depend on.
"""

import shutil
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from lifecycle.core import atomic, tables
from lifecycle.core.dask_client import packed_code
from lifecycle.core.errors import PipelineError
from lifecycle.features.batch import evaluate
from lifecycle.features.partitioned.engines import open_pool
from lifecycle.features.partitioned.layout import (
    GIB,
    Table,
    bytes_in_memory,
    choose_layout,
    groups,
    largest_share,
    read_footer,
    start_of,
)
from lifecycle.features.partitioned.tasks import RowGroups, Task, Work, evaluate_task
from lifecycle.features.partitioned.window_cache import cached_features
from lifecycle.problem.problem import Problem
from lifecycle.problem.window_words import computed_names


def build(
    problem: Problem, source: Path, target: Path, engine: str, memory_budget: float, scheduler: str | None
) -> None:
    """Write the records with one column per feature.

    Parameters
    ----------
    problem : Problem
        Its features, time column and decimals.
    source : Path
        Validated records in time order, written by `lifecycle.core.tables.write_table`.
    target : Path
        The file to write. Its bytes do not depend on the parameters below.
    engine : {"serial", "joblib", "dask"}
        Where tasks run when the table does not fit the budget: see `lifecycle.features.partitioned.engines`.
    memory_budget : float
        GiB for this process and all tasks that run at the same time.
    scheduler : str, optional
        Address of a Dask cluster that sees the same files.

    Raises
    ------
    PipelineError
        The records are not in row groups as expected, or no layout fits the budget.
    """
    windows = groups(problem.features)
    table = read_footer(source, problem.time_column) if windows else None
    if table is None or not table.rows.any() or bytes_in_memory(table, windows) <= memory_budget * GIB:
        build_in_memory(problem, source, target)
        return
    if set(table.rows[:-1]) - {tables.ROW_GROUP}:
        raise PipelineError(f"{source}: a row group must have {tables.ROW_GROUP:,} rows; remove it and run `dvc repro`")
    with open_pool(engine, scheduler) as pool:
        share_of_one = largest_share(source, {group.by for group in windows})
        layout = choose_layout(table, windows, share_of_one, pool.workers, memory_budget * GIB)
        time, decimals = problem.time_column, dict(problem.decimals)
        work = Work(str(source.resolve()), "", tuple(problem.features), time, decimals, *layout)
        work = work._replace(folder=str(_folder(work, target.resolve())))
        for depth, tasks in groupby(_tasks(work, table), key=lambda task: windows[task.group].depth):
            of_depth = list(tasks)
            for _ in tqdm(pool.run(evaluate_task, of_depth), f"windows, depth {depth}", len(of_depth), disable=None):
                pass
    assemble(work, target)
    shutil.rmtree(work.folder, ignore_errors=True)  # a worker that was given up may still write there


def _folder(work: Work, target: Path) -> Path:
    """Make the folder of the parts, and remove those of other runs to the same target."""
    file = Path(work.source).stat()
    libraries = (np.__version__, pd.__version__, pa.__version__)
    depends = repr((file.st_size, file.st_mtime_ns, work, libraries)).encode() + packed_code()
    folder = target.with_name(f".{target.name}.{sha256(depends).hexdigest()[:16]}.parts")
    for old in target.parent.glob(f".{target.name}.*.parts"):
        if old != folder:
            shutil.rmtree(old)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _tasks(work: Work, table: Table) -> Iterator[Task]:
    for number, group in enumerate(groups(work.features)):
        for first, stop in work.slices:
            for share in range(work.shares):
                yield Task(work, number, start_of(table, first, group), first, stop, share)


def build_in_memory(problem: Problem, source: Path, target: Path) -> None:
    """Evaluate and write the whole table; what an earlier run has found of the same records is kept beside it."""
    records, computed = tables.read_arrow(source), None
    if groups(problem.features) and len(records):
        computed, known = cached_features(problem, records, target.with_name(f".{target.name}.known"))
        if known:
            print(f"featurize: {known:,} of {len(records):,} records have the features that an earlier run gave them")
    frame = records.to_pandas()
    del records  # the frame is a copy, and writing it takes another one
    if computed is None:
        features = evaluate(problem.features, frame, problem.time, problem.decimals)
        computed = {name: features[name].to_numpy() for name in computed_names(problem.features)}
    tables.write_table(_joined(frame, computed), target)


def _joined(records: pd.DataFrame, computed: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({str(name): records[name] for name in records} | dict(computed), copy=False)


def assemble(work: Work, target: Path) -> None:
    """Write the table row group by row group: the bytes are those of a table written at once."""
    names = computed_names(work.features)
    row_groups = RowGroups(work, names)
    with atomic.atomic(target) as temporary:
        writer = None
        for number in tqdm(range(work.slices[-1][1]), "row groups", disable=None):
            records, columns = row_groups.records(number)
            frame = _joined(records, {name: columns[name] for name in names})
            part = pa.Table.from_pandas(frame, preserve_index=False)
            writer = writer or pq.ParquetWriter(temporary, part.schema, **tables.PARQUET)
            writer.write_table(part, tables.ROW_GROUP)
        if writer:
            writer.close()
