import asyncio
import time
from datetime import UTC, datetime

import pytest

from benchmarks.replay import Table
from lifecycle.features.online.plan import Plan
from lifecycle.problem.record_words import DAY_US
from problems.transactions import LABEL_DELAY_DAYS, PROBLEM
from tests.helpers_model import payments
from tests.service.helpers_home import ask, label, listed, opened, payment, refused, run


def far(key, days):
    """Return a payment of customer 0 and terminal 0, some days after the first."""
    return payment(96 * days, transaction_id=key, customer_id=0, terminal_id=0, amount=20.0)


FAULTS = {
    "late": ([far(1, 0)], "late_record", "row 3: 2.00 days older than the newest record of its 'customer_id'"),
    "late behind one of its own request": (
        [far(3, 9), far(4, 7)],
        "late_record",
        "row 4: 2.00 days older than the newest record of its 'customer_id'; at most 1 can be taken",
    ),
    "another under a key that is taken": (
        [payment(0, amount=5.0)],
        "other_content",
        "row 3: a record with the same key is kept already, with another 'amount'",
    ),
    "another under a key of its own request": ([far(3, 3), far(3, 4)], "other_content", "with another 'tx_time'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_of_a_request_with_a_faulty_event_nothing_is_kept(servable, fault):
    events, kind, words = FAULTS[fault]

    async def work():
        async with opened(servable, "memory") as home:
            await home.keep([payment(0), far(2, 2)], servable)
            before = await ask(home, servable, far(9, 10))
            good = [far(5, 2), label(2), payment(0)]
            refusal = await refused(lambda: home.keep([*good, *events], servable))
            assert (refusal.status, refusal.kind) == (409, kind)
            assert words in refusal.message
            assert repr(before) == repr(await ask(home, servable, far(9, 10)))
            assert await home.keep(good, servable) == (2, 1, 0)

    run(work())


def test_the_same_request_twice_changes_nothing(servable):
    async def work():
        async with opened(servable, "memory") as home:
            events = [*(payment(key) for key in range(30)), label(4), label(28)]
            assert await home.keep(events, servable) == (32, 0, 0)
            before = await ask(home, servable, payment(40))
            assert await home.keep(events, servable) == (0, 32, 0)
            assert repr(before) == repr(await ask(home, servable, payment(40)))

    run(work())


def test_a_repeat_is_fine_even_when_it_is_too_late_to_come_for_the_first_time(servable):
    async def work():
        async with opened(servable, "memory") as home:
            await home.keep([far(1, 0), far(2, 20)], servable)
            assert await home.keep([far(1, 0)], servable) == (0, 1, 0)
            refusal = await refused(lambda: home.keep([far(3, 0)], servable))
            assert refusal.kind == "late_record"

    run(work())


def test_a_repeat_of_what_the_same_request_makes_the_store_forget_is_a_repeat(servable):
    async def work():
        async with opened(servable, "memory") as home:
            old = [payment(key, customer_id=0, terminal_id=0) for key in range(12)]
            await home.keep(old, servable)
            assert await home.keep([far(100, 200), *old], servable) == (1, 12, 0)
            refusal = await refused(lambda: home.keep(old, servable))
            assert refusal.kind == "late_record"  # forgotten by now

    run(work())


def test_messages_name_no_keys(servable):
    async def work():
        async with opened(servable, "memory") as home:
            await home.keep([far(7777, 5)], servable)
            calls = [
                lambda: home.keep([far(8888, 1)], servable),
                lambda: ask(home, servable, far(8888, 1)),
                lambda: ask(home, servable, far(7777, 6)),
            ]
            for call in calls:
                refusal = await refused(call)
                assert refusal.status == 409
                assert not {"7777", "8888", "customer_id 0"} & set(refusal.message.split())
                assert "7777" not in refusal.message

    run(work())


def test_requests_keep_their_order_and_questions_get_a_turn_in_a_long_one(servable):
    async def work():
        async with opened(servable, "memory") as home:
            long = [payment(key) for key in range(3_000)]
            first = asyncio.create_task(home.keep(long, servable))
            await asyncio.sleep(0)
            second = asyncio.create_task(home.keep([payment(0), label(2_999)], servable))
            asked = 0
            while not first.done():
                await ask(home, servable, payment(9_000))
                asked += 1
                await asyncio.sleep(0)
            assert await first == (3_000, 0, 0)
            assert await second == (1, 1, 0)  # the label found its payment
            assert asked > 100

    run(work())


@pytest.mark.slow
def test_event_by_event_every_feature_of_every_payment_is_that_of_the_batch_table(tmp_path):
    table = Table.of(PROBLEM, payments(), LABEL_DELAY_DAYS)
    start = int(table.time.searchsorted(table.time[0] + 45 * DAY_US))
    base = table.snapshot(Plan(PROBLEM.features, PROBLEM.decimals), start)
    servable = listed(tmp_path / "bundle", PROBLEM.features, base)
    labels = list(table.labels(start))
    rows = payments().iloc[start : start + 3_000]
    sent = rows.drop(columns=["is_fraud", "fraud_scenario"]).assign(
        tx_time=rows["tx_time"].map(lambda t: t.isoformat())
    )

    async def work():
        async with opened(servable, tmp_path / "store") as home:
            for number, row in enumerate(sent.to_dict("records"), start):
                while labels and labels[0][0] <= table.time[number]:
                    _, key, _ = labels.pop(0)
                    assert await home.keep([label(key)], servable) == (1, 0, 0)
                (asked,) = await ask(home, servable, row)
                wanted = table.features.iloc[number].to_dict()
                assert repr({name: float(asked[name]) for name in wanted}) == repr(
                    {n: float(v) for n, v in wanted.items()}
                )
                assert await home.keep([row], servable) == (1, 0, 0)
            assert labels != list(table.labels(start))

    run(work())


def test_a_request_that_nobody_waits_for_any_more_is_kept_whole(servable):
    async def work():
        async with opened(servable, "memory") as home:
            events = [payment(key) for key in range(300)]
            for turns in range(1, 40, 3):
                task = asyncio.create_task(home.keep(events, servable))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
            while (await home.size())["records"] < 300:
                await asyncio.sleep(0)
            assert await home.keep(events, servable) == (0, 300, 0)

    run(work())


def test_the_end_waits_for_it(servable, place):
    async def work():
        async with opened(servable, place) as home:
            task = asyncio.create_task(home.keep([payment(key) for key in range(300)], servable))
            for _ in range(25):
                await asyncio.sleep(0)
            task.cancel()
        async with opened(servable, place) as home:
            assert (await home.size())["records"] in {0, 300}

    run(work())


def test_a_clock_that_was_set_back_does_not_refuse_what_was_taken_before(servable, monkeypatch):
    """A retry is repeated; what is new and lies ahead of all that was ever taken is still refused."""
    now = time.time()

    def at(days):
        return datetime.fromtimestamp(now + days * 86_400, UTC).isoformat()

    async def work():
        async with opened(servable, "memory") as home:
            first = payment(1, tx_time=at(0.9))
            assert (await home.keep([first], servable)).accepted == 1
            monkeypatch.setattr(time, "time", lambda: now - 3 * 86_400)
            assert (await home.keep([first], servable)).repeated == 1
            assert (await refused(lambda: home.keep([payment(2, tx_time=at(1.5))], servable))).kind == "too_far_ahead"
        async with opened(servable, "memory") as home:  # one that starts with the wrong clock
            assert (await refused(lambda: home.keep([payment(1, tx_time=at(0))], servable))).kind == "too_far_ahead"

    run(work())
