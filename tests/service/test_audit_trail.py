"""What a decision's record says, and how records come to a disk that takes them, or does not."""

import asyncio
import json
from copy import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lifecycle.bundle.servable import Batch, Servable
from lifecycle.core.errors import PipelineError
from lifecycle.release.audit.audit_chain import records_of
from lifecycle.release.audit.audit_writer import open_chain
from lifecycle.release.audit.pseudonyms import Keyring, Pseudonym
from service import audit_trail
from service.audit_trail import AuditTrail, opened_trail
from service.current_model import Routed
from service.decision_record import decided, entities_of
from service.exchange import Exchange
from service.process_identity import Place
from service.refusal import Refusal
from service.settings import Settings, load_settings
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells
from tests.service.helpers_serving import small_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("trail") / "bundle")


@pytest.fixture
def exchange(bundle: Path) -> Exchange:
    """Give an exchange of two rows that were scored."""
    found = Exchange({"method": "POST", "headers": [(b"x-request-id", b"r-1")]})
    found.servable = Servable.load(bundle)
    found.batch = Batch(np.array([[0.5, 12.0], [0.9, np.nan]]), np.array([["bakery"], ["garage"]], dtype=object))
    found.scored = found.servable.score(found.batch)
    return found


def records(exchange: Exchange) -> list[dict[str, Any]]:
    names = [Pseudonym("", "k", b"secret") for _ in exchange.scored.score]
    return [json.loads(fields) for fields in decided(exchange, 1.5, 0.002).encoded(iter(names))]


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
    first, _ = records(exchange)
    assert (first["time"], first["latency_ms"]) == ("1970-01-01T00:00:01.500000Z", 2.0)
    assert not {"event_time", "arm", "epoch", "place", "entity", "reasons"} & set(first)
    exchange.records = [{"sold_at": 1_000_000}, {}]
    other = copy(exchange.servable)
    other.version = "b" * 12
    exchange.routed = Routed(3)
    exchange.assigned = SimpleNamespace(
        mixed=True, taken=[False, True], arms=["champion", "challenger"], places=[0.25, 0.75],
        trial=SimpleNamespace(challenger=SimpleNamespace(servable=other)),
    )  # fmt: skip
    first, second = records(exchange)
    assert (first["version"], second["version"]) == (exchange.servable.version, other.version)
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


def test_a_decision_that_no_record_can_be_made_of_does_not_take_others_along(
    exchange: Exchange, tmp_path: Path
) -> None:
    async def work() -> None:
        disk, broken = Disk(), Exchange({"method": "POST", "headers": []})
        broken.servable, broken.batch, broken.scored = exchange.servable, exchange.batch, exchange.scored
        broken.records = [{"sold_at": "yesterday"}] * 2
        kept = trail(disk, tmp_path, refuse=True)
        found = await asyncio.gather(*map(kept.keep, (exchange, broken, exchange)), return_exceptions=True)
        assert [type(each).__name__ for each in found] == ["NoneType", "TypeError", "NoneType"]
        assert [kind for group in disk.groups for kind in group] == ["decision"] * 4
        await kept.close()

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


async def opened(**given: str) -> None:
    """Open the audit log of a process, and close it."""
    async with opened_trail(Settings(**given), Meters(Cells(Place.only().cells, 0))):  # type: ignore[arg-type]
        pass


def test_a_log_or_keys_that_can_not_be_used_are_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PipelineError, match="no audit log can be written there: Not a directory"):
        asyncio.run(opened(audit=str(tmp_path / "file"), audit_keys=str(tmp_path / "keys")))
    with pytest.raises(PipelineError, match="the keys must stand outside of the repository"):
        asyncio.run(opened(audit=str(tmp_path / "log"), audit_keys="keys"))
    open_chain(tmp_path / "log").close()
    asyncio.run(opened(audit=str(tmp_path / "log"), audit_keys=str(tmp_path / "keys")))
    assert [record["kind"] for record in records_of(tmp_path / "log", "chain-0", b"")] == ["start", "end"]
