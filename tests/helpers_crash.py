"""A service that is killed: run as `python tests/helpers_crash.py folder payments`, it prints each key it acknowledges.

Payments come in groups of one commit; every seventh gets its label at once, so that labels must outlive a crash too.
Now and then the journal is made into a snapshot.
"""

import itertools
import sys
from pathlib import Path
from typing import Any

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from lifecycle.problem.record_words import DAY_US
from service.store.journal import EmbeddedStore
from tests.helpers_online import PLAN, SCHEMA

GROUP = 5


def payment(key: int) -> dict[str, Any]:
    """Return the payment of a key: a quarter of an hour after the one before, or half a day late."""
    late = DAY_US // 2 if key % 11 == 10 else 0
    return {
        "transaction_id": key,
        "tx_time": key * DAY_US // 96 - late,
        "customer_id": key % 3,
        "terminal_id": key % 2,
        "amount": key % 400 + 0.25,
    }


def see(store: Any, key: int) -> None:
    """Let a store or a state see a payment and its label."""
    store.update(payment(key))
    if key % 7 == 0:
        store.label(key, {"is_fraud": 1})


def main() -> None:
    """Go on behind the payments that are given, for ever."""
    store = EmbeddedStore(Path(sys.argv[1]), PLAN, SCHEMA)
    for start in itertools.count(int(sys.argv[2]), GROUP):
        keys = range(start, start + GROUP)
        for key in keys:
            see(store, key)
        store.commit()
        print(*keys, sep="\n", flush=True)
        if start % 16 == 0:
            store.compact()


if __name__ == "__main__":
    main()
