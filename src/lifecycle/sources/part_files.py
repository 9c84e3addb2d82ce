"""Read a folder of files as one table: parts of the same columns, one below the other in the order of their names.

So a day of new records is a new file, and no file that is there is touched. What a file is written in does not matter:
where one has text and another numbers or times, the text is read by the contract, and stays text only where a cell
does not fit. Then the whole column is text, as it would be in a single CSV file, and the contract says which cell.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import CsvParams
from lifecycle.core.source_parts import with_parts
from lifecycle.problem.column_types import DECIMAL, parse
from lifecycle.problem.problem import Problem
from lifecycle.sources.files import (
    FORMATS,
    PLAIN,
    canonical_names,
    check_columns,
    is_format,
    is_litter,
    read_columns,
    to_contract,
)


def part_files(folder: Path) -> list[Path]:
    """Return the files of a folder in the order of their names; none that DVC, a system or an editor has left there.

    Raises
    ------
    PipelineError
        There is a folder in it, or a file of another format.
    """
    found = sorted(each for each in folder.iterdir() if not is_litter(each.name) and each.suffix != ".dvc")
    for each in found:
        if not each.is_file() or not is_format(each.name):
            raise PipelineError(
                f"ingest.path: {folder}: a folder with {each.name} in it; a folder of parts holds files"
                f" ({', '.join(FORMATS)}) and nothing else: move it, or name one file"
            )
    return found


def read_parts(folder: Path, problem: Problem, options: CsvParams = PLAIN) -> pa.Table:
    """Read the files of a folder as one table.

    Parameters
    ----------
    folder : Path
        Of the files, at least one.
    problem : Problem
        Its contract names the columns.
    options : CsvParams
        How CSV files are written.

    Returns
    -------
    pyarrow.Table
        As `read_file` gives it; of several files its metadata say which rows are whose.

    Raises
    ------
    PipelineError
        There is no file, one can't be read, or they do not have the same columns; names the file.
    """
    paths = part_files(folder)
    if not paths:
        raise PipelineError(f"ingest.path: {folder}: an empty folder; put a file into it, or set ingest.source")
    tables = [_renamed(read_columns(path, problem, options), problem, path) for path in paths]
    names = _common_columns(tables, paths, problem)
    columns = [_one_below_the_other([table[name] for table in tables], name, problem, options) for name in names]
    metadata = {DECIMAL: options.decimal} if options.decimal != "." else None
    table = pa.table(dict(zip(names, columns, strict=True))).replace_schema_metadata(metadata)
    if len(paths) > 1:
        table = with_parts(table, [(path.name, len(each)) for path, each in zip(paths, tables, strict=True)])
    return to_contract(table, problem, str(folder))


def _renamed(table: pa.Table, problem: Problem, path: Path) -> pa.Table:
    """Check the columns, and give them their names in the contract."""
    check_columns(table, problem, str(path))
    canonical = canonical_names(problem)
    return table.rename_columns([canonical.get(name, name) for name in table.column_names])


def _common_columns(tables: Sequence[pa.Table], paths: Sequence[Path], problem: Problem) -> list[str]:
    """Return the columns, which all files must have; an ignored one that some lack is left out."""
    first = set(tables[0].column_names) - set(problem.ignored)
    for table, path in zip(tables, paths, strict=True):
        odd = sorted(first ^ (set(table.column_names) - set(problem.ignored)))
        if odd:
            has, lacks = (paths[0], path) if odd[0] in first else (path, paths[0])
            raise PipelineError(
                f"{path}: not the columns of {paths[0].name}: {has.name} has {', '.join(odd)}, {lacks.name} has not;"
                " give all parts the same columns"
            )
    everywhere = set.intersection(*(set(table.column_names) for table in tables))
    return [name for name in tables[0].column_names if name in everywhere]


def _one_below_the_other(
    pieces: Sequence[pa.ChunkedArray], name: str, problem: Problem, options: CsvParams
) -> pa.ChunkedArray:
    """Join the pieces of a column, read by the contract where some are text and others not."""
    if len({_is_text(piece) for piece in pieces}) > 1:
        pieces = _of_one_kind(pieces, name, problem, options)
    tables = [pa.table({name: piece}) for piece in pieces]
    try:
        return pa.concat_tables(tables, promote_options="permissive")[name]
    except pa.ArrowException:  # numbers and times
        texts = [pa.table({name: piece.cast(pa.string())}) for piece in pieces]
        return pa.concat_tables(texts)[name]


def _of_one_kind(
    pieces: Sequence[pa.ChunkedArray], name: str, problem: Problem, options: CsvParams
) -> list[pa.ChunkedArray]:
    column = problem.columns.get(name)
    if column is not None and column.type != "text":
        read = [parse(piece, column, options.decimal) for piece in pieces]
        if not any(cells.misfits for cells in read):
            return [pa.chunked_array([cells.values]) for cells in read]
    return [piece if _is_text(piece) else _as_text(piece, options.decimal) for piece in pieces]


def _as_text(piece: pa.ChunkedArray, decimal: str) -> pa.ChunkedArray:
    """Return values as a CSV file with these options would have them."""
    text = piece.cast(pa.string())
    return pc.replace_substring(text, ".", decimal) if pa.types.is_floating(piece.type) else text


def _is_text(piece: pa.ChunkedArray) -> bool:
    kind = piece.type.value_type if pa.types.is_dictionary(piece.type) else piece.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
