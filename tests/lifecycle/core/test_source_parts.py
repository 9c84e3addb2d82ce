import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.source_parts import RowPlaces, with_parts


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_every_row_is_found_in_its_file(counts):
    names = [f"{number}.csv" for number in range(len(counts))]
    table = pa.table({"row": range(sum(counts))})
    places = RowPlaces(with_parts(table, list(zip(names, counts, strict=True))))
    expected = [f"row {row} of {name}" for name, count in zip(names, counts, strict=True) for row in range(count)]
    assert [places.words(row) for row in range(len(table))] == expected


@pytest.mark.parametrize("metadata", [None, {b"other": b"x"}])
def test_a_table_of_one_file_counts_its_rows(metadata):
    places = RowPlaces(pa.table({"a": [1, 2]}).replace_schema_metadata(metadata))
    assert not places.has_files
    assert places.words(1) == "row 1"
