"""Numbers that all worker processes write and any of them reads: a row for each process in one shared file.

A cell is a double with a name and labels. A process writes its own row only, so nothing is locked; a process that
takes over the row of a dead one goes on counting where that ended.
"""

import json
import mmap
import os
import tempfile
from collections.abc import Container, Iterator
from copy import copy

CELLS = 8192  # of a row; pages that nobody touches take no memory
NAMES = 1 << 20  # bytes of a row for what they are called
ROW = CELLS * 8 + NAMES

Key = tuple[str, ...]  # the name, then label, value, label, value ...


def create(rows: int) -> int:
    """Return the descriptor of a new file for some processes; it ends with the last of them."""
    if hasattr(os, "memfd_create"):  # also where no file can be written
        file = os.memfd_create("metrics")
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    os.ftruncate(file, rows * ROW)
    return file


class Cells:
    """The row of one process, and those of all.

    Parameters
    ----------
    file : int
        From `create`.
    row : int
        Whose.

    Attributes
    ----------
    values : memoryview of float64
        The cells of this process; `values[cells.at(...)] += 1`.
    """

    def __init__(self, file: int, row: int) -> None:
        self._map = mmap.mmap(file, 0)
        self._rows = len(self._map) // ROW
        self.values, self._names, self._length = self._parts(row)
        self._known = {key: n for n, key in enumerate(self._keys(row))}
        self._prefix = ""
        self._labels: Key = ()

    def at(self, name: str, *labels: str) -> int:
        """Return the place of a cell, a new one that holds 0 when it is unknown.

        When a row is full, what comes later shares a cell that nobody reads: a label that grows without limit must
        not end the service.
        """
        key = (self._prefix + name, *self._labels, *labels)
        if key not in self._known:
            line = json.dumps(key).encode() + b"\n"
            end = self._length[0] + len(line)
            if len(self._known) >= CELLS - 1 or end > len(self._names):
                return CELLS - 1
            self._names[self._length[0] : end] = line
            self._length[0] = end  # after the name: others read no further than this
            self._known[key] = len(self._known)
        return self._known[key]

    def labelled(self, prefix: str, *labels: str) -> "Cells":
        """Return the same row for numbers whose names all begin with a prefix, and that all have some labels."""
        found = copy(self)
        found._prefix, found._labels = prefix, labels
        return found

    def clear(self, names: Container[str]) -> None:
        """Set cells of some names to 0, whatever their labels."""
        for key, place in self._known.items():
            if key[0] in names:
                self.values[place] = 0.0

    def each(self) -> Iterator[list[tuple[Key, float]]]:
        """Yield the cells of every row that a process has written."""
        for row in range(self._rows):
            values = self._parts(row)[0]
            yield [(key, values[n]) for n, key in enumerate(self._keys(row))]

    def _parts(self, row: int) -> "tuple[memoryview[float], memoryview[int], memoryview[int]]":
        """Return a row's values, names, and the length of its names."""
        view = memoryview(self._map)[row * ROW : (row + 1) * ROW]
        names = view[CELLS * 8 :]
        return view[: CELLS * 8].cast("d"), names[8:], names[:8].cast("Q")

    def _keys(self, row: int) -> list[Key]:
        _, names, length = self._parts(row)
        return [tuple(json.loads(line)) for line in bytes(names[: length[0]]).splitlines()]
