"""Homes of online features on bundles that have no model, and payments for them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from inspect import isawaitable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lifecycle.bundle import bundle_writer, manifest
from lifecycle.bundle.bundle_writer import seal
from lifecycle.core.tables import write_json
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.snapshot import Snapshot, empty_snapshot
from lifecycle.features.online.state import LATENESS_DAYS
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Feature, declaration_of
from problems.transactions import PROBLEM
from service.app import open_home
from service.inputs.raw_records import transaction
from service.online_store.history import Home
from service.refusal import Refusal
from service.settings import Settings
from tests.helpers_bundle import ORIGIN
from tests.helpers_payments import EVERYTHING

T = TypeVar("T")
START = datetime(2018, 6, 1)


class Listed:
    """What homes need of a `Servable`: a feature list in a bundle. The model takes all that are no `hidden`."""

    def __init__(self, folder: Path, features: Sequence[Feature] = EVERYTHING, hidden: Sequence[str] = ()) -> None:
        self.folder, self.manifest, self.name = folder, manifest.read_manifest(folder), "listed"
        names = [name for feature in features for name in feature.names]
        self.features = self.numbers = tuple(name for name in names if name not in hidden)
        self.texts: tuple[str, ...] = ()
        self.missing = frozenset(self.features)
        self.contract, self.schema = contract_of(features), schema_of()


def contract_of(features: Sequence[Feature]) -> dict[str, Any]:
    return {"declaration": [declaration_of(feature) for feature in features], "decimals": PROBLEM.decimals}


def schema_of() -> dict[str, Any]:
    columns = [bundle_writer._column(column) for column in PROBLEM.contract]
    labels = sorted(PROBLEM.label_columns)
    roles = {"key": PROBLEM.key, "time": PROBLEM.time, "target": PROBLEM.target, "task": PROBLEM.task, "classes": []}
    return {**roles, "labels": labels, "columns": columns}


def listed(folder: Path, features: Sequence[Feature] = EVERYTHING, base: Snapshot | None = None) -> Any:
    """Write a bundle whose files are real where homes read them, and open it."""
    folder.mkdir(parents=True)
    for name in ("model.onnx", "decision.json", "reasons.npz", "monitoring.json", "model_card.md"):
        (folder / name).write_bytes(b"")
    write_json(contract_of(features), folder / "features.json")
    write_json(schema_of(), folder / "schema.json")
    plan = Plan(features, PROBLEM.decimals)
    (base or empty_snapshot(plan, round(LATENESS_DAYS * DAY_US))).save(folder / "state.npz")
    seal(folder, ORIGIN)
    return Listed(folder, features)


def payment(key: int, **changes: Any) -> dict[str, Any]:
    """Return the payment of a key as a client sends it: a quarter of an hour after the one before."""
    row = {"transaction_id": key, "customer_id": key % 3, "terminal_id": key % 2, "amount": key % 400 + 0.25}
    return row | {"tx_time": (START + timedelta(minutes=15 * key)).isoformat()} | changes


def label(key: int, fraud: int = 1) -> dict[str, Any]:
    """Return the label of a key as a client sends it."""
    return {"label": {"transaction_id": key, "is_fraud": fraud}}


def run(work: Awaitable[T]) -> T:
    """Run an event loop until work is done."""

    async def main() -> T:
        return await asyncio.wait_for(work, 60)

    return asyncio.run(main())


@asynccontextmanager
async def opened(servable: Any, place: Any, **options: Any) -> AsyncIterator[Home]:
    """Open a home, and close it."""
    home = await open_home(servable, Settings(store=str(place), **options))
    try:
        yield home
    finally:
        await home.close()


async def ask(home: Home, servable: Any, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the features of payments."""
    records = [transaction(servable, row, n) for n, row in enumerate(rows)]
    found = home.features(records, servable)
    found = await found if isawaitable(found) else found
    for row, numbers in zip(found.rows, found.batch.numbers, strict=True):
        assert np.array_equal(numbers, [row[name] for name in servable.numbers], equal_nan=True)
    return found.rows


async def refused(call: Callable[[], Awaitable[Any]]) -> Refusal:
    """Return how a call is refused; it must be."""
    try:
        await call()
    except Refusal as refusal:
        return refusal
    raise AssertionError("not refused")
