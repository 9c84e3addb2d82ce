"""Events that belong together: all can be kept, or the first that can't is found before one of them is."""

from typing import Any

from lifecycle.features.online.home import LateRecordError
from lifecycle.features.online.record import Record
from lifecycle.features.online.schema import Event
from lifecycle.features.online.state import State


class Draft:
    """What a state would be if it kept some events; the state stays as it is.

    Parameters
    ----------
    state : State
        Must not change while the draft is made.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._records: dict[Any, Record] = {}
        self._newest: dict[tuple[str, Any], int] = {}

    def add(self, event: Event) -> bool:
        """Have a record kept behind those that were added before; return False when it is kept already.

        Raises
        ------
        LateRecordError
            It is too late.
        RepeatError
            Another record is kept under its key.
        """
        kept = self._records.get(event.key) or self._state.kept.find(event.key)
        if kept is not None:
            self._state.schema.check_repeat(kept, event)
            return False
        record = Record(event.time, 0, event.key, event.values)
        for by in self._state.plan.tracks:
            self._come(by, record)
        self._records[event.key] = record
        return True

    def _come(self, by: str, record: Record) -> None:
        """Let a record come to one of its entities, unless it is too late for it."""
        place, lateness_us = (by, record.values[by]), self._state.lateness_us
        added = self._newest.get(place, record.time)
        behind = max(self._state.kept.entity(*place).behind(record.time), added - record.time)
        if behind > lateness_us:
            raise LateRecordError(record, by, behind, lateness_us)
        self._newest[place] = max(added, record.time)
