import pytest

from lifecycle.core.errors import PipelineError
from service.http_messages import JSON, Reply
from service.refusal import Refusal
from service.routing import Route, Routes


def route(method: str, path: str) -> Route:
    return Route(method, path, lambda exchange, request: Reply(200, JSON, b"{}"))


TABLE = [
    route("GET", "/"), route("POST", "/predict"), route("GET", "/events"), route("POST", "/events"),
    route("GET", "/v1/models/{name}"), route("POST", "/v1/models/{name}:predict"),
    route("POST", "/v2/models/{name}/versions/{version}/infer"),
]  # fmt: skip
ROUTES = Routes(TABLE)


def refused(method: str, path: str) -> Refusal:
    with pytest.raises(Refusal) as error:
        ROUTES.find(method, path)
    return error.value


@pytest.mark.parametrize(
    ("method", "path", "found", "parameters"),
    [
        ("GET", "/", 0, {}),
        ("HEAD", "/", 0, {}),
        ("POST", "/events", 3, {}),
        ("GET", "/v1/models/fraud", 4, {"name": "fraud"}),
        ("POST", "/v1/models/fraud:predict", 5, {"name": "fraud"}),
        ("POST", "/v2/models/a.b/versions/1/infer", 6, {"name": "a.b", "version": "1"}),
    ],
)
def test_a_route_is_found(method: str, path: str, found: int, parameters: dict[str, str]) -> None:
    assert ROUTES.find(method, path) == (TABLE[found], parameters)


@pytest.mark.parametrize("path", ["/nothing", "/predict/", "/v1/models/", "/v1/models/a/b", "/v1/models/a:explain", ""])
def test_a_path_that_nobody_serves_is_not_found(path: str) -> None:
    assert (refused("GET", path).status, refused("POST", path).kind) == (404, "unknown_path")


def test_a_wrong_method_is_told_the_right_ones() -> None:
    found = refused("DELETE", "/events")
    assert (found.status, found.headers) == (405, [(b"allow", b"GET, HEAD, POST")])
    assert refused("GET", "/v1/models/fraud:predict").headers == [(b"allow", b"POST")]


def test_a_route_stands_in_the_table_once() -> None:
    with pytest.raises(PipelineError, match="is answered already: SERVE_PREDICT_ROUTE or AIP_PREDICT_ROUTE"):
        Routes([*TABLE, route("HEAD", "/")])
