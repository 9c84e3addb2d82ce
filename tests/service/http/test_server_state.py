import time
from collections.abc import Iterator

import pytest

from service.http.server_state import ENOUGH, FEW, Admission


class Clock:
    """Time that passes when it is told to, for the wall and the processor."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.wall = self.processor = 0.0
        patch.setattr(time, "perf_counter", lambda: self.wall)
        patch.setattr(time, "thread_time", lambda: self.processor)

    def pass_(self, wall: float, processor: float) -> None:
        self.wall, self.processor = self.wall + wall, self.processor + processor


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    return Clock(monkeypatch)


def made(waiting: list[int], bound: float = 0.05) -> Admission:
    return Admission(waiting, bound)


def answer(admission: Admission, count: int) -> None:
    admission.answered += count
    admission.measure()


def test_a_queue_is_as_long_as_it_takes(clock: Clock) -> None:
    waiting: list[int] = []
    admission = made(waiting)
    admission.full()  # nobody waits: idle now and then
    clock.pass_(wall=1.0, processor=0.1)
    answer(admission, 1000)
    assert admission.seconds == pytest.approx(1e-4)
    waiting[:] = range(499)
    assert not admission.full()
    waiting[:] = range(501)
    assert admission.full()


def test_a_server_that_is_never_idle_is_as_fast_as_it_answers(clock: Clock) -> None:
    waiting = list(range(10))
    admission = made(waiting)
    clock.pass_(wall=0.1, processor=0.0001)
    answer(admission, 1)  # from before the first is known
    for _ in range(30):  # a store that takes 100 ms for a request costs no processor time
        admission.full()
        clock.pass_(wall=0.1, processor=0.0001)
        answer(admission, 1)
    assert admission.seconds == pytest.approx(0.1, rel=0.01)
    assert admission.full()


def test_few_are_always_taken(clock: Clock) -> None:
    waiting: list[int] = []
    admission = made(waiting)
    admission.full()
    clock.pass_(wall=1.0, processor=1.0)
    answer(admission, ENOUGH)
    waiting[:] = range(FEW - 1)
    assert not admission.full()
    waiting.append(0)
    assert admission.full()


def test_without_an_answer_what_is_known_stays_true(clock: Clock) -> None:
    admission = made(list(range(100)))
    assert not admission.full()  # nothing is known yet
    clock.pass_(wall=1.0, processor=1.0)
    answer(admission, 100)
    before = admission.seconds
    clock.pass_(wall=60.0, processor=0.0)
    admission.measure()
    assert admission.seconds == before > 0


def test_it_follows_a_change(clock: Clock) -> None:
    admission = made([])
    for took in [0.001] * 5 + [0.01] * 20:
        admission.full()
        clock.pass_(wall=1.0, processor=took * ENOUGH)
        answer(admission, ENOUGH)
    assert admission.seconds == pytest.approx(0.01, rel=0.01)


def test_a_slow_first_request_refuses_nobody(clock: Clock) -> None:
    waiting: list[int] = []
    admission = made(waiting)
    clock.pass_(wall=0.2, processor=0.1)
    answer(admission, 1)
    waiting[:] = range(100)
    assert not admission.full()


def test_the_end_of_a_load_is_no_slowness(clock: Clock) -> None:
    """The last requests are answered at once, and then nobody asks for the rest of the measurement."""
    waiting = list(range(10))
    admission = made(waiting)
    for _ in range(3):
        clock.pass_(wall=0.1, processor=0.1)
        answer(admission, 1000)
    waiting.clear()
    clock.pass_(wall=0.1, processor=0.001)
    answer(admission, 8)
    waiting[:] = range(100)
    assert not admission.full()
