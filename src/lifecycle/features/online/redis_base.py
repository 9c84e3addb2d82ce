"""Load a snapshot into a Redis server: once, by one process, while the others wait."""

import json
import secrets
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import redis

from lifecycle.features.online.packing import Rows
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.redis_keys import Keys
from lifecycle.features.online.snapshot import Snapshot
from lifecycle.stage import PipelineError

READY = "ready"
LEASE_SECONDS = 60  # a process that has died while loading is replaced after so long
CHUNK = 2_000  # commands in one transaction


def load_base(server: redis.Redis, keys: Keys, plan: Plan, base: Snapshot) -> None:
    """Load a snapshot unless that is done; return when it is.

    Parameters
    ----------
    server : Redis
        Decodes its answers.
    keys : Keys
        Names on it.
    plan : Plan
        Of the feature list.
    base : Snapshot
        What to load.

    Raises
    ------
    PipelineError
        The store has been used without this snapshot.
    """
    while server.get(keys.base) != READY:
        if server.exists(keys.arrivals):
            raise PipelineError(f"{keys.base}: records have come before the snapshot was loaded; use another prefix")
        own = secrets.token_hex(8)
        if server.set(keys.base, own, nx=True, ex=LEASE_SECONDS):
            _load(server, keys, own, _commands(keys, plan, base))
        else:
            time.sleep(0.05)


def _load(server: redis.Redis, keys: Keys, own: str, commands: Iterator[tuple[Any, ...]]) -> None:
    """Run commands in transactions, as long as no other process has taken over."""
    while chunk := list(islice(commands, CHUNK)):
        with server.pipeline() as pipe:
            pipe.watch(keys.base)
            if pipe.get(keys.base) != own:
                return
            pipe.multi()
            pipe.expire(keys.base, LEASE_SECONDS)
            for command in chunk:
                pipe.execute_command(*command)
            try:
                pipe.execute()
            except redis.WatchError:
                return


def _commands(keys: Keys, plan: Plan, base: Snapshot) -> Iterator[tuple[Any, ...]]:
    """Yield what makes the lists; the last two make them valid."""
    key, columns = base.key.tolist(), [base.values[name].tolist() for name in (*plan.columns, *plan.derived)]
    rows = zip(range(len(key)), base.time.tolist(), key, zip(*columns, strict=True), strict=True)
    items = [json.dumps(row) for row in rows]
    for by in plan.tracks:
        for value, found in Rows(base.values[by]).groups():
            name = keys.entity(by, value)
            yield "DEL", name  # a process that has died may have begun it
            yield "RPUSH", name, *(items[row] for row in found)
            yield "EXPIRE", name, keys.seconds
    entities = zip(*(base.values[by].tolist() for by in plan.tracks), strict=True)
    for row, values in enumerate(entities):
        yield "SET", keys.record(key[row]), json.dumps([row, values]), "EX", keys.seconds
    yield "SET", keys.arrivals, len(key)
    yield "SET", keys.base, READY
