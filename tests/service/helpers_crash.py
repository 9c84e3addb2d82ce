"""A service that is killed: run with a folder and a number of payments, it prints each key it acknowledges.

Payments come in groups of one commit; every seventh gets its label at once, so that labels must outlive a crash too.
Now and then the journal is made into a snapshot.
"""

import itertools
import sys
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "src"))

from service.online_store.journal import EmbeddedStore
from tests.helpers_online import PLAN, SCHEMA, see

GROUP = 5


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
