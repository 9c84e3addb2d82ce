"""Which route answers a method and a path."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from lifecycle.core.errors import PipelineError
from service.batching import Job
from service.exchange import Exchange
from service.http_messages import JSON, Reply, Request
from service.protocol import Operation
from service.refusal import Refusal

NOTHING: Mapping[str, str] = {}
Answered = Reply | Awaitable[Reply] | Job
Handler = Callable[[Exchange, Request], Answered]


class Route(NamedTuple):
    """What answers a method and a path: at once, after a wait, or with a job that is scored with others.

    `logged` routes leave a line each; the others are asked by machines every few seconds. `operation` is how the
    OpenAPI document describes it, under the heading `tag`.
    """

    method: str
    path: str
    answer: Handler
    accepts: tuple[bytes, ...] = (JSON,)
    exempt: bool = False
    logged: bool = True
    operation: Operation | None = None
    tag: str = ""

    @property
    def vital(self) -> bool:
        """Whether it is answered under overload too: it is cheap, and an overloaded service is still healthy."""
        return not self.logged


class Pattern(NamedTuple):
    """A path with `{name}` in it, and what answers it, by method."""

    expression: re.Pattern[str]
    methods: dict[str, Route]


class Routes:
    """All routes.

    Parameters
    ----------
    routes : iterable
        No method and path twice. GET also answers HEAD.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._plain: dict[str, dict[str, Route]] = {}
        self._patterns: dict[str, Pattern] = {}
        for route in routes:
            methods = self._methods(route.path)
            for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                if method in methods:
                    advice = "SERVE_PREDICT_ROUTE or AIP_PREDICT_ROUTE, SERVE_HEALTH_ROUTE or AIP_HEALTH_ROUTE"
                    raise PipelineError(f"{method} {route.path} is answered already: {advice} must be another path")
                methods[method] = route

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
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

    def _match(self, path: str) -> tuple[dict[str, Route], Mapping[str, str]]:
        for pattern in self._patterns.values():
            if found := pattern.expression.fullmatch(path):
                return pattern.methods, found.groupdict()
        raise Refusal(404, "unknown_path", f"nothing is served at {path[:100]}; GET /openapi.json lists what is")

    def _methods(self, path: str) -> dict[str, Route]:
        if "{" not in path:
            return self._plain.setdefault(path, {})
        parts = re.split(r"\{(\w+)\}", path)  # literal, name, literal, name, ...
        source = "".join(f"(?P<{part}>[^/:]+)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
        return self._patterns.setdefault(path, Pattern(re.compile(source), {})).methods
