"""Who answers a row: sticky, in the share that was asked for, and merged in the order of the rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.bundle.parity import as_batch
from lifecycle.bundle.servable import Batch, Servable
from lifecycle.core.errors import PipelineError
from lifecycle.release.route import Route, place_of
from service.arms import Trial, as_text, check_interchangeable, is_sound, merged, part
from service.exchange import values
from service.live_bundle import Live, alike
from service.telemetry import shared_numbers as cells
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells
from tests.helpers_task_bundles import TASKS, records_of, task_bundle, with_features
from tests.service.helpers_protocols import Model
from tests.service.helpers_serving import small_bundle

CANARY = Route(1, "canary", "a", "b", share=0.3, salt="spring")


def live_of(servable: Any) -> Live:
    return Live(servable, Meters(Cells(cells.create(1), 0)), alike(servable))


class Kept(Model):
    """A model whose rows have an entity: the column `card` of raw records, or a feature of this name."""

    def __init__(self, *features: str, texts: tuple[str, ...] = ()) -> None:
        super().__init__(features or ("amount",), texts)
        self.schema = self.schema | {"entity": "card"}


def trial_of(model: Any, route: Route = CANARY) -> Trial:
    live = live_of(model)
    return Trial(route, live, live)


def test_the_share_of_entities_is_the_one_asked_for_and_a_ramp_keeps_who_is_in() -> None:
    entities = [str(number) for number in range(20_000)]
    before: set[str] = set()
    for share in (0.01, 0.05, 0.25, 0.5, 1.0):
        taken = {entity for entity in entities if place_of(entity, "spring") < share}
        assert abs(len(taken) / len(entities) - share) < 0.01
        assert before <= taken
        before = taken
    assert before == set(entities)


def test_a_trial_splits_rows_by_the_place_of_their_entity() -> None:
    trial, batch = trial_of(Kept()), Batch(np.zeros((500, 1)))
    assigned = trial.assign(batch, [{"card": number} for number in range(500)], None, "r")
    assert assigned.places == [place_of(str(number), "spring") for number in range(500)]
    assert assigned.taken == [place < 0.3 for place in assigned.places]
    assert assigned.unknown == 0
    again = trial.assign(batch, [{"card": number} for number in range(500)], b"other", "s")
    assert again.places == assigned.places


@pytest.mark.parametrize("mode", ["shadow", "single"])
def test_without_a_split_the_champion_answers_all(mode: Any) -> None:
    trial = trial_of(Kept(), replace(CANARY, mode=mode, share=1.0))
    assigned = trial.assign(Batch(np.zeros((50, 1))), [{"card": number} for number in range(50)], None, "r")
    assert assigned.mask.any() == (mode == "single")


def test_the_entity_is_the_row_s_own_or_the_header_s_or_the_request_stands_in() -> None:
    def places(model: Any, batch: Batch, records: Any, header: bytes | None) -> tuple[list[float], int]:
        found = trial_of(model).assign(batch, records, header, "request-7")
        return found.places, found.unknown

    one, seven, request = (place_of(text, "spring") for text in ("1", "7", "request-7"))
    assert places(Kept("amount", "card"), Batch(np.array([[0.0, 1.0], [0.0, 7.0]])), None, b"9") == ([one, seven], 0)
    texts = Batch(np.zeros((2, 1)), np.array([["1"], [None]], dtype=object))
    assert places(Kept("amount", "card", texts=("card",)), texts, None, b"7") == ([one, seven], 0)
    assert places(Kept(), Batch(np.zeros((1, 1))), [{"amount": 3}], b"7") == ([seven], 0)
    assert places(Kept(), Batch(np.zeros((2, 1))), None, None) == ([request] * 2, 2)
    assert places(Model(("amount",)), Batch(np.zeros((1, 1))), [{"card": 1}], None) == ([request], 1)
    assert places(Kept("amount", "card"), Batch(np.array([[0.0, np.nan]])), None, b"7") == ([seven], 0)


def test_an_entity_is_the_same_however_it_is_written() -> None:
    assert {as_text(4), as_text(4.0), as_text("4")} == {"4"}
    assert as_text(4.5) == "4.5"


@pytest.fixture(scope="module", params=TASKS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Servable, Servable]:
    folder = tmp_path_factory.mktemp(request.param)
    return tuple(task_bundle(folder / str(n), request.param, seed, "street") for n, seed in enumerate((3, 4)))  # type: ignore[return-value]


def test_a_request_with_rows_of_both_arms_is_merged_in_their_order(pair: tuple[Servable, Servable]) -> None:
    champion, challenger = pair
    rows = with_features(records_of(champion.task, 60, seed=9)).iloc[:40]
    trial = Trial(replace(CANARY, share=0.5), live_of(champion), live_of(challenger))
    batch = as_batch(champion, rows)
    assigned = trial.assign(batch, None, None, "r")
    assert assigned.places == [place_of(street, "spring") for street in rows["street"]]
    assert 5 < assigned.mask.sum() < 35
    scored, reasons = assigned.scored(values(champion, batch), 2)
    assert reasons is not None
    for mask, servable in ((assigned.mask, challenger), (~assigned.mask, champion)):
        alone = servable.score(part(batch, mask))
        for found, expected in zip(scored, alone, strict=True):
            np.testing.assert_array_equal(found[mask], expected)
            assert found.dtype == expected.dtype
        decided = scored.decided if servable.task == "multiclass" else None
        places = None if decided is None else np.where(decided < 0, scored.probability.argmax(axis=1), decided)[mask]
        chosen = [row for row, taken in zip(values(champion, batch), mask, strict=True) if taken]
        whys = servable.reasons(part(batch, mask), chosen, 2, places)
        assert [why for why, taken in zip(reasons, mask, strict=True) if taken] == whys
    assert assigned.logged()["decision.arms"] == assigned.arms


def test_when_the_challenger_fails_the_champion_answers_all(pair: tuple[Servable, Servable]) -> None:
    champion, challenger = pair
    batch = as_batch(champion, with_features(records_of(champion.task, 60, seed=9)).iloc[:40])
    trial = Trial(replace(CANARY, share=0.5), live_of(champion), live_of(challenger))
    healthy = challenger.score
    for broken in (lambda batch: 1 / 0, lambda batch: healthy(batch)._replace(score=np.full(1, np.inf))):
        trial.challenger.servable = type("Broken", (), {"score": staticmethod(broken)})()
        assigned = trial.assign(batch, None, None, "r")
        assert assigned.mask.any()
        scored, _ = assigned.scored(None, 0)
        assert all(map(np.array_equal, scored, champion.score(batch)))
        assert assigned.logged()["decision.challenger_failed"] == assigned.failure != ""
        assert (assigned.logged()["decision.arm"], assigned.count) == ("champion", 0)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_merging_undoes_splitting(taken: list[bool]) -> None:
    model, mask = Model(("amount",)), np.array(taken)
    whole = model.score(Batch(np.arange(len(taken), dtype=float)[:, None]))
    parts = (whole._make(each[chosen] for each in whole) for chosen in (mask, ~mask))
    for found, expected in zip(merged(mask, *parts), whole, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_challenger_takes_its_own_features_of_a_champion_s_rows() -> None:
    champion, challenger = Model(("a", "b", "c", "x", "y"), texts=("x", "y")), Model(("c", "y", "a"), texts=("y",))
    view = Trial(CANARY, live_of(champion), live_of(challenger)).view
    found = view(Batch(np.arange(6.0).reshape(2, 3), np.array([["p", "q"], ["r", "s"]], dtype=object)))
    assert (found.numbers.tolist(), found.numbers.flags.c_contiguous) == ([[2, 0], [5, 3]], True)
    assert found.texts is not None
    assert found.texts.tolist() == [["q"], ["s"]]


@pytest.mark.parametrize(
    ("challenger", "words"),
    [
        (Model(("amount", "weight")), "features that the champion does not take: weight"),
        (Model(("amount", "shop"), texts=("shop",)), "features that the champion does not take: shop"),
        (Model(("amount",)), "may not be missing, and may be for the champion: amount"),
    ],
)
def test_a_model_that_can_not_take_what_the_champion_takes_is_no_challenger(challenger: Model, words: str) -> None:
    champion: Any = Model(missing=("amount",))
    champion.classes = challenger.classes = (0, 1)  # type: ignore[attr-defined]
    with pytest.raises(PipelineError, match=words):
        check_interchangeable(champion, challenger)  # type: ignore[arg-type]


def test_neither_is_one_of_another_kind_or_with_another_feature_list(tmp_path: Path) -> None:
    binary, other = Servable.load(small_bundle(tmp_path / "a")), Servable.load(small_bundle(tmp_path / "b", "lightgbm"))
    check_interchangeable(binary, other)
    other = Servable.load(other.folder)
    other.contract = other.contract | {"decimals": 7}
    with pytest.raises(PipelineError, match=r"another feature list.*mode single"):
        check_interchangeable(binary, other)
    with pytest.raises(PipelineError, match="another name, task or classes"):
        check_interchangeable(binary, task_bundle(tmp_path / "c", "regression"))


def test_a_score_that_is_no_number_is_not_sound() -> None:
    scored = Model(("amount",)).score(Batch(np.array([[1.0]])))
    assert is_sound(scored)
    assert not is_sound(scored._replace(probability=np.array([np.nan])))
