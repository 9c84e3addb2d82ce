"""A model that needs no bundle, requests to it as the service makes them, and a bundle whose features need history."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.bundle.bundle_writer import seal, write_model
from lifecycle.bundle.servable import Batch, Scored, Servable
from lifecycle.core.tables import write_json
from lifecycle.features.feature_contract import contract
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.snapshot import empty_snapshot
from lifecycle.features.online.state import LATENESS_DAYS
from lifecycle.problem.record_words import DAY_US, Raw
from lifecycle.problem.window_words import Window, declaration_of
from problems.transactions import PROBLEM
from service.http_messages import Reply, Request
from service.management_endpoints import About
from service.openapi.openapi_document import document
from service.protocol import Answer, Endpoint, Inputs
from service.refusal import Refusal
from service.routes import endpoints, routes
from service.settings import Settings
from tests.helpers_bundle import NOTHING_USUAL, ORIGIN, fitted, some_decision

FEATURES = ("amount", "ratio", "age")
COLUMNS: tuple[dict[str, Any], ...] = (
    {"name": "id", "type": "integer", "unit": "position", "ge": 0},
    {"name": "at", "type": "timestamp", "unit": "when", "ge": "2000-01-01"},
    {"name": "card", "type": "integer", "unit": "the card", "ge": 0},
    {"name": "amount", "type": "number", "unit": "euro", "ge": 0, "le": 1_000_000, "decimals": 2},
    {"name": "shop", "type": "text", "unit": "where", "nullable": True},
    {"name": "region", "type": "integer", "unit": "quarter", "isin": [0, 1, 2], "default": 0},
    {"name": "fraud", "type": "integer", "unit": "the label", "isin": [0, 1]},
)
TRANSACTION = {"id": 7, "at": "2026-01-31T12:30:00Z", "card": 3, "amount": 12.5}
VECTOR = [12.5, 0.25, 3.0]


class Reason(NamedTuple):
    feature: str
    contribution: float
    words: str


class Model:
    """What the protocols need of a `Servable`, with a score that tells every row from every other."""

    name, version, threshold, task = "fraud", "0123456789ab", 0.5, "binary"
    contract: Mapping[str, Any] = {
        "columns": [],
        "declaration": [
            declaration_of(each) for each in (Raw("amount"), Window("seen", "count", by="card", days=(1,)))
        ],
    }

    def __init__(
        self, features: Sequence[str] = FEATURES, texts: Sequence[str] = (), missing: Sequence[str] = ()
    ) -> None:
        self.features, self.texts, self.missing = tuple(features), tuple(texts), frozenset(missing)
        self.numbers, self.most_reasons = tuple(name for name in features if name not in texts), len(self.features)
        self.schema = {"key": "id", "time": "at", "target": "fraud", "labels": ["fraud"], "columns": list(COLUMNS)}

    def score(self, batch: Batch) -> Scored:
        weights = np.arange(1, batch.numbers.shape[1] + 1)
        score = 1 / (1 + np.exp(-np.nan_to_num(batch.numbers / 100) @ weights))
        return Scored(score, score / 2, score >= self.threshold)

    def reasons(self, batch: Batch, rows: Sequence[Mapping[str, Any]], k: int) -> list[list[Reason]]:
        return [[Reason(name, 0.5, f"{name} is high") for name in self.features[:k]] for _ in batch.numbers]


def request(content: Any = None, *, body: bytes | None = None, **headers: str) -> Request:
    """Make a request of JSON content, or of a body; underscores stand for the hyphens of headers."""
    found = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request("/", {}, found, json.dumps(content).encode() if body is None else body, "id-1")


class Asked(NamedTuple):
    """A route of a protocol, with a limit of rows."""

    endpoint: Endpoint
    most: int

    def decode(self, model: Any, asked: Request) -> Inputs:
        return self.endpoint.decode(model, asked, self.most)

    def encode(self, model: Any, inputs: Inputs, given: Answer) -> Reply:
        return self.endpoint.encode(model, inputs, given)


def route(path: str, method: str = "POST", max_rows: int = 100) -> Asked:
    """Return what answers a path."""
    (found,) = (each for _, each in endpoints(Settings()) if (each.method, each.path) == (method, path))
    return Asked(found, max_rows)


def ask(path: str, asked: Request, model: Any = None, method: str = "POST", ready: bool = True) -> Reply:
    """Answer a request as the service does: decode, score, encode. A refusal is raised."""
    model, protocol = model or Model(), route(path, method)
    inputs = protocol.decode(model, asked)
    return protocol.encode(model, inputs, answer(model, inputs, ready))


def answer(model: Any, inputs: Inputs, ready: bool = True) -> Answer:
    """Score what was decoded; transactions get features of zeros."""
    if inputs.records is not None:
        inputs = inputs._replace(batch=Batch(np.zeros((len(inputs.records), len(model.numbers)))))
    if inputs.batch is None:
        return Answer(None, None, "id-1", ready)
    reasons = model.reasons(inputs.batch, [], inputs.reasons) if inputs.reasons else None
    return Answer(model.score(inputs.batch), reasons, "id-1", ready)


def refusal(path: str, asked: Request, model: Any = None, max_rows: int = 100) -> Refusal:
    """Return how a request is refused; it must be."""
    try:
        route(path, max_rows=max_rows).decode(model or Model(), asked)
    except Refusal as found:
        return found
    raise AssertionError("not refused")


def numbers(path: str, asked: Request, model: Any = None) -> list[list[float]]:
    """Return the rows of numbers that a request decodes to."""
    batch = route(path).decode(model or Model(), asked).batch
    assert batch is not None
    assert batch.numbers.dtype == np.float64
    assert batch.numbers.flags.c_contiguous
    return batch.numbers.tolist()


def history_bundle(folder: Path, family: str = "random_forest") -> Servable:
    """Write a bundle of the card payments: a small model of their features, and the state before the first of them."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    names = [name for each in PROBLEM.features for name in each.names]
    train = pd.DataFrame(np.round(rng.random((400, len(names))) * 50, 2), columns=names)
    pipeline = fitted(family, train[PROBLEM.feature_names], (train["amount_ratio"] > 30).astype(int))
    plan = Plan(PROBLEM.features, PROBLEM.decimals)
    write_json(some_decision() | {"threshold": 0.4}, folder / "decision.json")
    write_json(contract(PROBLEM, train), folder / "features.json")
    write_model(folder, "transactions", PROBLEM, pipeline, train)
    empty_snapshot(plan, round(LATENESS_DAYS * DAY_US)).save(folder / "state.npz")
    (folder / "model_card.md").write_text("# Payments\n", encoding="utf-8")
    write_json(NOTHING_USUAL.as_json(), folder / "monitoring.json")
    seal(folder, ORIGIN)
    return Servable.load(folder)


def described(servable: Any, settings: Settings) -> bytes:
    """Return the OpenAPI document of a model."""
    about = About(None, settings, None, lambda: True)  # type: ignore[arg-type]
    scoring: Any = SimpleNamespace(score=print, events=print)
    return document(servable, settings, routes(settings, scoring, about))
