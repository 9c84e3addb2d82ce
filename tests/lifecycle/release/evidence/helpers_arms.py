"""Decision logs of a champion and a challenger, as the service writes them."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.params import Params
from lifecycle.core.release_params import ReleaseParams
from lifecycle.core.section import checked
from lifecycle.release.evidence.arm_records import ArmRecords, read_arms
from tests.params import params_content

CHAMPION, CHALLENGER = "0123456789ab", "ba9876543210"
VERSIONS = {"champion": CHAMPION, "challenger": CHALLENGER, "shadow": CHALLENGER}
START = pd.Timestamp("2026-03-02")


def release_params(**blocks: dict[str, Any]) -> ReleaseParams:
    """Return the tests' block `release`, with other values in some of its blocks."""
    found = checked(Params, params_content(), "params.yaml").release
    changed = {name: getattr(found, name).model_copy(update=values) for name, values in blocks.items()}
    return found.model_copy(update=changed)


def line(at: pd.Timestamp, arm: str, request: str, place: float | None, score: Any, **fields: Any) -> bytes:
    """Return the line of a request of one record."""
    content = {
        "@timestamp": f"{at.isoformat(timespec='microseconds')}Z",
        "event.action": "shadow" if arm == "shadow" else "predict",
        "http.request.id": request,
        "service.version": VERSIONS[arm],
        "http.response.status_code": 200,
        "event.duration": 2_000_000,
        "decision.places": [place],
        "decision.scores": [score],
        "decision.alerts": [score is not None and score >= 0.5],
    }
    if arm != "shadow":
        content["decision.arm"] = arm
    return json.dumps(content | fields).encode() + b"\n"


def records(lines: Iterable[bytes]) -> ArmRecords:
    """Return what the log says of both."""
    return read_arms(lines, CHAMPION, CHALLENGER, pd.Timestamp("2026-01-01"))


def log_of(
    arms: np.ndarray, places: np.ndarray, scores: np.ndarray, minutes: float = 60, **columns: Iterable[Any]
) -> list[bytes]:
    """Return a log of requests that come evenly in some minutes; further columns are fields of the lines."""
    every = pd.Timedelta(minutes=minutes) / max(len(arms), 1)
    more = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [
        line(START + place * every, arm, f"r{place}", at, score, **(more[place] if more else {}))
        for place, (arm, at, score) in enumerate(zip(arms.tolist(), places.tolist(), scores.tolist(), strict=True))
    ]
