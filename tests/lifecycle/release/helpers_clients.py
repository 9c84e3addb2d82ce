"""A client of a route: changes and reads it, and prints what it did with the times of begin and end.

python helpers_clients.py FOLDER SECONDS SEED
"""

import json
import random
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "src"))

from lifecycle.release.route import Route, change_route, read_route


def main(folder: Path, seconds: float, seed: str) -> None:
    """Change and read in turn, as chance has it."""
    chance, number, end = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        number += 1
        begin = time.monotonic()
        if chance.random() < 0.5:
            kind, found = "write", change_route(folder, lambda _: Route(0, "single", f"{seed}-{number}"))  # noqa: B023
        else:
            kind, found = "read", read_route(folder)
        state = None if found is None else (found.epoch, found.champion)
        print(json.dumps([kind, begin, time.monotonic(), state]), flush=True)
        time.sleep(chance.random() * 0.003)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
