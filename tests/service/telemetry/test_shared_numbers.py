import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

import pytest

from service.telemetry import shared_numbers as cells
from service.telemetry.shared_numbers import CELLS, Cells


@pytest.fixture
def file() -> Iterator[int]:
    found = cells.create(3)
    yield found
    os.close(found)


def totals(row: Cells) -> dict[tuple[str, ...], float]:
    sums: dict[tuple[str, ...], float] = defaultdict(float)
    for key, value in chain.from_iterable(row.each()):
        sums[key] += value
    return sums


def test_any_process_reads_what_all_have_counted(file: int) -> None:
    one, two = Cells(file, 0), Cells(file, 2)
    one.values[one.at("a", "x", "1")] += 2
    two.values[two.at("b")] += 5
    two.values[two.at("a", "x", "1")] += 3
    assert totals(one) == totals(two) == totals(Cells(file, 1)) == {("a", "x", "1"): 5.0, ("b",): 5.0}


def test_a_cell_has_its_place_for_good(file: int) -> None:
    row = Cells(file, 0)
    assert row.at("a", "x", "1") == row.at("a", "x", "1") != row.at("a", "x", "2")


def test_a_new_process_goes_on_where_a_dead_one_ended(file: int) -> None:
    dead = Cells(file, 1)
    dead.values[dead.at("requests")] += 7
    dead.values[dead.at("connections")] = 3
    heir = Cells(file, 1)
    heir.clear({"connections"})
    heir.values[heir.at("requests")] += 1
    assert totals(heir) == {("requests",): 8.0, ("connections",): 0.0}


def test_labels_without_end_fill_a_row_and_no_more(file: int) -> None:
    row = Cells(file, 0)
    row.values[row.at("first")] = 1
    places = {row.at("name", "n", str(n)) for n in range(CELLS + 100)}
    assert max(places) == CELLS - 1
    assert totals(row)["first",] == 1
    assert totals(Cells(file, 1))["first",] == 1
