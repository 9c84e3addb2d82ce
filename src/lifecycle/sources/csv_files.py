"""Read a CSV file strictly: UTF-8, one line per record, as many cells in each line as there are names.

All cells are read as text; what they mean is for the contract to say. Nothing is repaired: a quoted cell that does not
end in its own line would swallow the lines that follow, so the file is refused, with the numbers of both lines.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import CsvParams

BLOCK = 1 << 25  # bytes that are read at a time
QUOTE, LINE_END = ord('"'), ord("\n")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LOOKED_AT = 20  # lines among which the names of the columns are looked for when they don't stand where they should
SEPARATORS = (",", ";", "\t", "|")


class Block(NamedTuple):
    """Whole lines of a file; each ends in a line feed."""

    content: bytes
    first: int  # number of its first line in the file, from 1


def read_csv(file: BinaryIO, origin: str, options: CsvParams, check: Callable[[list[str]], None]) -> pa.Table:
    """Read a CSV file.

    Parameters
    ----------
    file : binary file
        Its content, unpacked.
    origin : str
        Its name, for messages.
    options : CsvParams
        What separates cells, and how many lines stand before the names.
    check : callable
        Is given the names before a record is read, and raises when they are wrong.

    Returns
    -------
    pyarrow.Table
        Text, null where a cell is empty. Names may stand twice: `lifecycle.sources.files` tells them.

    Raises
    ------
    PipelineError
        The file is not UTF-8, has no header, or a line is no record: names the line.
    """
    names, tables = open_csv(file, origin, options)
    check(names)
    return pa.concat_tables([pa.table([pa.array([], pa.string())] * len(names), names=names), *tables])


def open_csv(file: BinaryIO, origin: str, options: CsvParams) -> tuple[list[str], Iterator[pa.Table]]:
    """Return the names of a CSV file, and its records in tables of some megabytes, read when they are asked for.

    Parameters and errors are those of `read_csv`.
    """
    blocks = _blocks(file, origin)
    names, rest = _header(blocks, origin, options)
    return names, (_table(block, names, origin, options.separator, blocks).rename_columns(names) for block in rest)


def names_elsewhere(file: BinaryIO, names: set[str], options: CsvParams) -> str:
    """Say what to set when the names of the columns stand in another line, or between other separators; "" otherwise.

    Parameters
    ----------
    file : binary file
        Its content, unpacked.
    names : set of str
        What columns may be called.
    options : CsvParams
        What has been tried.
    """
    lines = file.read(1 << 16).removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace").splitlines()[:LOOKED_AT]
    found = {
        (len(names & set(_cells(line, separator))), -number, separator)
        for number, line in enumerate(lines)
        for separator in {*SEPARATORS, options.separator}
    }
    known, line, separator = max(found, default=(0, 0, ""))
    if known < 2 or (-line, separator) == (options.skip_lines, options.separator):
        return ""
    advice = []
    if separator != options.separator:
        advice.append(f"the cells of line {1 - line} stand between {separator!r}: set ingest.csv.separator to it")
    if -line != options.skip_lines:
        advice.append(f"the names of the columns stand in line {1 - line}: set ingest.csv.skip_lines to {-line}")
    return "; ".join(advice)


def _blocks(file: BinaryIO, origin: str) -> Iterator[Block]:
    """Yield a file in blocks of whole lines, whose ends are line feeds whatever they were."""
    first, rest = 1, b""
    while True:
        chunk = file.read(BLOCK)
        end = chunk.rfind(b"\n") + 1 if chunk else 0
        if chunk and not end:
            rest += chunk
            continue
        content, rest = rest + chunk[:end], chunk[end:]
        content = _unix(content if chunk or not content else content + b"\n")
        content = content.removeprefix(BYTE_ORDER_MARK) if first == 1 else content
        if content:
            _check_text(content, first, origin)
            yield Block(content, first)
            first += content.count(b"\n")
        if not chunk:
            return


def _unix(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content


def _check_text(content: bytes, first: int, origin: str) -> None:
    if content.isascii():
        return
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = first + content.count(b"\n", 0, error.start)
        raise PipelineError(
            f"{origin}: line {line} is not UTF-8; convert the file, for example with iconv -f windows-1252 -t utf-8"
        ) from error


def _header(blocks: Iterator[Block], origin: str, options: CsvParams) -> tuple[list[str], Iterator[Block]]:
    """Return the names, and the blocks that follow."""
    for block in blocks:
        start, number = 0, block.first
        while start < len(block.content):
            end = block.content.index(b"\n", start) + 1
            line = Block(block.content[start:end], number)
            rest = (
                Block(block.content[end:], number + 1) if number > options.skip_lines and line.content.strip() else None
            )
            if rest is not None:
                _check_quotes(line, origin, options.separator, (rest,))
                return _cells(line.content.decode().rstrip("\n"), options.separator), _chained(rest, blocks)
            start, number = end, number + 1
    raise PipelineError(f"{origin}: no header line")


def _chained(first: Block, others: Iterator[Block]) -> Iterator[Block]:
    if first.content:
        yield first
    yield from others


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _table(block: Block, names: list[str], origin: str, separator: str, later: Iterable[Block]) -> pa.Table:
    """Read the records of a block, and count them by themselves."""
    _check_quotes(block, origin, separator, later)
    unique = [str(place) for place in range(len(names))]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(block.content),
            pyarrow.csv.ReadOptions(column_names=unique, block_size=len(block.content) + 1),
            pyarrow.csv.ParseOptions(delimiter=separator),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(unique, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,  # done
            ),
        )
    except pa.ArrowInvalid as error:
        raise PipelineError(f"{origin}: {_uneven(block, len(names), separator) or error}") from error
    lines = block.content.count(b"\n") - _empty_lines(block.content)
    if len(table) != lines:
        raise PipelineError(f"{origin}: {lines:,} lines with records gave {len(table):,} rows; nothing was kept")
    return table


def _empty_lines(content: bytes) -> int:
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == LINE_END)
    return int((np.diff(ends, prepend=-1) == 1).sum())


def _uneven(block: Block, width: int, separator: str) -> str | None:
    """Say which line does not have as many cells as the header."""
    for number, line in enumerate(block.content.decode().split("\n"), block.first):
        if line and (found := len(_cells(line, separator))) != width:
            quoted = "; a cell that holds the separator must stand in quotes" if found > width else ""
            return f"line {number} has {found} cells, the header has {width}: {line[:80]!r}{quoted}"
    return None


def _check_quotes(block: Block, origin: str, separator: str, later: Iterable[Block]) -> None:
    """Refuse a quoted cell that does not end in its line, or before a separator."""
    if _well_quoted(block.content, separator):
        return
    whole = _line_pattern(separator)
    for number, line in enumerate(block.content.decode().split("\n"), block.first):
        if '"' not in line or whole.fullmatch(line):
            continue
        if line.count('"') % 2 == 0:
            raise PipelineError(
                f'{origin}: line {number}: a quote inside a quoted cell must be doubled, "as ""here""": {line[:80]!r}'
            )
        closing = _next_quote(block, number, later)
        end = "no quote follows" if closing is None else f"the next quote is in line {closing}"
        raise PipelineError(
            f"{origin}: a quoted cell begins in line {number} and does not end in it, {end}: it would swallow the lines"
            " between; remove a stray quote, and replace line ends inside cells by blanks"
        )


def _well_quoted(content: bytes, separator: str) -> bool:
    """Tell whether each quoted cell fills a cell and ends in its line; False where that has to be looked at by line."""
    array = np.frombuffer(content, np.uint8)
    quotes = np.flatnonzero(array == QUOTE)
    if len(quotes) == 0:
        return True
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening, array[opening - 1], LINE_END)
    edges = [ord(separator), LINE_END]
    doubled = np.concatenate([[False], opening[1:] == closing[:-1] + 1])
    good = np.isin(before, edges) | doubled
    good &= np.isin(array[closing + 1], edges) | np.append(doubled[1:], False)
    ends = np.flatnonzero(array == LINE_END)
    return bool(good.all() and (np.searchsorted(ends, opening) == np.searchsorted(ends, closing)).all())


def _line_pattern(separator: str) -> re.Pattern[str]:
    """Return what a line of well-formed cells looks like; a quote inside an unquoted cell is a character."""
    other = re.escape(separator)
    cell = f'(?:"(?:[^"]|"")*"|[^"{other}][^{other}]*|)'
    return re.compile(f"{cell}(?:{other}{cell})*")


def _next_quote(block: Block, line: int, later: Iterable[Block]) -> int | None:
    """Return the number of the first line behind one that has a quote."""
    lines = block.content.split(b"\n")[line - block.first + 1 :]
    for number, content in enumerate(lines, line + 1):
        if b'"' in content:
            return number
    for other in later:
        if (place := other.content.find(b'"')) >= 0:
            return other.first + other.content.count(b"\n", 0, place)
    return None
