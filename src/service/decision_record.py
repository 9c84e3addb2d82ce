"""The record of a decision in the audit log: who was decided on, by which model, on what, and how."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from msgspec import Struct
from msgspec.json import Encoder

from lifecycle.bundle.manifest import manifest_bytes
from lifecycle.bundle.servable import Batch, Servable
from lifecycle.release.audit.audit_writer import written
from lifecycle.release.audit.pseudonyms import Pseudonym
from service.answers.kinds import kind_of
from service.exchange import Exchange

encoded = Encoder().encode


class DecisionRecord(Struct, omit_defaults=True):
    """A decision on one row. What is not known is left out.

    `time` is when it was made, and `latency_ms` how long that took from the request's last byte. `event_time` is the
    record's own. `entity` is a pseudonym, `key` the id of the lookup key that finds its owner. `values` is a digest of
    the model's features, `data` one of the md5 of all files that the model was made from.
    """

    time: str
    request_id: str
    row: int
    model: str
    version: str
    manifest: str
    data: str
    score: Any
    decision: Any
    threshold: float | None = None
    event_time: str | None = None
    entity: str = ""
    key: str = ""
    values: str = ""
    reasons: list[tuple[str, float]] | None = None
    arm: str | None = None
    epoch: int | None = None
    place: float | None = None
    latency_ms: float = 0.0


class Decided(NamedTuple):
    """The decisions of a request, without what takes a key.

    Parameters
    ----------
    at : float
        When they were made, seconds since 1970.
    records : list of DecisionRecord
        One for each row.
    entities : list of str
        Whom each is about.
    contents : list of bytes
        What the model was given for each.
    """

    at: float
    records: list[DecisionRecord]
    entities: list[str]
    contents: list[bytes]

    @property
    def rows(self) -> int:
        """How many decisions wait."""
        return len(self.records)

    def encoded(self, names: Iterator[Pseudonym]) -> list[bytes]:
        """Return the fields of the records as JSON, with the next pseudonyms and digests by their keys."""
        for record, content, name in zip(self.records, self.contents, names, strict=False):
            record.entity, record.key, record.values = name.text, name.key, name.digest(content)
        return [encoded(record) for record in self.records]


class Lineage(NamedTuple):
    """Where a model comes from."""

    manifest: str
    data: str


_LINEAGES: WeakKeyDictionary[Servable, Lineage] = WeakKeyDictionary()


def lineage_of(servable: Servable) -> Lineage:
    """Return the sha256 of a bundle's manifest, and a digest of the data that the manifest names."""
    found = _LINEAGES.get(servable)
    if found is None:
        content = servable.manifest.content
        data = hashlib.sha256(json.dumps(content["data"], sort_keys=True).encode()).hexdigest()
        found = Lineage(hashlib.sha256(manifest_bytes(content)).hexdigest(), data[:12])
        _LINEAGES[servable] = found
    return found


def entities_of(exchange: Exchange) -> list[str]:
    """Return whom each row is about: the column that the bundle calls `entity`, else the header X-Entity, else nobody.

    Nobody is an empty text.
    """
    servable, batch = exchange.servable, exchange.batch
    assert servable is not None and batch is not None
    name, rows = servable.schema.get("entity"), range(len(batch.numbers))
    if name is not None and exchange.records is not None:
        found = [record.get(name) for record in exchange.records]
    elif name in servable.numbers:
        found = [f"{value:.15g}" for value in batch.numbers[:, servable.numbers.index(name)].tolist()]
    elif name in servable.texts and batch.texts is not None:
        found = batch.texts[:, servable.texts.index(name)].tolist()
    else:
        found = [exchange.headers.get(b"x-entity", b"").decode("latin-1") for _ in rows]
    return ["" if value is None else str(value) for value in found]


def decided(exchange: Exchange, at: float, seconds: float) -> Decided:
    """Return the decisions of an exchange.

    Parameters
    ----------
    exchange : Exchange
        It has scores.
    at, seconds : float
        When they were made (seconds since 1970), and how long that took.
    """
    servable, batch = exchange.servable, exchange.batch
    assert servable is not None and batch is not None
    logged = kind_of(servable).logged(servable, exchange.scored)
    scores, answered = logged.pop("decision.scores"), _answered_by(exchange, servable)
    logged.pop("decision.threshold", None)  # of one version
    records = [
        DecisionRecord(
            written(at), exchange.id, row, own.name, own.version, *lineage_of(own), score, _outcome(logged, row),
            own.threshold if isfinite(own.threshold) else None, _event_time(exchange, row),
            reasons=_reasons(exchange, row), latency_ms=round(seconds * 1e3, 3), **_route_fields(exchange, row),
        )
        for row, (score, own) in enumerate(zip(scores, answered, strict=True))
    ]  # fmt: skip
    return Decided(at, records, entities_of(exchange), [_content(batch, row) for row in range(len(scores))])


def _outcome(logged: Mapping[str, list[Any]], row: int) -> Any:
    """Return what was decided of a row: whether to alert, a class, or an interval."""
    values = {name.removeprefix("decision."): column[row] for name, column in logged.items()}
    return next(iter(values.values())) if len(values) == 1 else values


def _event_time(exchange: Exchange, row: int) -> str | None:
    """Return the time of the record that was decided on, where the service was given the record."""
    if exchange.records is None or exchange.servable is None:
        return None
    microseconds = exchange.records[row].get(exchange.servable.schema["time"])
    return None if microseconds is None else written(microseconds / 1e6)


def _content(batch: Batch, row: int) -> bytes:
    """Return what the model was given: its numbers as they are in memory, and its texts as JSON."""
    texts = b"" if batch.texts is None else encoded(batch.texts[row].tolist())
    return batch.numbers[row].tobytes() + texts


def _reasons(exchange: Exchange, row: int) -> list[tuple[str, float]] | None:
    """Return the features that were given as reasons and what each added; not in words, as these tell values."""
    if exchange.reasons is None:
        return None
    return [(reason.feature, reason.contribution) for reason in exchange.reasons[row]]


def _route_fields(exchange: Exchange, row: int) -> dict[str, Any]:
    """Return what is known of the route: its epoch, the arm that answered, and the entity's place between 0 and 1."""
    found: dict[str, Any] = {} if exchange.routed is None else {"epoch": exchange.routed.epoch}
    if exchange.assigned is not None:
        found |= {"arm": exchange.assigned.arms[row], "place": round(exchange.assigned.places[row], 6)}
    return found


def _answered_by(exchange: Exchange, servable: Servable) -> list[Servable]:
    """Return the version that has decided on each row: those of one request may be of both arms."""
    assigned = exchange.assigned
    if assigned is None or not assigned.mixed:
        return [servable] * len(exchange.scored.score)
    challenger = assigned.trial.challenger.servable
    return [challenger if taken else servable for taken in assigned.taken]
