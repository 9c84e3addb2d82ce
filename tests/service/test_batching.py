from typing import Any

import numpy as np
import pytest

from lifecycle.bundle.servable import Batch, Scored
from service.batching import Job, answers
from service.http_messages import Reply
from service.live_bundle import TOGETHER, Live, alike
from service.telemetry import shared_numbers as cells
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells
from tests.service.helpers_protocols import Model


class Watched(Model):
    """Counts how many rows are scored at a time, and can't take some."""

    def __init__(self, poison: float = np.inf) -> None:
        super().__init__(("amount", "shop"), texts=("shop",))
        self.poison, self.sizes = poison, list[int]()

    def score(self, batch: Batch) -> Scored:
        assert batch.texts is not None
        assert len(batch.texts) == len(batch.numbers)
        self.sizes.append(len(batch.numbers))
        if (batch.numbers == self.poison).any():
            raise ValueError("poison")
        return super().score(batch)


def live_of(model: Any) -> Live:
    found = Live(model, Meters(Cells(cells.create(1), 0)), alike(model))
    model.sizes.clear()
    return found


def job(live: Live, *amounts: float) -> Job:
    texts = np.full((len(amounts), 1), "x", dtype=object)
    return Job(
        live, Batch(np.array(amounts)[:, None], texts), lambda batch, scored: Reply(200, b"", scored.score.tobytes())
    )


def expected(live: Live, *amounts: float) -> bytes:
    return job(live, *amounts).finish(None, Model(("amount",)).score(Batch(np.array(amounts)[:, None]))).body


def test_rows_of_one_turn_are_scored_together_and_answered_apart() -> None:
    live = live_of(Watched())
    asked = [(1.0,), (2.0, 3.0), (4.0,)]
    found = answers([job(live, *amounts) for amounts in asked])
    assert [each.body for each in found if isinstance(each, Reply)] == [expected(live, *amounts) for amounts in asked]
    assert live.servable.sizes == [4]  # type: ignore[attr-defined]


def test_a_request_that_breaks_the_model_breaks_no_other() -> None:
    live = live_of(Watched(poison=2.0))
    one, two, three = answers([job(live, amount) for amount in (1.0, 2.0, 3.0)])
    assert isinstance(one, Reply)
    assert isinstance(two, ValueError)
    assert isinstance(three, Reply)
    assert three.body == expected(live, 3.0)


def test_a_request_that_can_not_be_answered_breaks_no_other() -> None:
    live = live_of(Watched())

    def fail(batch: Batch, scored: Scored) -> Reply:
        raise RuntimeError

    one, two = answers([job(live, 1.0)._replace(finish=fail), job(live, 2.0)])
    assert isinstance(one, RuntimeError)
    assert isinstance(two, Reply)


def test_each_request_is_scored_by_the_model_that_it_began_with() -> None:
    old, new = live_of(Watched()), live_of(Watched())
    answers([job(old, 1.0), job(new, 2.0), job(old, 3.0)])
    assert old.servable.sizes == [2]  # type: ignore[attr-defined]
    assert new.servable.sizes == [1]  # type: ignore[attr-defined]


def test_no_more_rows_are_scored_together_than_were_tried() -> None:
    live = live_of(Watched())
    answers([job(live, *map(float, range(20))), job(live, *map(float, range(TOGETHER - 20)))])
    answers([job(live, *map(float, range(20))), job(live, *map(float, range(TOGETHER - 19)))])
    assert live.servable.sizes == [TOGETHER, 20, TOGETHER - 19]  # type: ignore[attr-defined]


class Rounding(Watched):
    """A model whose last bit depends on how many rows it gets, as that of a matrix product may."""

    def score(self, batch: Batch) -> Scored:
        scored = super().score(batch)
        return scored._replace(score=scored.score * (1 + 1e-16 * 4 * (len(batch.numbers) > 7)))


@pytest.mark.parametrize(("model", "same"), [(Watched(), True), (Rounding(), False)])
def test_only_a_model_that_scores_rows_alike_scores_them_together(model: Watched, same: bool) -> None:
    assert alike(model) == same  # type: ignore[arg-type]
    live = live_of(model)
    answers([job(live, 1.0), job(live, 2.0)])
    assert model.sizes == ([2] if same else [1, 1])
