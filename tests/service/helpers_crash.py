"""A service that is killed: run with a folder and a number of payments, it prints each key it acknowledges.

Payments come in groups of one commit; every seventh gets its label at once, so that labels must outlive a crash too.
Now and then the journal is made into a snapshot.
"""

import itertools
import sys
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "src"))

from tests.helpers_online import see
from tests.service.helpers_store import opened

GROUP = 5


def main() -> None:
    """Go on behind the payments that are given, for ever."""
    store = opened(Path(sys.argv[1]))
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
