"""What a protocol is: a platform's routes, how their requests become rows, and scores their answers.

A protocol is a file in service/protocols and an entry of `service.routes.PROTOCOLS`. What it reads and answers are
msgspec structs: they decode, they are encoded, and the OpenAPI document is made from them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lifecycle.bundle.servable import Batch, Servable
from service.http_messages import JSON, Reply, Request
from service.settings import Settings

CONFLICT = (409,)  # a transaction that contradicts what is kept, or comes too late


class Inputs(NamedTuple):
    """What a protocol decodes to: rows of features (`batch`), or raw transactions whose features the store makes.

    With neither nothing is scored: a question about the model or the server. `reasons` is how many reasons each
    row asks for, `about` what the protocol needs again when it answers. `pinned`: the request names the version that
    it wants, so no other one may answer.
    """

    batch: Batch | None
    records: Sequence[dict[str, Any]] | None = None
    reasons: int = 0
    about: Any = None
    pinned: bool = False


class Answer(NamedTuple):
    """Scores of a request's rows, in their order, and the reasons of each where they were asked for.

    `scored` is what `Servable.score` gives, None when nothing was asked to be scored. `ready` is what GET /health/ready
    says.
    """

    scored: Any
    reasons: Sequence[Sequence[Any]] | None
    request_id: str
    ready: bool = True


class Examples(NamedTuple):
    """Rows to make examples of: features by name, a raw transaction and its label, how many reasons.

    `raw` is None where no transactions are taken.
    """

    row: dict[str, Any]
    raw: dict[str, Any] | None
    label: dict[str, Any]
    reasons: int

    @property
    def vector(self) -> list[Any]:
        """The features in the order of the training."""
        return list(self.row.values())


def no_examples(rows: Examples) -> dict[str, Any]:
    """Return none: there is no body."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a path, as clients see it.

    Parameters
    ----------
    method, path : str
        GET also answers HEAD. `{name}` in the path stands for one segment, or the part of one before a colon.
    summary : str
        What it is for.
    answers : mapping of content type to types
        What a status 200 has: types of JSON, or nothing for text and bytes.
    takes : mapping of content type to types
        Bodies, likewise; a request without a content type is taken for the first, others get a 415.
    also : tuple of bytes
        More content types, taken for the first.
    examples : callable
        Gives JSON bodies by what they show.
    refused : sequence of int
        Statuses that only this one has.
    headers : sequence of mapping
        Headers of the request, as OpenAPI has parameters.
    unready : type, optional
        What a 503 says that is no refusal.
    exempt : bool
        Answered without an API key: what platforms ask to see whether the service is well.
    """

    method: str
    path: str
    summary: str
    answers: Mapping[bytes, Sequence[Any]]
    takes: Mapping[bytes, Sequence[Any]] | None = None
    also: tuple[bytes, ...] = ()
    examples: Callable[[Examples], Mapping[str, Any]] = no_examples
    refused: Sequence[int] = ()
    headers: Sequence[Mapping[str, Any]] = ()
    unready: Any = None
    exempt: bool = False

    @property
    def accepts(self) -> tuple[bytes, ...]:
        """Content types of a body."""
        return (*(self.takes or (JSON,)), *self.also)


def no_rows(servable: Servable, request: Request, most: int) -> Inputs:
    """Decode a question about the model or the server: there is nothing to score."""
    return NOTHING


NOTHING = Inputs(None)


@dataclass(frozen=True, kw_only=True)
class Endpoint(Operation):
    """A route of a protocol.

    Parameters
    ----------
    encode : callable
        Makes the answer.
    decode : callable
        Reads the request, of at most so many rows; raises `Refusal`.
    """

    encode: Callable[[Servable, Inputs, Answer], Reply]
    decode: Callable[[Servable, Request, int], Inputs] = no_rows


class Protocol(NamedTuple):
    """The name of a protocol, and its routes; some paths are for the settings to choose."""

    name: str
    endpoints: Callable[[Settings], Sequence[Endpoint]]
