"""Show what the audit log takes, and what it finds.

Run from the repository root:

    python benchmarks/audit.py

Prints records a second that are brought to disk a hundred at a time and one by one, keys a second for entities that are
new and that are known, records a second that `verify` reads, and how many of 200 tamperings it finds. The files are on
the disk of TMPDIR. It exits with 1 when fewer than 10,000 records a second are written a hundred at a time, or when a
tampering is not found. What a service loses by it: `benchmarks/serving/audit_policies.py`.
"""

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.tampering import TAMPERINGS, decision, is_found, write_log
from lifecycle.core.errors import PipelineError, run
from lifecycle.release.audit.audit_verification import follow
from lifecycle.release.audit.audit_writer import ChainWriter
from lifecycle.release.audit.pseudonyms import Keyring

RECORDS, SINGLE, GROUP, ENTITIES = 200_000, 5_000, 100, 20_000
TRIALS, LEAST = 200, 10_000


def per_second(count: int, work: Callable[[], None]) -> float:
    """Return how many things a second some work does."""
    before = time.perf_counter()
    work()
    return count / (time.perf_counter() - before)


def written(chain: Path, count: int, group: int) -> float:
    """Return records a second that are brought to disk in groups."""
    writer, record = ChainWriter(chain), decision("0123456789abcdef", 0)

    def work() -> None:
        for _ in range(count // group):
            writer.append([record] * group)

    found = per_second(count, work)
    writer.close()
    return found


def keyed(path: Path) -> tuple[float, float]:
    """Return entities a second, in groups, that get a key and that have one."""
    ring, names = Keyring(path), [str(number) for number in range(ENTITIES)]

    def work() -> None:
        for start in range(0, ENTITIES, GROUP):
            ring.of(names[start : start + GROUP])

    return per_second(ENTITIES, work), per_second(ENTITIES, work)


def check(chain: Path) -> None:
    """Raise when a chain is broken."""
    if (fault := follow(chain, ()).fault) is not None:
        raise PipelineError(str(fault))


def show_the_log(folder: Path) -> float:
    """Print what writing and reading take; return records a second in groups."""
    grouped, single = written(folder / "log/chain-0", RECORDS, GROUP), written(folder / "log/chain-1", SINGLE, 1)
    print(f"{'on disk, 100 at a time':<28}{grouped:>12,.0f} records/s")
    print(f"{'on disk, one by one':<28}{single:>12,.0f} records/s")
    new, known = keyed(folder / "keys")
    print(f"{'entities that are new':<28}{new:>12,.0f} keys/s, 100 at a time")
    print(f"{'entities that are known':<28}{known:>12,.0f} keys/s")
    read = per_second(RECORDS, lambda: check(folder / "log/chain-0"))
    print(f"{'verified':<28}{read:>12,.0f} records/s")
    return grouped


def tampered(folder: Path) -> Counter[str]:
    """Return how many tamperings of each kind are found, of a log that is anchored."""
    anchors, rng, found = write_log(folder / "sound"), random.Random(0), Counter[str]()
    for number in range(TRIALS):
        shutil.copytree(folder / "sound", folder / "copy")
        name = list(TAMPERINGS)[number % len(TAMPERINGS)]
        TAMPERINGS[name](folder / "copy", rng)
        found[name] += is_found(folder / "copy", anchors)
        shutil.rmtree(folder / "copy")
    return found


def main() -> None:
    """Print all figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grouped = show_the_log(folder)
        found = tampered(folder)
        print(f"{'tamperings found':<28}{found.total():>8} of {TRIALS}: {dict(found)}")
    if grouped < LEAST or found.total() < TRIALS:
        raise PipelineError(f"fewer than {LEAST:,} records a second, or a tampering that was not found")


if __name__ == "__main__":
    run(main)
