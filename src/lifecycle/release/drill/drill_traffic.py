"""The traffic of a drill: records sent to a service in the order of time, and what came back as its log would have it.

Days pass in seconds, but a monitor counts days. So the log that it reads is a copy of the service's in which each line
has the time of its records instead of the clock's.
"""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.release.drill.drill_world import World
from lifecycle.splits.time_windows import DAY

SPAN = pd.Timedelta(minutes=30)  # of records that one request holds
REQUEST, TIME = "http.request.id", "@timestamp"
JSON = {"content-type": "application/json"}


class Traffic:
    """Sends the records of a world, and the labels once they are known.

    Parameters
    ----------
    world : World
        The records.
    delay_days : float
        Age at which a label is known.
    port : int
        Of the service, on this machine.
    """

    def __init__(self, world: World, delay_days: float, port: int) -> None:
        self._world, self._delay, self._port = world, delay_days * DAY, port
        self.now, self.sent, self.failed = world.live, 0, 0
        self._times: dict[str, pd.Timestamp] = {}
        self._rows: list[tuple[str, int, Any]] = []
        self._told = world.live - self._delay  # labels of records before are known
        self._read = 0

    def run(self, end: pd.Timestamp) -> None:
        """Let the time pass up to a day: score each record, keep it, and tell each label when it is known."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        for begin, records in _spans(self._world.between(self.now, end), self._world.problem.time_column):
            self._tell_labels(connection, begin)
            self._score(connection, begin, records)
        self._tell_labels(connection, end)
        connection.close()
        self.now = end

    def _score(self, connection: http.client.HTTPConnection, begin: pd.Timestamp, records: pd.DataFrame) -> None:
        problem = self._world.problem
        sent = records.drop(columns=list(problem.label_columns))
        times = sent[problem.time].map(lambda time: time.isoformat())
        rows = sent.assign(**{problem.time_column: times}).astype(object).where(sent.notna(), None).to_dict("records")
        request = f"drill-{self.sent}"
        self.failed += _post(connection, "/predict", {"records": rows}, request) != http.client.OK
        _post(connection, "/events", {"events": rows}, f"{request}-kept")
        self.sent += 1
        self._times[request] = begin
        self._rows += [(request, row, key) for row, key in enumerate(records[problem.key].tolist())]

    def _tell_labels(self, connection: http.client.HTTPConnection, now: pd.Timestamp) -> None:
        """Tell the positives that have become known; all others count as negative."""
        problem = self._world.problem
        known = self._world.between(self._told, now - self._delay)
        positive = known[known[problem.target] == (1 if problem.positive is None else problem.positive)]
        for start in range(0, len(positive), 500):
            labels = positive[[problem.key, problem.target]].iloc[start : start + 500].to_dict("records")
            _post(connection, "/events", {"events": [{"label": label} for label in labels]}, f"labels-{now}")
        self._told = max(self._told, now - self._delay)

    def write_log(self, log: Path, to: Path) -> None:
        """Add to a copy of the service's log what is new, each line with the time of its records."""
        with log.open("rb") as file, to.open("ab") as copy:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                content = json.loads(line)
                if content.get(REQUEST) in self._times:
                    content[TIME] = self._times[content[REQUEST]].isoformat() + "Z"
                    copy.write(json.dumps(content).encode() + b"\n")

    def write_labels(self, to: Path) -> None:
        """Write the labels that are known now, by request and row."""
        problem = self._world.problem
        rows = pd.DataFrame(self._rows, columns=["request_id", "row", problem.key])
        known = self._world.between(self._world.live, self.now - self._delay)
        columns = [problem.key, problem.target, *filter(None, (problem.entity, problem.amount))]
        rows.merge(known[columns], on=problem.key, validate="1:1").drop(columns=problem.key).to_csv(to, index=False)


def _spans(records: pd.DataFrame, time: str) -> Iterator[tuple[pd.Timestamp, pd.DataFrame]]:
    """Yield the records of each span, and when the last of them was."""
    for _, group in records.groupby(records[time].dt.floor(SPAN), sort=True):
        yield group[time].iloc[-1], group


def _post(connection: http.client.HTTPConnection, path: str, content: Any, request: str) -> int:
    """Return the status of an answer.

    Raises
    ------
    PipelineError
        The service is not there.
    """
    try:
        connection.request("POST", path, json.dumps(content), JSON | {"x-request-id": request})
        answer = connection.getresponse()
        answer.read()
    except OSError as error:
        raise PipelineError(f"the service has gone in the middle of the drill: {error}") from error
    return answer.status
