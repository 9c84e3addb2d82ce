import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.problem.record_words import Hour, Raw
from tests.helpers_payments import EVERYTHING
from tests.service.helpers_home import ask, label, listed, opened, payment, refused, run


@pytest.fixture(params=["memory", "folder"])
def place(request, tmp_path):
    return "memory" if request.param == "memory" else tmp_path / "store"


def test_what_is_kept_is_seen_by_the_payments_that_come_after_it(servable, place):
    async def work():
        async with opened(servable, place) as home:
            (before,) = await ask(home, servable, payment(9))
            assert await home.keep([payment(key) for key in range(9)], servable) == (9, 0, 0)
            (after,) = await ask(home, servable, payment(9))
            assert (before["card_count_30d"], after["card_count_30d"]) == (1, 4)
            assert after["amount"] == 9.25
            assert after["customer_id"] == 0
            assert await home.size() == {"entities": 5, "records": 9}
            assert home.problem is None

    run(work())


def test_asking_changes_nothing(servable, place):
    async def work():
        async with opened(servable, place) as home:
            first = await ask(home, servable, *(payment(key) for key in range(40)))
            again = await ask(home, servable, *(payment(key) for key in range(40)))
            assert repr(first) == repr(again)  # missing values among them
            assert {row["card_count_30d"] for row in first} == {1}
            assert await home.size() == {"entities": 0, "records": 0}

    run(work())


def test_a_label_counts_once_its_delay_is_over_and_an_unknown_one_is_told(servable, place):
    async def work():
        async with opened(servable, place) as home:
            outcome = await home.keep([payment(4), label(4), label(4), label(5)], servable)
            assert outcome._asdict() == {"accepted": 2, "repeated": 1, "unknown": 1}
            early, late = await ask(home, servable, payment(4 + 4 * 24 * 7 - 2), payment(4 + 4 * 24 * 7))
            assert (early["shop_rate_30d"], late["shop_rate_30d"]) == (0, 1)

    run(work())


def test_hidden_features_are_for_words_only(tmp_path):
    servable = listed(tmp_path / "bundle")
    servable.numbers = servable.features = ("ratio", "amount")

    async def work():
        async with opened(servable, "memory") as home:
            (row,) = await ask(home, servable, payment(8))
            assert row["card_median_30d"] == 8.25

    run(work())


def test_without_a_store_rows_that_need_a_history_are_refused_with_what_to_set(servable):
    async def work():
        async with opened(servable, "none") as home:
            for call in (lambda: ask(home, servable, payment(1)), lambda: home.keep([payment(1)], servable)):
                refusal = await refused(call)
                assert (refusal.status, refusal.kind) == (422, "no_store")
                assert "the history of customer_id and terminal_id" in refusal.message
                assert "SERVE_STORE" in refusal.message

    run(work())


@pytest.mark.parametrize("place", ["none", "memory", "anything/else"])
def test_a_list_without_windows_needs_no_store_and_takes_no_events(tmp_path, place):
    servable = listed(tmp_path / "bundle", (Raw("amount"), Hour("hour")))

    async def work():
        async with opened(servable, place) as home:
            rows = await ask(home, servable, payment(1), payment(7))
            assert [(row["amount"], row["hour"]) for row in rows] == [(1.25, 0.25), (7.25, 1.75)]
            refusal = await refused(lambda: home.keep([payment(1)], servable))
            assert (refusal.status, refusal.kind) == (422, "no_history")
            assert await home.size() == {}

    run(work())
    assert not (tmp_path / "anything").exists()


def test_a_value_that_training_never_lacked_is_refused_when_a_window_is_empty(servable):
    servable.missing = frozenset()

    async def work():
        async with opened(servable, "memory") as home:
            refusal = await refused(lambda: ask(home, servable, payment(1)))
            assert (refusal.status, refusal.kind) == (422, "missing_value")

    run(work())


def test_a_model_of_another_list_can_not_be_swapped_in(servable, tmp_path):
    async def work():
        async with opened(servable, "memory") as home:
            home.check(listed(tmp_path / "same"))
            other = listed(tmp_path / "other", EVERYTHING[:-1])
            with pytest.raises(PipelineError, match="made with another feature list than the online store is open for"):
                home.check(other)

    run(work())


def test_a_model_that_needs_a_history_can_not_be_swapped_into_a_service_that_has_opened_none(servable, tmp_path):
    plain, other = listed(tmp_path / "plain", (Raw("amount"),)), listed(tmp_path / "other", (Hour("hour"),))

    async def work():
        async with opened(plain, "memory") as home:
            home.check(other)
            (row,) = await ask(home, other, payment(2))
            assert row["hour"] == 0.5
            with pytest.raises(PipelineError, match="restart the service, to open its store"):
                home.check(servable)
        async with opened(plain, "none") as home:
            home.check(servable)  # its rows of features can be scored

    run(work())


def test_a_memory_for_each_of_several_processes_is_refused(servable):
    with pytest.raises(PipelineError, match="each process would have a history of its own"):
        run(opened(servable, "memory", workers=2).__aenter__())


def test_an_address_of_no_known_server_is_refused(servable):
    with pytest.raises(PipelineError, match="SERVE_STORE"):
        run(opened(servable, "mysql://localhost/1").__aenter__())
