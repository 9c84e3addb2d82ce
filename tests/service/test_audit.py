"""Decisions on record, by a real service: when, and what happens when the disk takes nothing or a kill comes."""

import asyncio
import hashlib
import http.client
import json
import os
import random
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from lifecycle.release.audit.audit_chain import chains, records_of
from lifecycle.release.audit.audit_verification import verify
from lifecycle.release.audit.pseudonyms import Keyring
from service import audit_trail
from service.audit_trail import opened_trail
from service.process_identity import Place
from service.settings import Settings
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells
from tests.service.helpers_serving import VECTOR, Service, service, small_bundle

ROWS = {"records": [{"number": 0.5, "gaps": 12.0, "shop": "bakery"}, {"number": 0.9, "gaps": None, "shop": "garage"}]}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("audit") / "bundle")


def places(folder: Path) -> dict[str, str]:
    return {"audit": str(folder / "log"), "audit_keys": str(folder / "keys")}


def recorded(log: Path, kind: str = "decision") -> list[dict[str, Any]]:
    found = [record for chain in chains(log) for record in records_of(log, chain, b"")]
    return [record for record in found if record["kind"] == kind]


def is_whole(log: Path) -> bool:
    return all(report.fault is None for report in verify(log, []))


@contextmanager
def full_disk(running: Service, log: Path) -> Iterator[None]:
    """Let no file of a service grow beyond the size that its newest segment has."""
    size = max(path.stat().st_size for path in log.rglob("*.jsonl"))
    pid = running.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
def test_an_answer_comes_when_its_record_is_on_disk_and_not_without_it(bundle: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with service(tmp_path, bundle, **places(tmp_path)) as running:
        found = running.ask("POST", "/predict", {**ROWS, "reasons": 2}, x_request_id="r-1", x_entity="card 4")
        first, second = recorded(log)
        scores = [row["score"] for row in found.json["predictions"]]
        assert [first["score"], second["score"]] == scores
        assert [first["row"], second["row"], first["request_id"]] == [0, 1, "r-1"]
        assert first["decision"] == (found.json["predictions"][0]["decision"] == "alert")
        assert first["manifest"] == hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
        assert first["manifest"].startswith(first["version"])
        reasons = found.json["predictions"][0]["reasons"]
        assert first["reasons"] == [[reason["feature"], reason["contribution"]] for reason in reasons]
        assert "card 4" not in "".join(path.read_text() for path in log.rglob("*.jsonl"))
        (name,) = Keyring(tmp_path / "keys").find("card 4")
        assert (first["entity"], first["key"]) == (name.text, name.key)
        assert first["values"] == name.digest(np.array([0.5, 12.0]).tobytes() + b'["bakery"]')
        with full_disk(running, log):
            refused = running.ask("POST", "/predict", VECTOR, x_request_id="r-2")
            assert (refused.status, refused.json["kind"], refused.headers["retry-after"]) == (
                503,
                "audit_unavailable",
                "1",
            )
            assert "could not be put on record, and so is not given; try again: " in refused.json["error"]
            assert running.ask("GET", "/health/ready").status == 200
        time.sleep(2 * audit_trail.AGAIN)
        assert running.ask("POST", "/predict", VECTOR, x_request_id="r-3").status == 200
        assert [record["request_id"] for record in recorded(log)] == ["r-1", "r-1", "r-3"]
        assert running.ask("POST", "/predict", {"features": [1]}).status == 422  # nothing was decided
        assert running.end() == 0
    assert is_whole(log)
    assert [record["clean"] for record in recorded(log, "start")] == [True]
    assert len(recorded(log, "end")) == 1
    assert len(recorded(log)) == 3


@pytest.mark.slow
def test_where_answers_do_not_wait_what_is_lost_is_counted_on_record(bundle: Path, tmp_path: Path) -> None:
    log, many = tmp_path / "log", {"records": ROWS["records"] * 500}
    with service(tmp_path, bundle, audit_policy="degrade", **places(tmp_path)) as running:
        assert running.ask("POST", "/predict", VECTOR).status == 200
        with full_disk(running, log):
            for _ in range(audit_trail.MOST // 1000 + 6):
                assert running.ask("POST", "/predict", many).status == 200
            dropped = running.metric("serve_audit_dropped_total")
            assert dropped >= 6000
        assert running.ask("POST", "/predict", VECTOR, x_request_id="last").status == 200
        assert running.end() == 0
    answered = 2 + 1000 * (audit_trail.MOST // 1000 + 6)
    gaps = recorded(log, "gap")
    assert len(recorded(log)) + sum(gap["missing"] for gap in gaps) == answered
    assert is_whole(log)


class Clients(threading.Thread):
    """A client that asks without a pause, and knows which of its requests were answered."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.answered: list[str] = []
        self._port = port
        self.start()

    def run(self) -> None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            while True:
                connection.request("POST", "/predict", json.dumps(VECTOR), {"content-type": "application/json"})
                answer = connection.getresponse()
                if answer.status == 200:
                    answer.read()
                    self.answered.append(answer.headers["x-request-id"])
        except (OSError, http.client.HTTPException):
            return


async def next_start(settings: Settings) -> None:
    """Open the log as the next start of a service does."""
    async with opened_trail(settings, Meters(Cells(Place.only().cells, 0))):
        pass


def killed_after(seconds: float, running: Service) -> set[str]:
    """Ask, kill all processes of a service, and return the ids of what was answered."""
    clients = [Clients(running.port) for _ in range(6)]
    time.sleep(seconds)
    parent = psutil.Process(running.process.pid)
    for process in (parent, *parent.children()):
        os.kill(process.pid, signal.SIGKILL)
    for client in clients:
        client.join()
    return {name for client in clients for name in client.answered}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "kills"),
    [("1", 1), *(pytest.param(workers, 12, marks=pytest.mark.nightly) for workers in ("1", "2"))],
)
def test_whenever_a_service_is_killed_every_decision_that_it_gave_is_on_record(
    bundle: Path, tmp_path: Path, workers: str, kills: int
) -> None:
    answered, rng = set[str](), random.Random(0)
    for kill in range(kills):
        with service(tmp_path / str(kill), bundle, workers=workers, **places(tmp_path)) as running:
            answered |= killed_after(rng.uniform(0.2, 0.6), running)
    asyncio.run(next_start(Settings(**places(tmp_path))))  # type: ignore[arg-type]
    assert len(answered) > 30 * kills
    assert answered <= {record["request_id"] for record in recorded(tmp_path / "log")}
    assert is_whole(tmp_path / "log")
    assert {record["clean"] for record in recorded(tmp_path / "log", "start")} == {True, False}
