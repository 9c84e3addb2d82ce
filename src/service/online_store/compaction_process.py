"""Make one snapshot out of a snapshot and a copy of the journal behind it, in a process of its own.

The service goes on meanwhile. `python -m service.online_store.compaction_process` gets the feature list and the paths
as JSON on its standard input, and writes a file.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Schema
from lifecycle.features.online.snapshot import Snapshot
from lifecycle.features.online.state import State
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import features_of
from service.online_store.journal import Journal


def compact(plan: Plan, snapshot: Path, journal: Path, made: Path, horizon: int) -> None:
    """Write the snapshot of all that a snapshot and a journal hold.

    Parameters
    ----------
    plan : Plan
        Of their feature list.
    snapshot, journal : Path
        What there is.
    made : Path
        What to write.
    horizon : int
        Entities that no record of this time or later can see are left out, see `Kept.expire`.
    """
    base, changes = Snapshot.load(snapshot), Journal(journal)
    # A state that is asked nothing needs no schema.
    state = State(plan, cast(Schema, None), base, base.lateness_us / DAY_US)
    for change in changes.after(base.position):
        state.apply(change)
    for _ in state.store.expire(horizon):
        pass
    state.snapshot(changes.position).save(made)
    changes.close()


def main(task: Mapping[str, Any]) -> None:
    """Do what a service has asked for."""
    os.nice(10)  # requests go first
    plan = Plan(features_of(task["declaration"]), task["decimals"])
    compact(plan, Path(task["snapshot"]), Path(task["journal"]), Path(task["made"]), task["horizon"])


if __name__ == "__main__":
    main(json.load(sys.stdin))
