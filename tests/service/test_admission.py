from collections.abc import Iterator

import pytest

from service import admission as module
from service.admission import FEW, Admission


class Clock:
    """Time that passes when it is told to."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        patch.setattr(module, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    return Clock(monkeypatch)


def queue(count: int, bound: float = 0.05) -> Admission:
    found = Admission(bound)
    for number in range(count):
        found.enter(number)
    return found


def test_few_always_wait_however_long_it_takes(clock: Clock) -> None:
    few, more = queue(FEW - 1), queue(FEW)
    clock.now += 60
    assert not few.full()
    assert more.full()


def test_many_may_wait_for_a_short_time(clock: Clock) -> None:
    found = queue(10_000)
    clock.now += 0.049
    assert not found.full()
    clock.now += 0.002
    assert found.full()


def test_the_oldest_one_that_waits_is_judged_and_no_other(clock: Clock) -> None:
    found = queue(10)
    clock.now += 0.2
    for number in range(10, 10 + FEW):
        found.enter(number)
    assert found.full()
    for number in range(10):  # being scored, or answered
        found.leave(number)
    assert len(found) == FEW
    assert not found.full()


def test_nobody_is_refused_for_what_one_request_takes_by_itself(clock: Clock) -> None:
    found = queue(1)
    found.leave(0)
    clock.now += 0.4  # a thousand rows with reasons
    found.took(0.4)
    for number in range(FEW):
        found.enter(number)
    clock.now += 0.3
    assert not found.full()
    for _ in range(200):  # then only quick ones
        found.took(0.001)
    assert found.full()


def test_it_ends_with_the_queue(clock: Clock) -> None:
    found = queue(1000)
    clock.now += 10
    assert found.full()
    for number in range(1000 - FEW + 1):
        found.leave(number)
    assert not found.full()


def test_one_that_left_already_may_leave_again() -> None:
    found = queue(1)
    found.leave(0)
    found.leave(0)
    assert len(found) == 0
