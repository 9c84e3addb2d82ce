"""What stands behind a method and a path."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from lifecycle.serving.http.exchange import Exchange
from lifecycle.serving.http.jobs import Job
from lifecycle.serving.messages import JSON, Reply, Request

Found = Reply | Awaitable[Reply] | Job


class Route(NamedTuple):
    """What answers a method and a path: at once, after a wait, or with a job that is scored with others.

    `logged` routes leave a line each; the others are asked by machines every few seconds.
    """

    method: str
    path: str
    answer: Callable[[Exchange, Request], Found]
    accepts: tuple[bytes, ...] = (JSON,)
    exempt: bool = False
    logged: bool = True
