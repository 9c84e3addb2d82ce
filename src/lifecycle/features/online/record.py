"""What the online state keeps of a record, and what a journal keeps of a change."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

# What keeping an event came to: new, known already with the same content, or labels of a record that nobody knows.
Taken = Literal["accepted", "repeated", "unknown"]


class Record:
    """A record as the online state keeps it.

    Parameters
    ----------
    time : int
        Microseconds since 1970.
    arrival : int
        Orders records of the same time, and tells records apart.
    key : int or str
        What identifies it outside.
    values : dict of str to value
        The columns that windows read, the entities among them, and the features that windows read.
    """

    __slots__ = ("arrival", "key", "time", "values")

    def __init__(self, time: int, arrival: int, key: Any, values: dict[str, Any]) -> None:
        self.time, self.arrival, self.key, self.values = time, arrival, key, values


class Change(NamedTuple):
    """What a journal must hold to make the state again: a record (time given), or new values of a kept one."""

    key: Any
    time: int | None
    values: Mapping[str, Any]
