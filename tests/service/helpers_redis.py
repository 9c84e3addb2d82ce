"""A Redis server for tests, and stores on it that know nothing of each other."""

import importlib.util
import itertools
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers_online import LATENESS_DAYS, PLAN, SCHEMA

if TYPE_CHECKING:
    from service.online_store.redis_store import RedisStore


missing = shutil.which("redis-server") is None or importlib.util.find_spec("redis") is None
needs_redis = pytest.mark.skipif(missing, reason="apt-get install redis-server, and pip install redis")
prefixes = (f"t{number}" for number in itertools.count())


def store_on(server: str, **changes: Any) -> "RedisStore":
    """Open a store; a new one unless a prefix is given."""
    from benchmarks.serving.row_stores import RowsOnRedis

    made = {"url": server, "plan": PLAN, "schema": SCHEMA, "prefix": next(prefixes), "lateness_days": LATENESS_DAYS}
    return RowsOnRedis(**made | changes)
