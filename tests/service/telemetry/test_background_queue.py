import threading

from service.telemetry.background_queue import MOST, BackgroundQueue


def test_what_is_put_in_is_taken_in_order_in_another_thread_and_in_parts():
    parts, threads = [], set()

    def take(things):
        parts.append(things)
        threads.add(threading.current_thread().name)

    queue = BackgroundQueue("emptying", 30.0, take)
    for number in range(MOST + 3):
        queue.put(number)
    assert len(queue) == MOST + 3
    queue.close(5.0)
    assert [len(part) for part in parts] == [MOST, 3]
    assert [number for part in parts for number in part] == list(range(MOST + 3))
    assert threads == {"emptying"}


def test_it_is_emptied_while_others_put_in():
    taken = threading.Event()
    queue = BackgroundQueue("emptying", 0.01, lambda things: taken.set())
    queue.put(1)
    assert taken.wait(5.0)
    queue.close(5.0)
