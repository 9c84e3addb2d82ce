"""What every monitor said of a world and of its changed twins; kept in a file, so that a run goes on after a cut.

Not run by itself.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from benchmarks.drift import own_monitor, worlds
from benchmarks.drift.faults import KINDS, Kind
from benchmarks.drift.own_monitor import Calm
from benchmarks.drift.usual_defaults import Detector
from benchmarks.drift.worlds import WATCH, WEEK, Seen, World
from lifecycle import monitoring
from lifecycle.core.atomic import atomic
from lifecycle.core.params import Params

OWN = "this project"
MONITORING = Path(monitoring.__file__).parent


class Settings(NamedTuple):
    """What a run is made with."""

    params: Params
    detectors: Mapping[str, Detector]
    kept: Path  # folder of the files

    @property
    def made_with(self) -> dict[str, str]:
        """What must be the same for a kept file to be of use, and for what other detectors said in it."""
        params, here = self.params, Path(__file__).parent
        monitor = [here / "own_monitor.py", *MONITORING.rglob("*.py")]
        world = [here / "worlds.py", here / "faults.py", here / "usual_defaults.py", *here.glob("peers/*_peer.py")]
        limits = params.package.monitoring.model_dump_json()
        return {
            "monitor": f"{_code(monitor)} {limits} {params.monitor.model_dump_json()}",
            "world": f"{_code(world)} {params.train.model_dump_json()} {params.decide.model_dump_json()}",
        }


def _code(files: Iterable[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()


def start_of(seed: int) -> int:
    """Return the first day of a change: some day of the second watched week."""
    return WATCH + WEEK + seed % WEEK


def of_world(seed: int, with_changes: bool, settings: Settings) -> dict[str, Any]:
    """Return what was said of a world, from its file where there is one; it is written kind by kind.

    Returns
    -------
    dict
        `calm`, and `changed` by name of the kind and size: `alarms` of this project's monitor, `days` by detector on
        which it alarms, `seconds` by detector, and the change of `recall` that a change of the world makes.
    """
    file, made_with = settings.kept / f"{seed}{'-changed' if with_changes else ''}.json", settings.made_with
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    same = {name: kept.get("made_with", {}).get(name) == words for name, words in made_with.items()}
    if all(same.values()) and kept["complete"] and set(kept["calm"]["days"]) == set(settings.detectors):
        return kept
    world, earlier = worlds.made(seed, settings.params), kept if same["world"] else {}
    known = own_monitor.calm(world, settings.params.package.monitoring, settings.params.monitor)
    calm = said(world, world.seen, known, settings.detectors, earlier.get("calm"))
    changed = dict(earlier.get("changed", {}))
    found = {"seed": seed, "made_with": made_with, "calm": calm, "changed": changed}
    for kind in KINDS if with_changes else ():
        changed |= changes(world, kind, known, settings, changed)
        _write(file, found | {"complete": False})
    _write(file, found | {"complete": True})
    return found | {"complete": True}


def _write(file: Path, content: Mapping[str, Any]) -> None:
    with atomic(file) as temporary:
        Path(temporary).write_text(json.dumps(content), encoding="utf-8")


def changes(
    world: World, kind: Kind, known: Calm, settings: Settings, earlier: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return what was said of a world with a kind of change in each size."""
    start, found = start_of(world.seed), {}
    before = worlds.recall(world.seen.table, start)
    for size in kind.sizes:
        key = key_of(kind.name, size)
        seen = worlds.seen_again(world, kind.deliveries(world, start, size), start)
        after = worlds.recall(seen.table, start)
        answer = said(world, seen, known, settings.detectors, earlier.get(key))
        found[key] = answer | {"recall": after - before, "start": start}
    return found


def key_of(kind: str, size: float) -> str:
    """Return what a change is called."""
    return f"{kind} {size:g}"


def said(
    world: World, seen: Seen, known: Calm, detectors: Mapping[str, Detector], earlier: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return alarms, days and CPU seconds of all monitors on the watched days; of other detectors those of earlier."""
    alarms, seconds = own_monitor.watched(world, seen, known)
    found: dict[str, Any] = {"alarms": alarms, "days": {}, "seconds": {OWN: seconds}}
    names = [*map(str, world.model.feature_names_in_), "score"]
    for name, detector in detectors.items():
        if earlier and name in earlier["days"]:
            days, seconds = earlier["days"][name], earlier["seconds"][name]
        else:
            days, seconds = timed_days(detector, names, world.seen.table, seen.table)
        found["days"][name], found["seconds"][name] = days, seconds
    return found


def timed_days(
    detector: Detector, names: list[str], calm: pd.DataFrame, watched: pd.DataFrame
) -> tuple[list[int], float]:
    """Return the days on which a detector alarms, and its CPU seconds."""
    begin, elsewhere = time.process_time(), detector.seconds
    days = sorted(detector.alarms(names, calm, watched))
    return days, detector.seconds - elsewhere if detector.seconds else time.process_time() - begin
