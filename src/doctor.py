"""Look for broken files of DVC's own, and mend them.

    python src/doctor.py                  hash every object that dvc.lock names in the cache again
    python src/doctor.py --remote store   and in the remote `store`, a folder
    python src/doctor.py --fix            put back what is missing or corrupt
    python src/doctor.py --locks          only what a killed DVC process leaves broken: quick

Ends with 0 when all is well or mended, otherwise with 1.
"""

import argparse
from pathlib import Path

from lifecycle.data.locks import mend_locks
from lifecycle.stage import PipelineError, run


def look(remote: str | None, fix: bool) -> str:
    """Report each broken object of the repository in the working folder; with `fix`, mend it.

    Raises
    ------
    PipelineError
        Something is still missing or corrupt at the end.
    """
    from lifecycle.data import cache, mend  # noqa: PLC0415 `--locks` runs before every `make repro`

    state = cache.survey(remote)
    faults, before = state.faults(), None
    for fault in faults:
        print(fault, flush=True)
    while fix and faults and faults != before:  # first a folder's list, then the files that it names
        mend.repair(state, faults)
        state, before = cache.survey(remote), faults
        faults = state.faults()
    if faults:
        raise PipelineError("\n".join(["missing or corrupt:", *sorted({fault.advice() for fault in faults})]))
    return f"{len(state.items)} objects are whole in {' and '.join(map(str, state.folders))}"


def main() -> None:
    """Read the options, mend the lock, look at the objects."""
    parser = argparse.ArgumentParser(description="Look for broken files of DVC's own, and mend them.")
    parser.add_argument("--remote", metavar="NAME", help="look at this remote too, a folder of this machine")
    parser.add_argument("--fix", action="store_true", help="put back what is missing or corrupt")
    parser.add_argument("--locks", action="store_true", help="only mend what a killed DVC process left broken")
    options = parser.parse_args()
    for path in mend_locks(Path()):
        print(f"moved a file out of the way that a killed DVC process had left broken: it is {path} now")
    if not options.locks:
        print(look(options.remote, options.fix))


if __name__ == "__main__":
    run(main)
