"""A writer that is killed: run with a log, it prints each record that it was told is on disk."""

import itertools
import sys
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[4] / folder) for folder in ("", "src"))

from lifecycle.release.audit.audit_writer import ChainWriter


def main() -> None:
    """Write for ever, groups of some records."""
    writer = ChainWriter(Path(sys.argv[1]) / "chain-0", longest=20_000)
    print("open", flush=True)
    for size in itertools.cycle((1, 7, 40)):
        writer.append([("decision", b'{"filler":"%b"}' % (b"x" * 200))] * size)
        print(writer.head.sequence, flush=True)


if __name__ == "__main__":
    main()
