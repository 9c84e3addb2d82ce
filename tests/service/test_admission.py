from service.admission import FEW, ROWS, Admission


def queue(count: int, bound: float = 0.05) -> Admission:
    """Return what knows of requests that have come at 100."""
    found = Admission(bound)
    for number in range(count):
        found.enter(number, 100.0)
    return found


def test_few_always_wait_however_long_it_takes() -> None:
    assert not queue(ROWS - 1).full(160.0)
    assert queue(ROWS).full(160.0)


def test_many_may_wait_for_a_short_time() -> None:
    found = queue(10_000)
    assert not found.full(100.049)
    assert found.full(100.051)


def test_the_oldest_one_that_waits_is_judged_and_no_other() -> None:
    found = queue(10)
    for number in range(10, 10 + ROWS):
        found.enter(number, 100.2)
    assert found.full(100.2)
    for number in range(10):  # being scored, or answered
        found.leave(number)
    assert len(found._waiting) == ROWS
    assert not found.full(100.2)


def test_nobody_is_refused_for_what_one_request_takes_by_itself() -> None:
    found = queue(ROWS)
    found.took(0.4)  # a thousand rows with reasons
    assert not found.full(100.3)
    for _ in range(200):  # then only quick ones
        found.took(0.001)
    assert found.full(100.3)


def test_it_ends_with_the_queue() -> None:
    found = queue(1000)
    assert found.full(110.0)
    for number in range(1000 - ROWS + 1):
        found.leave(number)
    assert not found.full(110.0)


def test_one_that_left_already_may_leave_again() -> None:
    found = queue(1)
    found.leave(0)
    found.leave(0)
    assert not found._waiting


def test_requests_of_many_rows_fill_the_queue_sooner_but_never_when_they_are_few() -> None:
    for count, expected in ((FEW - 1, False), (FEW, True)):
        found = queue(count)
        assert not found.full(160.0)
        for number in range(count):
            found.weigh(number, 1000)
        assert found.full(160.0) is expected
        for number in range(count):
            found.leave(number)
        for number in range(FEW):
            found.enter(number, 100.0)
        assert not found.full(160.0)
