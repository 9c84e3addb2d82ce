"""Look for broken files of DVC's own, and mend them.

    python src/doctor.py                  hash every object that dvc.lock names in the cache again
    python src/doctor.py --remote store   and in the remote `store`, a folder
    python src/doctor.py --fix            put back what is missing or corrupt
    python src/doctor.py --locks          only the lock that a killed DVC process leaves broken: quick

Ends with 0 when all is well or mended, otherwise with 1.
"""

import argparse
from pathlib import Path

from lifecycle.data.cache import Fault, survey
from lifecycle.data.locks import mend_rwlock
from lifecycle.data.mend import repair
from lifecycle.stage import PipelineError, run


def look(remote: str | None, fix: bool) -> str:
    """Report each broken object of the repository in the working folder; with `fix`, mend it.

    Raises
    ------
    PipelineError
        Something is still missing or corrupt at the end.
    """
    state = survey(remote)
    faults, before = state.faults(), list[Fault]()
    for fault in faults:
        print(fault, flush=True)
    while fix and faults and faults != before:  # first a folder's list, then the files that it names
        repair(state, faults)
        state, before = survey(remote), faults
        faults = state.faults()
    if faults:
        raise PipelineError("\n".join(["missing or corrupt:", *sorted({_advice(fault) for fault in faults})]))
    return f"{len(state.items)} objects are whole in {' and '.join(map(str, state.folders))}"


def _advice(fault: Fault) -> str:
    item = fault.item
    if item.stage:
        return f"{item.path}: `make doctor FIX=1` restores it, or `dvc repro {item.stage}`"
    return (
        f"{item.path}: `make doctor FIX=1` restores it if a copy is left, otherwise `dvc add {item.out}` the original"
    )


def main() -> None:
    """Read the options, mend the lock, look at the objects."""
    parser = argparse.ArgumentParser(description="Look for broken files of DVC's own, and mend them.")
    parser.add_argument("--remote", metavar="NAME", help="look at this remote too, a folder of this machine")
    parser.add_argument("--fix", action="store_true", help="put back what is missing or corrupt")
    parser.add_argument(
        "--locks", action="store_true", help="only remove a lock file that a killed process left broken"
    )
    options = parser.parse_args()
    if done := mend_rwlock(Path()):
        print(done)
    if not options.locks:
        print(look(options.remote, options.fix))


if __name__ == "__main__":
    run(main)
