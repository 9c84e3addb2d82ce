"""A service that is killed: run with a bundle, a store and a first key, it prints what it acknowledges.

Payments and labels come from several clients at once, every third payment gets its label, and the journal is compacted
all the time.
"""

import asyncio
import itertools
import sys
from pathlib import Path
from typing import Any

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "src"))

from service.app import open_home
from service.online_store import compactor as compacting
from service.online_store.history import Home
from service.settings import Settings
from tests.service.helpers_home import Listed, label, payment

CLIENTS = 8
LONGEST = 60  # changes in the journal before it is compacted


async def client(home: Home, servable: Any, keys: "itertools.count[int]") -> None:
    """Send one payment after the other, and say which are safe."""
    for key in keys:
        await home.keep([payment(key), *([label(key)] if key % 3 == 0 else [])], servable)
        print(key, flush=True)


async def main(folder: str, store: str, first: str) -> None:
    """Serve for ever."""
    compacting.Compactor.__init__.__defaults__ = (LONGEST,)
    servable, keys = Listed(Path(folder)), itertools.count(int(first))
    home = await open_home(servable, Settings(store=store))  # type: ignore[arg-type]
    print("open", flush=True)
    await asyncio.gather(*(client(home, servable, keys) for _ in range(CLIENTS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
