"""Decisions on record, by a real service: which, when, and what happens when the disk takes nothing or a kill comes."""

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
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from lifecycle.bundle.servable import Batch, Servable
from lifecycle.core.errors import PipelineError
from lifecycle.release.audit.audit_chain import chains, records_of
from lifecycle.release.audit.audit_verification import verify
from lifecycle.release.audit.audit_writer import open_chain
from lifecycle.release.audit.pseudonyms import Keyring
from service import audit_trail
from service.audit_trail import AuditTrail, opened_trail
from service.decision_record import decision_records, entities_of
from service.exchange import Exchange
from service.process_identity import Place
from service.refusal import Refusal
from service.settings import Settings, load_settings
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells
from tests.service.helpers_serving import VECTOR, Service, service, small_bundle

ROWS = {"records": [{"number": 0.5, "gaps": 12.0, "shop": "bakery"}, {"number": 0.9, "gaps": None, "shop": "garage"}]}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("audit") / "bundle")


def places(folder: Path) -> dict[str, str]:
    return {"audit": str(folder / "log"), "audit_keys": str(folder / "keys")}


async def opened(**given: str) -> None:
    """Open the audit log of a process, and close it."""
    async with opened_trail(Settings(**given), Meters(Cells(Place.only().cells, 0))):  # type: ignore[arg-type]
        pass


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
            for _ in range(audit_trail.MOST // 1000 + 3):
                assert running.ask("POST", "/predict", many).status == 200
            dropped = running.metric("serve_audit_dropped_total")
            assert dropped >= 2000
        assert running.ask("POST", "/predict", VECTOR, x_request_id="last").status == 200
        assert running.end() == 0
    answered = 2 + 1000 * (audit_trail.MOST // 1000 + 3)
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
    asyncio.run(opened(**places(tmp_path)))  # what the next start does
    assert len(answered) > 30 * kills
    assert answered <= {record["request_id"] for record in recorded(tmp_path / "log")}
    assert is_whole(tmp_path / "log")
    assert {record["clean"] for record in recorded(tmp_path / "log", "start")} == {True, False}


@pytest.fixture
def exchange(bundle: Path) -> Exchange:
    """Give an exchange of two rows that were scored."""
    found = Exchange({"method": "POST", "headers": [(b"x-request-id", b"r-1")]})
    found.servable = Servable.load(bundle)
    found.batch = Batch(np.array([[0.5, 12.0], [0.9, np.nan]]), np.array([["bakery"], ["garage"]], dtype=object))
    found.scored = found.servable.score(found.batch)
    return found


def decided(exchange: Exchange) -> list[dict[str, Any]]:
    moment = audit_trail.Decided(exchange, 1.5, 0.002)
    names = [SimpleNamespace(text="", key="k", digest=lambda content: content.hex()) for _ in range(moment.rows)]
    return [json.loads(fields) for fields in decision_records(moment, names)]  # type: ignore[arg-type]


def test_the_entity_is_the_bundle_s_column_else_the_header_else_nobody(exchange: Exchange) -> None:
    assert entities_of(exchange) == ["", ""]
    exchange.headers[b"x-entity"] = b"card 4"
    assert entities_of(exchange) == ["card 4", "card 4"]
    assert exchange.servable is not None
    exchange.servable.schema["entity"] = "shop"
    assert entities_of(exchange) == ["bakery", "garage"]
    exchange.servable.schema["entity"] = "number"
    assert entities_of(exchange) == ["0.5", "0.9"]
    exchange.servable.schema["entity"] = "customer"
    assert entities_of(exchange) == ["card 4", "card 4"]  # the rows of the model's features do not carry it
    exchange.records = [{"customer": 7}, {"customer": None}]
    assert entities_of(exchange) == ["7", ""]


def test_a_record_has_the_time_of_what_it_is_about_and_the_route_where_there_is_one(exchange: Exchange) -> None:
    first, _ = decided(exchange)
    assert (first["time"], first["latency_ms"]) == ("1970-01-01T00:00:01.500000Z", 2.0)
    assert not {"event_time", "arm", "epoch", "place", "entity", "reasons"} & set(first)
    exchange.records = [{"sold_at": 1_000_000}, {}]
    exchange.arms, exchange.epoch, exchange.places = ["champion", "challenger"], 3, [0.25, 0.75]  # type: ignore[attr-defined]
    first, second = decided(exchange)
    assert (first["event_time"], first["arm"], first["place"]) == ("1970-01-01T00:00:01.000000Z", "champion", 0.25)
    assert (second["arm"], second["epoch"]) == ("challenger", 3)
    assert "event_time" not in second


class Disk:
    """Stands in for a chain: holds records, or takes none."""

    def __init__(self) -> None:
        self.full, self.groups, self.attempts = False, list[list[str]](), 0

    def append(self, records: list[tuple[str, bytes]]) -> None:
        self.attempts += 1
        if self.full:
            raise OSError(28, "No space left on device")
        self.groups.append(
            [kind if kind != "gap" else f"gap {json.loads(fields)['missing']}" for kind, fields in records]
        )

    def close(self) -> None:
        return


def trail(disk: Disk, tmp_path: Path, refuse: bool) -> AuditTrail:
    place = Place.only()
    return AuditTrail(disk, Keyring(tmp_path / "keys"), refuse, Meters(Cells(place.cells, place.row)))  # type: ignore[arg-type]


def test_decisions_that_come_together_go_to_disk_together(exchange: Exchange, tmp_path: Path) -> None:
    async def work() -> None:
        disk = Disk()
        kept = trail(disk, tmp_path, refuse=True)
        await asyncio.gather(*(kept.keep(exchange) for _ in range(30)))
        assert sum(map(len, disk.groups)) == 60
        assert len(disk.groups) <= 2
        await kept.close()
        assert disk.groups[-1] == ["end"]

    asyncio.run(work())


def test_a_disk_that_takes_nothing_is_not_tried_for_every_request(exchange: Exchange, tmp_path: Path) -> None:
    async def work() -> None:
        disk = Disk()
        kept = trail(disk, tmp_path, refuse=True)
        disk.full = True
        for _ in range(50):
            with pytest.raises(Refusal, match="No space left on device"):
                await kept.keep(exchange)
        assert disk.attempts < 5
        await kept.close()

    asyncio.run(work())


def test_a_queue_waits_for_the_disk_and_what_is_too_much_is_a_gap_in_its_place(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "MOST", 4)
    monkeypatch.setattr(audit_trail, "AGAIN", 0.01)

    async def work() -> None:
        disk = Disk()
        kept = trail(disk, tmp_path, refuse=False)
        disk.full = True
        for _ in range(5):
            await kept.keep(exchange)
        await asyncio.sleep(0.1)
        assert disk.attempts > 1  # nobody asks, and it is tried again
        disk.full = False
        await asyncio.sleep(0.05)
        await kept.keep(exchange)
        await kept.close()
        assert [kind for group in disk.groups for kind in group] == ["decision"] * 4 + ["gap 6"] + ["decision"] * 2 + [
            "end"
        ]

    asyncio.run(work())


def test_what_never_came_to_disk_is_a_gap_at_the_end(exchange: Exchange, tmp_path: Path) -> None:
    async def work() -> None:
        disk = Disk()
        kept = trail(disk, tmp_path, refuse=False)
        disk.full = True
        await kept.keep(exchange)
        close = kept._commits.close

        async def mended() -> None:
            try:
                await close()
            finally:
                disk.full = False

        kept._commits.close = mended  # type: ignore[method-assign]
        await kept.close()
        assert disk.groups == [["gap 2", "end"]]

    asyncio.run(work())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"SERVE_AUDIT": "x"}, "SERVE_AUDIT and SERVE_AUDIT_KEYS: give both, or neither"),
        ({"SERVE_AUDIT_POLICY": "ignore"}, "SERVE_AUDIT_POLICY=ignore: expected refuse or degrade"),
    ],
)
def test_settings_that_can_not_be_right_are_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(PipelineError, match=words):
        load_settings(given)


def test_a_log_or_keys_that_can_not_be_used_are_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PipelineError, match="no audit log can be written there: Not a directory"):
        asyncio.run(opened(audit=str(tmp_path / "file"), audit_keys=str(tmp_path / "keys")))
    with pytest.raises(PipelineError, match="the keys must stand outside of the repository"):
        asyncio.run(opened(audit=str(tmp_path / "log"), audit_keys="keys"))
    open_chain(tmp_path / "log").close()
    asyncio.run(opened(audit=str(tmp_path / "log"), audit_keys=str(tmp_path / "keys")))
    assert len(recorded(tmp_path / "log", "end")) == 1
