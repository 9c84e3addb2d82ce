"""Any table in any format: what is kept is what an independent reader finds, and every row is kept or rejected.

The independent readers are the csv module and the scalars of pyarrow, which give exact Python values; what a value may
be is said here again, in the plainest way.
"""

import csv
import datetime as dt
import gzip
import io
import math
import os
import random
import zipfile
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.contract.row_validation import check
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import CsvParams
from lifecycle.core.tables import read_arrow, write_table
from lifecycle.problem.problem import Column
from lifecycle.sources.files import read_file
from tests.helpers_data import small_problem
from tests.helpers_model import quick

EPOCH, MICROSECOND = dt.datetime(1970, 1, 1), dt.timedelta(microseconds=1)
FIRST, LAST = dt.datetime(1678, 1, 1), dt.datetime(2262, 1, 1)
LARGEST = float(np.finfo(np.float32).max)
GAPS = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"}
UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
PROBLEM = small_problem(
    Column("whole", "integer", ""),
    Column("gapped", "integer", "", nullable=True),
    Column("number", "number", "", nullable=True),
    Column("seen", "timestamp", "", nullable=True),
    Column("since", "timestamp", "", nullable=True, unit="ms"),
    Column("name", "text", "", nullable=True),
)
CHECKED = ("whole", "gapped", "number", "seen", "since", "name")
NOT_KEPT = object()
TABLES = 500 if os.environ.get("RELIABILITY") == "full" else 15  # of each kind of CSV; twelve times as many of parquet


def read_cell(value, column):
    """Return what a value of a file is, None for a gap, or NOT_KEPT."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if column.type == "text":
        return read_text(value)
    if isinstance(value, str) and value.strip() in GAPS:
        return None
    if column.type == "timestamp":
        return read_time(value, column.unit)
    return read_number(value, column)


def read_text(value):
    if isinstance(value, str):
        return NOT_KEPT if "\0" in value or "\uffff" in value else value
    return str(value) if type(value) is int else NOT_KEPT


def read_number(value, column):
    if isinstance(value, str):
        value = {"True": "1", "true": "1", "False": "0", "false": "0"}.get(value.strip(), value.strip())
    if not isinstance(value, str | int | float | Decimal) or not in_digits(value):
        return NOT_KEPT
    try:
        exact = Fraction(value)
        as_float = float(value)
    except (ValueError, OverflowError, ZeroDivisionError):
        return NOT_KEPT
    if column.type == "number":
        rounded = isinstance(value, int) or (isinstance(value, str) and value.lstrip("+-").isdigit())
        fits = abs(as_float) <= LARGEST and not (rounded and Fraction(as_float) != exact)
        return as_float if fits else NOT_KEPT
    as_a_float = column.nullable or isinstance(value, float)
    low, high = (1 - 2**53, 2**53 - 1) if as_a_float else (-(2**63), 2**63 - 1)
    return int(exact) if exact.denominator == 1 and low <= exact <= high else NOT_KEPT


def in_digits(value):
    return not isinstance(value, str) or set(value.strip()) <= set("0123456789+-.eE")


def read_time(value, unit):
    if isinstance(value, pd.Timestamp):
        if value.nanosecond:
            return NOT_KEPT
        value = value.to_pydatetime()
    if isinstance(value, dt.datetime):
        moment = value.replace(tzinfo=None) if value.tzinfo is None else None
        microseconds = ((moment or value.astimezone(dt.UTC).replace(tzinfo=None)) - EPOCH) // MICROSECOND
    elif isinstance(value, dt.date):
        microseconds = (dt.datetime(value.year, value.month, value.day) - EPOCH) // MICROSECOND
    elif unit is not None and in_digits(value):
        try:
            # A float is what it prints as: 0.1 seconds are a tenth of a second.
            exact = Fraction(value.strip() if isinstance(value, str) else repr(value)) * UNITS[unit]
        except (TypeError, ValueError, OverflowError):
            return NOT_KEPT
        if exact.denominator > 1 or (isinstance(value, float) and abs(value) >= 2**53):
            return NOT_KEPT
        microseconds = int(exact)
    else:
        return NOT_KEPT if unit else iso(value)
    return in_years(microseconds)


def iso(value):
    try:
        moment = dt.datetime.fromisoformat(value.strip())
        offset = moment.utcoffset() or dt.timedelta()
    except (AttributeError, ValueError):
        return NOT_KEPT
    return in_years((moment.replace(tzinfo=None) - EPOCH - offset) // MICROSECOND)


def in_years(microseconds):
    fits = (FIRST - EPOCH) // MICROSECOND <= microseconds < (LAST - EPOCH) // MICROSECOND
    return EPOCH + microseconds * MICROSECOND if fits else NOT_KEPT


def compare(path, rows, options, folder):
    """Read, write, read again and check a file; every row must be kept as expected or rejected."""
    raw = read_file(path, PROBLEM, options)
    write_table(raw, folder / "raw.parquet")
    verdict = check(read_arrow(folder / "raw.parquet"), PROBLEM, None)
    frame = verdict.kept[list(CHECKED)]
    found = [[None if pd.isna(value) else value for value in row] for row in frame.itertuples(index=False)]
    kept = [row for row in (want(values) for values in rows) if row is not None]
    assert found == kept
    assert [type(value) for row in found for value in row if type(value) is str] == [
        str for row in kept for value in row if type(value) is str
    ]
    bad = [number for number, values in enumerate(rows) if want(values) is None]
    assert verdict.rejected["source_row"].to_pylist() == bad
    assert len(verdict.kept) + len(verdict.rejected) == len(rows)
    write_table(verdict.rejected, folder / "rejected.parquet")
    assert len(pd.read_parquet(folder / "rejected.parquet")) == len(bad)
    assert verdict.examples.keys() == verdict.failed.keys()


def want(values):
    """Return a row as it must be kept, None when it must be rejected."""
    found = [read_cell(value, PROBLEM.columns[name]) for name, value in zip(CHECKED, values, strict=True)]
    return None if found[0] is None or NOT_KEPT in found else found


digits = st.integers(-(2**64), 2**64) | st.integers(-(2**53) - 3, 2**53 + 3) | st.integers(-99, 99)
floats = st.floats(allow_nan=False)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
moments = st.datetimes() | st.datetimes(timezones=zones)
junk = st.sampled_from(
    ["now", "x", "1,5", "#N/A", "31/12/2024", "2018", "0x10", "1_0", "--1", "\u0661", " ", "True", "1e999"]
)
shared = junk | st.sampled_from(sorted(GAPS)) | st.none()
numbers = (
    digits.map(str) | floats.map(repr) | digits.map("{}.0".format) | st.decimals(-99, 99, places=3).map(str) | shared
)
times = moments.map(dt.datetime.isoformat) | st.dates().map(str) | shared
since = st.integers(-(10**13), 10**13).map(str) | digits.map(str) | shared
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=5) | shared
cells = st.tuples(numbers, numbers, numbers, times, since, texts)


@pytest.mark.slow
@pytest.mark.parametrize("packed", ["a.csv", "a.csv.gz", "a.zip"])
@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", ".")])
def test_any_table_of_text_in_any_kind_of_csv(tmp_path_factory, packed, separator, decimal):
    folder = tmp_path_factory.mktemp("csv")
    options = CsvParams(separator=separator, skip_lines=0, decimal=decimal)

    @settings(quick, max_examples=TABLES)
    @given(st.lists(cells, min_size=1, max_size=8), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    def any_table(rows, quoting):
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator="\n")
        writer.writerow(["id", "time", "label", *CHECKED])
        writer.writerows([number, "2018-01-01", number % 2, *row] for number, row in enumerate(rows))
        (folder / packed).write_bytes(pack(packed, text.getvalue().encode()))
        records = list(csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=separator))[1:]
        compare(folder / packed, [as_points(record[3:], decimal) for record in records], options, folder)

    any_table()


def pack(name, content, method=zipfile.ZIP_DEFLATED):
    if name.endswith(".gz"):
        return gzip.compress(content, 1)
    if not name.endswith(".zip"):
        return content
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("a.csv", content)
    return packed.getvalue()


def as_points(record, decimal):
    """Return cells with a point before the decimals of numbers, None for empty ones."""
    if decimal == ",":
        swap = str.maketrans(".,", "?.")
        numeric = {"whole", "gapped", "number", "since"}
        record = [cell.translate(swap) if name in numeric else cell for name, cell in zip(CHECKED, record, strict=True)]
    return [cell or None for cell in record]


int64 = st.integers(-(2**63), 2**63 - 1)
arrow_numbers = [
    (pa.int64(), int64 | st.integers(-(2**53) - 3, 2**53 + 3)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.float64(), st.floats() | st.integers(-(2**53) - 2, 2**53 + 2).map(float) | st.integers(-9, 9).map(float)),
    (pa.float32(), st.floats(width=32)),
    (pa.bool_(), st.booleans()),
    (pa.decimal128(20, 2), st.decimals(-(10**17), 10**17, places=2)),
    (pa.string(), numbers),
    (pa.list_(pa.int64()), st.lists(int64, max_size=2)),
    (pa.binary(), st.binary(max_size=3)),
    (pa.date32(), st.dates()),
]
arrow_times = [
    (pa.timestamp("s"), st.integers(-(10**15), 10**15)),
    *((pa.timestamp(unit, zone), int64) for unit in ("ms", "us", "ns") for zone in (None, "Asia/Tokyo")),
    (pa.date32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.timestamp("us"), st.integers(-(10**16), 10**16)),
    (pa.timestamp("ns"), st.integers(-(10**15), 10**15).map(lambda us: us * 1000)),
    (pa.string(), times),
    (pa.int64(), st.integers(-(10**13), 10**13)),
    (pa.float64(), st.floats(-1e13, 1e13)),
    (pa.time64("us"), st.integers(0, 10**9)),
    (pa.duration("us"), int64),
]
arrow_texts = [
    (pa.string(), texts),
    (pa.large_string(), texts),
    (pa.string_view(), texts),
    (pa.dictionary(pa.int32(), pa.string()), texts),
    *arrow_numbers[:5],
    *arrow_numbers[8:],
    *arrow_times[:3],
]


def array_of(kind, values):
    """Return values in a type; times as numbers of their unit, so that any can be made."""
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time(kind):
        return pa.array(values, pa.int64()).view(kind)
    if pa.types.is_date32(kind) and any(type(value) is int for value in values):
        return pa.array(values, pa.int32()).view(kind)
    return pa.array(values, kind)


def columns_of(kinds, rows):
    one = st.sampled_from(kinds)
    return one.flatmap(
        lambda pair: st.lists(pair[1] | st.none(), min_size=rows, max_size=rows).map(lambda v: array_of(pair[0], v))
    )


tables = st.integers(1, 6).flatmap(
    lambda rows: st.tuples(
        *(columns_of(arrow_numbers, rows) for _ in range(3)),
        columns_of(arrow_times, rows),
        columns_of(arrow_times, rows),
        columns_of(arrow_texts, rows),
    )
)


def plain(scalar):
    """Return a scalar of pyarrow as an exact Python value; a day that Python does not have as the words that say so."""
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return "out of range"


@pytest.mark.nightly
@settings(quick, max_examples=TABLES * 12)
@given(tables)
def test_any_table_of_any_types_in_parquet(tmp_path_factory, columns):
    folder = tmp_path_factory.getbasetemp()
    rows = len(columns[0])
    needed = [pa.array(range(rows)), pa.array(["2018-01-01"] * rows), pa.array([i % 2 for i in range(rows)])]
    table = pa.Table.from_arrays([*needed, *columns], names=["id", "time", "label", *CHECKED])
    pq.write_table(table, folder / "any.parquet", write_page_checksum=True)
    stored = pq.ParquetFile(folder / "any.parquet").read()
    values = [[typed(value, stored.schema.field(name).type) for value in stored[name]] for name in CHECKED]
    compare(
        folder / "any.parquet",
        list(zip(*values, strict=True)),
        CsvParams(separator=",", skip_lines=0, decimal="."),
        folder,
    )


def typed(scalar, kind):
    value = plain(scalar)
    if isinstance(value, str) and not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return value if pa.types.is_dictionary(kind) or kind == pa.string_view() else dt.timedelta.max
    return value


def test_a_file_cut_anywhere_is_refused_or_has_fewer_whole_rows(tmp_path):
    lines = ["id,time,label," + ",".join(CHECKED), *(f"{i},2018-01-01,{i % 2},{i},,1.5,,,a" for i in range(5))]
    content = "\n".join(lines).encode()
    for length in range(1, len(content)):
        (tmp_path / "a.csv").write_bytes(content[:length])
        try:
            found = read_file(tmp_path / "a.csv", PROBLEM)
        except PipelineError:
            continue
        assert len(found) == len(content[:length].splitlines()) - 1


def damaged(content, rng):
    """Return a file with a few wrong bytes, and now and then without its end."""
    found = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        found[rng.randrange(len(found))] = rng.randrange(256)
    return bytes(found[: rng.randrange(1, len(found))] if rng.random() < 0.2 else found)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "deflated.zip", "lzma.zip", "bzip2.zip", "stored.zip"])
def test_a_damaged_file_of_text_is_refused_in_words_or_each_of_its_rows_is_kept_or_rejected(tmp_path, name):
    text = ("id,time,label," + ",".join(CHECKED) + "\n").encode() + b"1,2018-01-01,0,5,,1.5,,,a b\n" * 20
    methods = {"deflated": zipfile.ZIP_DEFLATED, "lzma": zipfile.ZIP_LZMA, "bzip2": zipfile.ZIP_BZIP2}
    method = methods.get(name.removesuffix(".zip"), zipfile.ZIP_STORED)
    content, rng, refused = pack(name, text, method), random.Random(name), 0
    for _ in range(TABLES * 10):
        (tmp_path / name).write_bytes(damaged(content, rng))
        try:
            raw = read_file(tmp_path / name, PROBLEM)
        except PipelineError:
            refused += 1
            continue
        verdict = check(raw, PROBLEM, None)
        assert len(verdict.kept) + len(verdict.rejected) == len(raw)
    assert refused
