"""The online features as `compare.py` measures them: raw transactions of the default problem.

Not run by itself. The bundle is the repository's own, its records those that follow on its snapshot.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from benchmarks.serving.environments import OWN, ROOT
from benchmarks.serving.load import Load, saturated
from benchmarks.serving.processes import Running
from benchmarks.serving.server import Question, Server
from benchmarks.serving.servers import PYTHON
from lifecycle.bundle.servable import Servable
from lifecycle.core.tables import read_table

BUNDLE, RECORDS, TEST = (
    ROOT / name for name in ("models/bundle", "data/validated/records.parquet", "data/splits/test.parquet")
)
ASKED, KEPT = 20_000, 10_000  # records that are asked for in turn, and most that are kept in a second
WARM = 1  # second of load that is not measured


class Stream(NamedTuple):
    """Records from the start of the test window on; beyond the last they come again, with new keys, later."""

    records: pd.DataFrame
    key: str
    time: str

    @classmethod
    def open(cls) -> "Stream":
        """Read them; labels are left out."""
        schema = Servable.load(BUNDLE).schema
        start = read_table(TEST, [schema["time"]])[schema["time"]].min()
        records = read_table(RECORDS, where=[(schema["time"], ">=", start)]).drop(columns=schema["labels"])
        return cls(records, schema["key"], schema["time"])

    def bodies(self, start: int, stop: int, word: str) -> Iterator[bytes]:
        """Yield a body for each record from one up to another."""
        span = self.records[self.time].iloc[-1] - self.records[self.time].iloc[0] + pd.Timedelta(1, "s")
        while start < stop:
            again, first = divmod(start, len(self.records))
            part = self.records[first : first + stop - start]
            times = (part[self.time] + again * span).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
            part = part.assign(**{self.key: part[self.key] + again * len(self.records), self.time: times})
            yield from (json.dumps({word: [record]}).encode() for record in part.to_dict("records"))
            start += len(part)


class Online(NamedTuple):
    """Load of questions, which keep nothing, and of events, which are kept."""

    asked: Load
    kept: Load


def server(question: Question, workers: int, store: Path) -> Server:
    """Return the service with a store in a folder, and all checks, metrics and a decision log on."""
    return Server(
        f"online features, {workers} worker{'s' * (workers > 1)}",
        OWN,
        [PYTHON, str(ROOT / "src" / "mlops.py"), "serve", "--workers", str(workers)],
        store.parent,
        question,
        variables={
            "SERVE_BUNDLE": str(BUNDLE),
            "SERVE_PORT": "{port}",
            "SERVE_STORE": str(store),
            "SERVE_LOG": str(store.parent / "decisions.jsonl"),
        },
    )


def measured(made: Path, workers: int, rounds: int, seconds: int) -> list[Online]:
    """Start the service with an empty folder for its store, and measure it.

    Raises
    ------
    PipelineError
        It does not start, or refuses a request.
    """
    stream, found = Stream.open(), []

    def asked(start: int) -> Question:
        return Question("/predict", list(stream.bodies(start, start + ASKED, "records")), list)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        running = Running(server(asked(0), workers, folder / "store"), made, folder / "log")
        try:
            saturated(running, asked(0), WARM, folder)
            for start in range(0, rounds * KEPT * seconds, KEPT * seconds):  # what is asked comes after what is kept
                events = Question("/events", list(stream.bodies(start, start + KEPT * seconds, "events")), list)
                load = saturated(running, asked(start), seconds, folder)
                found.append(Online(load, saturated(running, events, seconds, folder)))
        finally:
            running.stop()
    return found
