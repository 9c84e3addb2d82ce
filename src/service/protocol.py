"""What a protocol is: how its requests become rows, and scores its answers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lifecycle.bundle.servable import Batch, Scored, Servable
from service.messages import JSON, Reply, Request


class Inputs(NamedTuple):
    """What a protocol decodes to: rows of features (`batch`), or raw transactions whose features the store makes.

    With neither nothing is scored: a question about the model or the server. `reasons` is how many reasons each
    row asks for, `about` what the protocol needs again when it answers.
    """

    batch: Batch | None
    records: Sequence[dict[str, Any]] | None = None
    reasons: int = 0
    about: Any = None


class Answer(NamedTuple):
    """Scores of a request's rows, in their order, and the reasons of each where they were asked for.

    `scored` is None when nothing was asked to be scored. `ready` is what GET /health/ready says.
    """

    scored: Scored | None
    reasons: Sequence[Sequence[Any]] | None
    request_id: str
    ready: bool = True


class Protocol(NamedTuple):
    """One route: how its requests become rows, and scores its answers.

    Parameters
    ----------
    method, path : str
        GET also answers HEAD. `{name}` in the path stands for one segment, or the part of one before a colon.
    decode : callable
        Raises `Refusal`.
    encode : callable
        Makes the answer.
    accepts : tuple of bytes
        Content types of a body, in lower case, without parameters; others get a 415. A missing one is the first.
    exempt : bool
        Answered without an API key: what platforms ask to see whether the service is well.
    """

    method: str
    path: str
    decode: Callable[[Servable, Request], Inputs]
    encode: Callable[[Servable, Inputs, Answer], Reply]
    accepts: tuple[bytes, ...] = (JSON,)
    exempt: bool = False
