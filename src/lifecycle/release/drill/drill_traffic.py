"""The traffic of a drill: records sent to a service in the order of time, and what came back as its log would have it.

Days pass in seconds, but a monitor counts days. So the log that it reads is a copy of the service's in which each line
has the time of its records instead of the clock's.
"""

import http.client
import json
from pathlib import Path
from typing import Any

import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.release.drill.drill_world import World, positive_of
from lifecycle.splits.time_windows import DAY

SPAN = pd.Timedelta(minutes=30)  # of records that are kept in one go, after each was asked for
AT_ONCE = 500  # events of a request
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
    begin : pandas.Timestamp
        The end of what the service knows when it starts: the bundle's state is that at the start of the test window.
    """

    def __init__(self, world: World, delay_days: float, port: int, begin: pd.Timestamp) -> None:
        self._world, self._delay, self._port = world, delay_days * DAY, port
        self.now, self.failed = begin, 0
        self._times: dict[str, pd.Timestamp] = {}
        self._keys: dict[str, Any] = {}
        self._told = begin - self._delay  # labels of records before are known
        self._read = 0

    def run(self, end: pd.Timestamp) -> None:
        """Let the time pass up to a day: score each live record, keep it, and tell each label when it is known."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        records = self._world.between(self.now, end)
        for last, span in records.groupby(records[self._world.problem.time_column].dt.ceil(SPAN), sort=True):
            rows = self._as_sent(span)
            if last > self._world.live:
                self._score(connection, span, rows)
            self._keep(connection, rows)
            self._tell_labels(connection, last)
        self._tell_labels(connection, end)
        connection.close()
        self.now = end

    @property
    def sent(self) -> int:
        """How many records were asked for."""
        return len(self._keys)

    def _as_sent(self, records: pd.DataFrame) -> list[Any]:
        """Return records as JSON has them, without what is known later."""
        sent, time = records.drop(columns=list(self._world.problem.label_columns)), self._world.problem.time_column
        sent = sent.assign(**{time: sent[time].map(lambda moment: moment.isoformat())})
        return sent.astype(object).where(sent.notna(), None).to_dict("records")

    def _score(self, connection: http.client.HTTPConnection, records: pd.DataFrame, rows: list[dict[str, Any]]) -> None:
        """Ask for each record."""
        problem = self._world.problem
        times, keys = records[problem.time_column], records[problem.key].tolist()
        for row, time, key in zip(rows, times, keys, strict=True):
            request = f"drill-{self.sent}"
            self.failed += _post(connection, "/predict", {"records": [row]}, request) != http.client.OK
            self._times[request], self._keys[request] = time, key

    def _keep(self, connection: http.client.HTTPConnection, events: list[Any]) -> None:
        """Tell events, some at a time.

        Raises
        ------
        PipelineError
            The service does not take them.
        """
        for start in range(0, len(events), AT_ONCE):
            status = _post(connection, "/events", {"events": events[start : start + AT_ONCE]}, "events")
            if status != http.client.OK:
                raise PipelineError(f"drill: the service has refused events with {status}")

    def _tell_labels(self, connection: http.client.HTTPConnection, now: pd.Timestamp) -> None:
        """Tell the positives that have become known; all others count as negative."""
        problem = self._world.problem
        known = self._world.between(self._told, now - self._delay)
        positive = known[known[problem.target] == positive_of(problem)]
        labels = positive[[problem.key, problem.target]].to_dict("records")
        self._keep(connection, [{"label": label} for label in labels])
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
        rows = pd.DataFrame({"request_id": self._keys.keys(), problem.key: self._keys.values()})
        known = self._world.between(self._world.live, self.now - self._delay)
        columns = [problem.key, problem.target, *filter(None, (problem.entity, problem.amount))]
        rows.merge(known[columns], on=problem.key, validate="1:1").drop(columns=problem.key).to_csv(to, index=False)


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
