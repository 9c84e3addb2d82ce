"""Stores that are asked by records, without the event loop of the service: for `online.py` and the tests."""

from collections.abc import Mapping
from typing import Any

from service.online_store.journal import EmbeddedStore
from service.online_store.redis_store import RedisStore


class FolderStore(EmbeddedStore):
    """A store in a folder that is asked record by record, without the event loop and the process of the service."""

    def features(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of a record, whether it is kept or not."""
        return self.state.features(row)

    def update(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a record and return its features."""
        return self.state.update(row)

    def label(self, key: Any, values: Mapping[str, Any]) -> bool:
        """Take labels that have become known."""
        return self.state.label(key, values)

    def compact(self) -> None:
        """Write a snapshot and empty the journal."""
        self.commit()
        position, made = self.journal.position, self.path.with_name("made.npz")
        self.state.snapshot(position).save(made)
        self.adopt(made, position)
        while self.journal.shrink():
            pass


class RowsOnRedis(RedisStore):
    """A store on a Redis server that is asked by records as they are, where the service has events that it has read."""

    def features(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of a record, whether it is kept or not."""
        return self.features_of_event(self.schema.event(row))

    def update(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a record and return its features."""
        self.keep(self.schema.event(row))
        return self.features(row)

    def label(self, key: Any, values: Mapping[str, Any]) -> bool:
        """Take labels that have become known."""
        return self.keep(self.schema.label(key, values)) != "unknown"
