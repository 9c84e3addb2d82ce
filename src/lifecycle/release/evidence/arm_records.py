"""The decision log by arms: what champion and challenger have answered, and what the challenger scored in the shadow.

Lines of the service are the only source of the gates, so this is the only place that reads them. A line that can't be
used is counted with its reason.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.monitoring.decision_log import NOT_WHOLE, REQUEST, ROW, TIME, content_of
from lifecycle.release.evidence.count_comparison import Arms

Arm = Literal["champion", "challenger", "shadow"]
ARMS: tuple[Arm, ...] = ("champion", "challenger")  # that answer
ACTIONS = ("predict", "shadow")
UNREADABLE, NO_ARM, BOTH = (
    "lines whose decision can't be read",
    "requests of no known arm",
    "requests with rows of both arms, which are in no count of requests",
)
REQUESTS = {TIME: "datetime64[us]", REQUEST: str, "arm": str, "place": float, "status": int, "milliseconds": float}
RECORDS = {
    TIME: "datetime64[us]", REQUEST: str, ROW: int, "arm": str, "place": float, "score": float, "code": float,
    "alert": float,
}  # fmt: skip


class ArmRecords(NamedTuple):
    """What a log says of two versions, each table in order of time.

    Parameters
    ----------
    requests : pandas.DataFrame
        `time`, `request_id`, `arm` ("champion", "challenger" or "shadow"), `place` of the (first) entity between 0 and
        1, NaN where there is none, `status` and `milliseconds`, 0 and NaN of a shadow.
    records : pandas.DataFrame
        `time`, `request_id`, `row`, `arm`, `place`, `score`, `code` and `alert` of each row. Of several classes the
        score is that of the most likely class, and `code` its code; NaN otherwise. `alert` is 1 or 0, NaN where nothing
        is alerted on. A score that is no number is NaN.
    left_out : dict of str to int
        Lines that are not among them, by reason.
    """

    requests: pd.DataFrame
    records: pd.DataFrame
    left_out: dict[str, int]

    def of(self, arms: Iterable[Arm], since: pd.Timestamp, until: pd.Timestamp) -> "ArmRecords":
        """Return what some arms have answered from a time up to another, without that."""
        names = list(arms)
        parts = [
            table[table["arm"].isin(names) & (table[TIME] >= since) & (table[TIME] < until)]
            for table in (self.requests, self.records)
        ]
        return ArmRecords(parts[0], parts[1], self.left_out)


@dataclass
class _Found:
    requests: list[tuple[Any, ...]] = field(default_factory=list)
    records: list[tuple[Any, ...]] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def leave_out(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


def read_arms(lines: Iterable[bytes], champion: str, challenger: str, since: pd.Timestamp) -> ArmRecords:
    """Return what two versions have decided since a time.

    Parameters
    ----------
    lines : iterable of bytes
        Of `lifecycle.monitoring.decision_log.lines_of`.
    champion, challenger : str
        Versions of the bundles; what another version has answered is counted, and not used.
    since : pandas.Timestamp
        UTC, without a zone.
    """
    found, versions = _Found(), {champion: "champion", challenger: "challenger"}
    begin = since.isoformat()
    for line in lines:
        content = content_of(line)
        if content is None:
            found.leave_out(NOT_WHOLE)
        elif content.get("event.action") in ACTIONS and str(content.get("@timestamp")) >= begin:
            _take(found, content, versions)
    requests, records = _table(found.requests, REQUESTS), _table(found.records, RECORDS)
    return ArmRecords(requests, records, found.left_out)


def _table(rows: list[tuple[Any, ...]], types: dict[str, Any]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(types)).astype(types)
    return table.sort_values(TIME, kind="stable", ignore_index=True)


def _take(found: _Found, content: dict[str, Any], versions: dict[str, str]) -> None:
    version = content.get("service.version")
    if isinstance(version, str) and version not in versions and "decision.arms" not in content:
        found.leave_out(f"requests that version {version} answered")
        return
    try:
        request, records = _read(content, versions.get(str(version)))
    except (KeyError, ValueError, TypeError, OverflowError):
        found.leave_out(UNREADABLE)
        return
    arm = request[2]
    if arm != NO_ARM:
        found.records += records
    if arm in (NO_ARM, BOTH):
        found.leave_out(arm)
    else:
        found.requests.append(request)


def _read(content: dict[str, Any], by_version: str | None) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
    """Return a request and its rows, in the order of their columns; a ValueError where one can't be read."""
    time, request = _time(content["@timestamp"]), str(content.get("http.request.id"))
    rows = [_score(value) for value in _list(content.get("decision.scores", []))]
    arms, places = _arms(content, by_version, len(rows)), _places(content, len(rows))
    alerts = [float(bool(alert)) for alert in _list(content.get("decision.alerts", []))]
    if len(alerts) not in (0, len(rows)) or (rows and len(places) not in (0, len(rows))):
        raise ValueError("not one for each row")
    place = places or [np.nan] * max(len(rows), 1)
    records = [
        (time, request, row, arms[row], place[row], score, code, alerts[row] if alerts else np.nan)
        for row, (score, code) in enumerate(rows)
    ]
    names = set(arms)
    arm = arms[0] if len(names) == 1 else BOTH
    return (time, request, arm, place[0], *_answer(content)), records


def _answer(content: dict[str, Any]) -> tuple[int, float]:
    """Return the status of a request and its milliseconds; in the shadow nobody is answered."""
    if content["event.action"] == "shadow":
        return 0, np.nan
    return int(content["http.response.status_code"]), float(content["event.duration"]) / 1e6


def _time(text: Any) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _score(value: Any) -> tuple[float, float]:
    """Return the score of a row, and the code of its most likely class where there are several."""
    if not isinstance(value, list):
        return _number(value), np.nan
    scores = np.array([_number(one) for one in value])
    if np.isnan(scores).any():
        return np.nan, np.nan
    return float(scores.max()), float(scores.argmax())


def _number(value: Any) -> float:
    """Return a number; what JSON has none for is written as null."""
    if value is None:
        return np.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    return float(value)


def _places(content: dict[str, Any], rows: int) -> list[float]:
    places = [_number(place) for place in _list(content.get("decision.places", []))]
    return places[:1] if not rows else places


def _arms(content: dict[str, Any], by_version: str | None, rows: int) -> list[str]:
    """Return the arm of each row, at least one: the line names it, or an answer's version does."""
    if content["event.action"] == "shadow":
        return ["shadow"] * max(rows, 1)
    named = content.get("decision.arms", content.get("decision.arm"))
    if named is None:
        return [by_version if rows and by_version else NO_ARM] * max(rows, 1)
    arms = named if isinstance(named, list) else [named] * max(rows, 1)
    if not arms or (rows and len(arms) != rows) or not all(arm in ARMS for arm in arms):
        raise ValueError("not an arm for each row")
    return arms


def arms_of(table: pd.DataFrame) -> Arms:
    """Return whose the rows of a table are; a row without a place is an entity of its own.

    Examples
    --------
    >>> table = pd.DataFrame({"arm": ["champion", "challenger", "champion"], "place": [0.7, np.nan, 0.7]})
    >>> [column.tolist() for column in arms_of(table)]
    [[False, True, False], [0, 1, 0]]
    """
    unit = pd.factorize(table["place"])[0]
    alone = unit < 0
    unit[alone] = unit.max(initial=-1) + 1 + np.arange(alone.sum())
    return Arms((table["arm"] == "challenger").to_numpy(), unit)
