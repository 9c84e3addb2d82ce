"""No request is smuggled past a gateway to the service, and nobody gets the answer of somebody else."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

serving = pytest.importorskip("tests.service.helpers_serving", reason="the service has been taken off")

from tests.deploy.helpers_alerting import wait_until  # noqa: E402
from tests.deploy.helpers_gateways import GATEWAYS, Gateway, asked, running, scoring, sent  # noqa: E402
from tests.deploy.helpers_smuggling import HIDDEN, cases  # noqa: E402
from tests.service.helpers_load import figures, run  # noqa: E402

VICTIMS = 6
PIECES = (1 << 20, 7)  # bytes that are sent at a time


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("smuggling")
    with serving.service(folder, serving.small_bundle(folder / "bundle")) as found:
        yield found


def test_what_is_hidden_is_seen_when_there_is_no_gateway(upstream: Any) -> None:
    """The measure works: a second request that everybody sees is answered and counted."""
    before = upstream.metric("serve_requests_total", route="/metrics")
    assert sent(upstream.port, b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n" + HIDDEN, 7).count(b"HTTP/1.1 200") == 2
    assert (
        upstream.metric("serve_requests_total", route="/metrics") == before + 2
    )  # the scrape above and the hidden one


@pytest.mark.nightly
@pytest.mark.parametrize("gateway", GATEWAYS, ids=[gateway.name for gateway in GATEWAYS])
def test_nothing_is_smuggled(gateway: Gateway, upstream: Any, tmp_path: Path) -> None:
    """Each scrape counts the one before it; more than that is a request that the gateway has not seen."""
    count, answers, faults = upstream.metric("serve_requests_total", route="/metrics"), Counter[str](), list[str]()
    with running(gateway, tmp_path / "files", upstream.port, upstream.port, share=0) as port:
        for number, (name, attack) in enumerate(cases()):
            for piece in PIECES:
                came = sent(port, attack, piece)
                answers[came[9:12].decode("latin-1") if came.startswith(b"HTTP/1.") else "none"] += 1
                ids = [f"{gateway.name}-{number}-{piece}-{victim}" for victim in range(VICTIMS)]
                given = run(asked(port, (scoring(more=f"x-request-id: {each}\r\n") for each in ids), clients=2))
                if [(answer.status, answer.headers["x-request-id"]) for answer in given] != [
                    (200, each) for each in ids
                ]:
                    faults.append(f"{name}: somebody else was answered wrongly: {given}")
                before, count = count, upstream.metric("serve_requests_total", route="/metrics")
                if count != before + 1:
                    faults.append(f"{name}: smuggled: {came!r}")
    figures(
        "smuggling", gateway=gateway.name, attacks=answers.total(), smuggled=len(faults), first_answers=dict(answers),
    )  # fmt: skip
    assert not faults, "\n".join(faults)
    wait_until(lambda: ids[-1] in logged(upstream), 10, "the log is written")
    victims = {name: times for name, times in logged(upstream).items() if name.startswith(f"{gateway.name}-")}
    assert set(victims.values()) == {1}  # nothing was asked for in somebody's name
    assert len(victims) == VICTIMS * answers.total()


def logged(upstream: Any) -> Counter[str]:
    """Return how often each request stands in the service's log."""
    return Counter(line["http.request.id"] for line in upstream.lines() if "http.request.id" in line)
