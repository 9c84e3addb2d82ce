import time

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from lifecycle.bundle.servable import Batch, Scored
from service.answers.alert_answers import AlertAnswers
from service.telemetry import shared_numbers as cells
from service.telemetry.exposition import Nulls, text
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells
from tests.service.helpers_protocols import Model

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def both() -> tuple[Meters, Meters]:
    file = cells.create(2)
    return Meters(Cells(file, 0)), Meters(Cells(file, 1))


def scraped(meters: Meters, accept: str = "") -> Samples:
    """Return what Prometheus reads."""
    families = text_string_to_metric_families(text(meters.cells, accept)[1].decode())
    return {(s.name, tuple(s.labels.items())): s.value for family in families for s in family.samples}


def count(meters: Meters, *scores: float) -> None:
    score, answers = np.array(scores), AlertAnswers()
    tally = answers.tally(Model(), meters.cells)  # type: ignore[arg-type]
    tally.add(*answers.counted(Scored(score, score, score >= 0.5)))


def model(name: str, version: str) -> Model:
    made = Model()
    made.name, made.version = name, version  # type: ignore[misc]
    return made


def test_any_process_tells_the_sum_of_all(both: tuple[Meters, Meters]) -> None:
    both[0].request("/predict", 200, 0.003)
    both[1].request("/predict", 200, 0.004)
    both[1].request("/predict", 422, 2.0)
    found = scraped(both[0])
    again = scraped(both[1])
    assert {key: value for key, value in found.items() if not key[0].startswith("process_")}.items() <= again.items()
    assert found["serve_requests_total", (("route", "/predict"), ("status", "200"))] == 2
    assert found["serve_requests_total", (("route", "/predict"), ("status", "422"))] == 1
    assert found["serve_latency_seconds_count", (("route", "/predict"),)] == 3
    assert found["serve_latency_seconds_sum", (("route", "/predict"),)] == pytest.approx(2.007)


def test_buckets_hold_all_that_is_no_larger(both: tuple[Meters, Meters]) -> None:
    count(both[0], 0.001)
    count(both[1], 0.0005, 0.3, 0.30001, 1.0)
    found = scraped(both[0])
    bounds = ("0.001", "0.2", "0.3", "0.4", "1.0", "+Inf")
    assert [found["serve_score_bucket", (("le", bound),)] for bound in bounds] == [2, 2, 3, 4, 5, 5]
    assert found["serve_score_count", ()] == 5


def test_one_row_counts_as_much_as_one_of_many(both: tuple[Meters, Meters]) -> None:
    rows = np.random.default_rng(0).random(200)
    count(both[0], *rows)
    for row in rows:
        count(both[1], row)
    one, many = ({key: value for row in [list(m.cells.each())[n]] for key, value in row} for n, m in enumerate(both))
    assert {k: v for k, v in one.items() if k[0] != "score_sum"} == {
        k: v for k, v in many.items() if k[0] != "score_sum"
    }
    assert scraped(both[0])["serve_decisions_total", (("decision", "alert"),)] == 2 * (rows >= 0.5).sum()


def test_missing_values_are_counted_by_feature(both: tuple[Meters, Meters]) -> None:
    taken = Model(("amount", "shop", "age"), texts=("shop",), missing=("age", "shop"))
    nulls = Nulls(both[0].cells, taken)  # type: ignore[arg-type]
    texts = np.array([[None], ["x"], [None]], dtype=object)
    nulls.add(Batch(np.array([[1.0, np.nan], [1.0, 2.0], [1.0, 3.0]]), texts))
    found = scraped(both[0])
    assert {key[1][0][1]: value for key, value in found.items() if "null" in key[0]} == {"age": 1, "shop": 2}


def test_the_model_is_told_and_how_old_it_is(both: tuple[Meters, Meters]) -> None:
    old, new = model("fraud", "aaa"), model("fraud", "bbb")
    for meters in both:
        meters.serves(old)  # type: ignore[arg-type]
    both[0].serves(new, old)  # type: ignore[arg-type]
    while_changing = [dict(key[1])["version"] for key in scraped(both[0]) if key[0] == "serve_model_info"]
    assert sorted(while_changing) == ["aaa", "bbb"]
    both[1].serves(new, old)  # type: ignore[arg-type]
    both[0].set("loaded", time.time() - 100)
    found = scraped(both[0])
    assert [dict(key[1])["version"] for key in found if key[0] == "serve_model_info"] == ["bbb"]
    assert found["serve_model_age_seconds", ()] == pytest.approx(100, abs=5)


def test_what_all_processes_share_is_not_added_up(both: tuple[Meters, Meters]) -> None:
    for meters in both:
        meters.set("store", 17, "kind", "entities")
        meters.set("connections", 2)
    found = scraped(both[0])
    assert found["serve_store", (("kind", "entities"),)] == 17
    assert found["serve_connections", ()] == 4


def test_a_new_process_has_no_connections_but_all_requests() -> None:
    file = cells.create(1)
    dead = Meters(Cells(file, 0))
    dead.set("connections", 5)
    dead.serves(model("fraud", "aaa"))  # type: ignore[arg-type]
    dead.request("/predict", 200, 0.1)
    heir = Meters(Cells(file, 0))
    heir.request("/predict", 200, 0.1)
    found = scraped(heir)
    assert found["serve_connections", ()] == 0
    assert ("serve_model_info", (("name", "fraud"), ("version", "aaa"))) not in found
    assert found["serve_requests_total", (("route", "/predict"), ("status", "200"))] == 2
    assert found["serve_swaps_total", (("result", "failed"),)] == 0  # there before the first


def test_openmetrics_is_told_to_who_asks_for_it(both: tuple[Meters, Meters]) -> None:
    kind, content = text(both[0].cells, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert kind.startswith(b"application/openmetrics-text")
    assert content.endswith(b"# EOF\n")
    assert text(both[0].cells, "*/*")[0].startswith(b"text/plain; version=0.0.4")
