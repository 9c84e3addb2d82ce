"""Find the route of a request, check and run it, and give its reply."""

import re
import time
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from lifecycle.bundle.servable import Batch, Scored, Servable
from lifecycle.core.errors import PipelineError
from service.errors import Refusal
from service.http.headers import request_id, span
from service.live_bundle import TOGETHER, Live
from service.requests import JSON, Reply, Request

NOTHING: Mapping[str, str] = {}


class Exchange:
    """Filled in as a request is answered.

    Parameters
    ----------
    scope : mapping
        The request's, of ASGI; `began` in it is `time.perf_counter()` at its last byte.
    """

    __slots__ = (
        "_scope", "action", "at", "client", "failure", "headers", "id", "kept", "logged", "route", "scored", "seconds",
        "servable", "shown", "span", "status",
    )  # fmt: skip

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self._scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.id, self.span = request_id(self.headers), span(self.headers)
        self.route, self.action, self.logged = "none", "predict", True
        self.status, self.at, self.seconds = 0, 0.0, 0.0
        self.client: str | None = None
        self.servable: Servable | None = None
        self.scored: Scored | None = None
        self.shown: Batch | None = None  # rows whose values the log shows
        self.kept: Mapping[str, int] = {}  # how many events
        self.failure: Refusal | None = None

    def end(self, status: int) -> None:
        """Note that it was answered just now."""
        now = time.perf_counter()
        self.status, self.seconds, self.at = status, now - self._scope.get("began", now), time.time()

    def fields(self) -> dict[str, Any]:
        """Return what the log says, in names of the Elastic Common Schema; `decision` and `events` are our own."""
        failure = self.failure
        found = {
            "log.level": "info" if self.status < 400 else "warn" if self.status < 500 else "error",
            "message": self._message(),
            "event.action": self.action,
            "event.outcome": "failure" if failure else "success",
            "event.duration": int(self.seconds * 1e9),
            "http.request.id": self.id,
            "http.request.method": self._scope["method"],
            "http.response.status_code": self.status,
            "url.path": self.route,
        }
        if self.client is not None:
            found["user.name"] = self.client
        if self.span is not None:
            found |= {"trace.id": self.span.trace, "span.id": self.span.id, "parent.id": self.span.parent}
        if self.servable is not None:
            self._tell(self.servable, found)
        elif failure is not None:
            found["error.type"] = failure.kind
        return found

    def _message(self) -> str:
        if self.failure is not None:
            return f"refused: {self.failure.kind}"
        return "answered" if self.scored is None else f"{len(self.scored.score)} scored"

    def _tell(self, servable: Servable, found: dict[str, Any]) -> None:
        """Add what was decided, by which version, or why nothing was."""
        failure, scored = self.failure, self.scored
        found["service.version"] = servable.version
        if failure is not None:
            found["error.type"] = failure.kind
            if failure.field in servable.features:  # never a word of the client's own
                found["labels.feature"] = failure.field
        elif scored is not None:
            found["decision.threshold"] = servable.threshold
            found["decision.scores"] = scored.score.tolist()
            found["decision.alerts"] = scored.alert.tolist()
            if self.shown is not None:
                found["decision.features"] = values(servable, self.shown, identities(servable))
        for name, count in self.kept.items():
            found[f"events.{name}"] = count


def identities(servable: Servable) -> frozenset[str]:
    """Return the columns that say whose a record is: its key, and what histories are kept by. No log may hold them."""
    by = (feature.get("by") for feature in servable.contract["declaration"])
    return frozenset((servable.schema["key"], *filter(None, by)))


def values(servable: Servable, batch: Batch, hidden: Container[str] = ()) -> list[dict[str, Any]]:
    """Return the features of rows by name, but for some."""
    rows = [dict(zip(servable.numbers, row, strict=True)) for row in batch.numbers.tolist()]
    if batch.texts is not None:
        rows = [
            row | dict(zip(servable.texts, texts, strict=True)) for row, texts in zip(rows, batch.texts, strict=True)
        ]
    return [{name: value for name, value in row.items() if name not in hidden} for row in rows]


class Job(NamedTuple):
    """Rows of one request, the model that it began with, and what makes an answer of their scores."""

    live: Live
    batch: Batch
    finish: Callable[[Scored], Reply]

    def answer(self) -> Reply:
        """Return the answer, the rows scored by themselves."""
        return self.finish(self.live.servable.score(self.batch))


def answers(jobs: Sequence[Job]) -> list[Reply | Exception]:
    """Return the answers of jobs."""
    if len(jobs) > 1 and _alike(jobs):
        try:
            scores = together(jobs[0].live.servable, jobs)
            return [_finished(job, scored) for job, scored in zip(jobs, scores, strict=True)]
        except Exception:  # whose rows it is can be told when each is scored for itself
            pass
    return [_alone(job) for job in jobs]


def together(servable: Servable, jobs: Sequence[Job]) -> list[Scored]:
    """Return the scores of each job."""
    texts = [job.batch.texts for job in jobs if job.batch.texts is not None]
    numbers = np.concatenate([job.batch.numbers for job in jobs])
    scored, end, found = servable.score(Batch(numbers, np.concatenate(texts) if texts else None)), 0, []
    for job in jobs:
        start, end = end, end + len(job.batch.numbers)
        found.append(Scored(scored.score[start:end], scored.probability[start:end], scored.alert[start:end]))
    return found


def _alike(jobs: Sequence[Job]) -> bool:
    """Tell whether rows of jobs are known to get the same bits together as alone."""
    live, rows = jobs[0].live, sum(len(job.batch.numbers) for job in jobs)
    return live.alike and rows <= TOGETHER and all(job.live is live for job in jobs)


def _alone(job: Job) -> Reply | Exception:
    try:
        return job.answer()
    except Exception as error:
        return error


def _finished(job: Job, scored: Scored) -> Reply | Exception:
    try:
        return job.finish(scored)
    except Exception as error:
        return error


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


class Routed(Protocol):
    """What can be found: anything with a method and a path; see `messages.Protocol`."""

    @property
    def method(self) -> str:
        """GET or POST."""

    @property
    def path(self) -> str:
        """A path, perhaps with `{name}` in it."""


T = TypeVar("T", bound=Routed)


class Pattern(NamedTuple, Generic[T]):
    """A path with `{name}` in it, and what answers it, by method."""

    expression: re.Pattern[str]
    methods: dict[str, T]


class Routes(Generic[T]):
    """All routes.

    Parameters
    ----------
    routes : iterable
        No method and path twice. GET also answers HEAD.
    """

    def __init__(self, routes: Iterable[T]) -> None:
        self._plain: dict[str, dict[str, T]] = {}
        self._patterns: dict[str, Pattern[T]] = {}
        for route in routes:
            methods = self._methods(route.path)
            for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                if method in methods:
                    advice = "SERVE_PREDICT_ROUTE or AIP_PREDICT_ROUTE, SERVE_HEALTH_ROUTE or AIP_HEALTH_ROUTE"
                    raise PipelineError(f"{method} {route.path} is answered already: {advice} must be another path")
                methods[method] = route

    def find(self, method: str, path: str) -> tuple[T, Mapping[str, str]]:
        """Return what answers, and what stands at the names in its path.

        Raises
        ------
        Refusal
            404 for a path, 405 for a method that none has.
        """
        methods, parameters = self._plain.get(path), NOTHING
        if methods is None:
            methods, parameters = self._match(path)
        route = methods.get(method)
        if route is None:
            allow = ", ".join(methods)
            advice = f"{path[:100]} answers {allow}"
            raise Refusal(405, "wrong_method", advice, headers=[(b"allow", allow.encode())])
        return route, parameters

    def _match(self, path: str) -> tuple[dict[str, T], Mapping[str, str]]:
        for pattern in self._patterns.values():
            if found := pattern.expression.fullmatch(path):
                return pattern.methods, found.groupdict()
        raise Refusal(404, "unknown_path", f"nothing is served at {path[:100]}; GET /openapi.json lists what is")

    def _methods(self, path: str) -> dict[str, T]:
        if "{" not in path:
            return self._plain.setdefault(path, {})
        parts = re.split(r"\{(\w+)\}", path)  # literal, name, literal, name, ...
        source = "".join(f"(?P<{part}>[^/:]+)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
        return self._patterns.setdefault(path, Pattern(re.compile(source), {})).methods
